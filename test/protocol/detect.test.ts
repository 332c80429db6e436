/** Detection: what every beginning of a connection says about its protocol. */
import * as fc from 'fast-check';
import { detectProtocol } from '../../src/protocol/detect';
import { hex, SEED } from './fixtures';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

describe(`detectProtocol() (FC_SEED=${SEED})`, () => {
  it.each(['', 'K', 'KV', 'KVS', 'C', 'CH', 'CHR', 'CHRP', 'CHRPC'])(
    'detectProtocol() asks for more after "%s"',
    (text) => {
      expect(detectProtocol(latin1(text))).toEqual({ protocol: 'undecided' });
    },
  );

  it.each([0, 1, 2, 3, 255])(
    'detectProtocol() knows version %i of both protocols, for their decoders to judge',
    (version) => {
      expect(detectProtocol(Buffer.from([...latin1('KVS'), version]))).toEqual({ protocol: 'client', version });
      expect(detectProtocol(Buffer.from([...latin1('CHRPC'), version]))).toEqual({ protocol: 'rpc', version });
    },
  );

  it.each(['X', 'KX', 'KVX', 'CX', 'CHX', 'CHRX', 'CHRPX', 'kvs\x01', 'GET / HTTP/1.1', '\x00', 'CVS\x01', 'KHRPC'])(
    'detectProtocol() gives %j up at its first wrong byte',
    (text) => {
      expect(detectProtocol(latin1(text))).toEqual({ protocol: 'unknown' });
    },
  );

  it('detectProtocol() does not look behind the version', () => {
    expect(detectProtocol(hex('43485250 43 01 ffffffff'))).toEqual({ protocol: 'rpc', version: 1 });
    expect(detectProtocol(hex('4b5653 02 04'))).toEqual({ protocol: 'client', version: 2 });
  });

  it('detectProtocol() never takes a verdict back when more comes', () => {
    const beginnings = fc.constantFrom('', 'K', 'KV', 'KVS', 'C', 'CHR', 'CHRPC');
    fc.assert(
      fc.property(beginnings, fc.uint8Array({ maxLength: 8 }), (beginning, rest) => {
        const bytes = Buffer.concat([latin1(beginning), rest]);
        const verdicts = Array.from({ length: bytes.length + 1 }, (_, end) => detectProtocol(bytes.subarray(0, end)));
        const decided = verdicts.filter(({ protocol }) => protocol !== 'undecided');
        for (const verdict of decided) expect(verdict).toEqual(decided[0]);
        if (bytes.length > 5) expect(decided).not.toEqual([]);
      }),
    );
  });
});
