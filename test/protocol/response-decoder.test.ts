/** The response decoder against the encoder: arbitrary responses cut anywhere, and bytes that are no response. */
import * as fc from 'fast-check';
import { ResponseDecoder } from '../../src/protocol/response-decoder';
import { comparable, cut, decodePieces, everyByte, hex, places, responseBytes, responses, SEED } from './fixtures';

const FULL = hex('4b565302 00 01 00000007 0002 6d6d 00000001 76');
const malformed = { type: 'malformed', message: expect.stringMatching(/^Cannot read response: /) };

describe(`ResponseDecoder (FC_SEED=${SEED})`, () => {
  it('ResponseDecoder gives back what encodeResponse() wrote, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(responses(), { maxLength: 6 }), places, (sent, at) => {
        const decoder = new ResponseDecoder();
        expect(decodePieces(decoder, cut(responseBytes(...sent), at))).toEqual(sent.map(comparable));
        expect(decoder.bytesBuffered).toBe(0);
        expect(decoder.midResponse).toBe(false);
      }),
    );
  });

  it.each(Array.from(FULL.keys()))('ResponseDecoder waits when only %i bytes of a response have come', (bytes) => {
    const decoder = new ResponseDecoder();
    expect(decodePieces(decoder, everyByte(FULL.subarray(0, bytes)))).toEqual([]);
    expect(decoder.midResponse).toBe(bytes > 0);
    expect(decodePieces(decoder, [FULL.subarray(bytes)])).toHaveLength(1);
  });

  it('ResponseDecoder counts the meta that it holds until the value has come', () => {
    const decoder = new ResponseDecoder();
    expect(decodePieces(decoder, [FULL.subarray(0, -1)])).toEqual([]);
    expect(decoder.bytesBuffered).toBe(2);
  });

  it.each([
    [0, 'magic'],
    [1, 'magic'],
    [2, 'magic'],
    [3, 'version'],
    [4, 'status'],
    [5, 'flags'],
  ])('ResponseDecoder gives up as soon as byte %i, of the %s, is wrong', (wrongAt) => {
    const bytes = Buffer.from(FULL);
    bytes[wrongAt] = 0x99;
    const decoder = new ResponseDecoder();
    expect(decodePieces(decoder, everyByte(bytes.subarray(0, wrongAt)))).toEqual([]);
    expect(decodePieces(decoder, [bytes.subarray(wrongAt, wrongAt + 1)])).toEqual([malformed]);
    expect(decodePieces(decoder, [FULL])).toEqual([]);
    expect(decoder.bytesBuffered).toBe(0);
    expect(decoder.midResponse).toBe(false);
  });

  it('ResponseDecoder gives up on a value that is longer than its limit, as soon as its length has come', () => {
    expect(decodePieces(new ResponseDecoder(), [hex('4b565301 00 ffffffff')])).toEqual([malformed]);
    const decode = (head: string) => decodePieces(new ResponseDecoder({ valueBytesMax: 2 }), [hex(head)]);
    expect(decode('4b565301 00 00000003')).toEqual([malformed]);
    expect(decode('4b565301 00 00000002')).toEqual([]);
  });

  it('ResponseDecoder takes any other byte sequence without throwing, and ends', () => {
    const prefixes = fc.constantFrom('', '4b56', '4b56530100', '4b5653020001', '4b5653020000');
    fc.assert(
      fc.property(prefixes, fc.uint8Array({ maxLength: 300 }), places, (prefix, bytes, at) => {
        const stream = Buffer.concat([hex(prefix), bytes]);
        const found = decodePieces(new ResponseDecoder({ valueBytesMax: 100 }), cut(stream, at));
        expect(found).toEqual(decodePieces(new ResponseDecoder({ valueBytesMax: 100 }), [stream]));
      }),
      { numRuns: 300 },
    );
  });
});
