/** The meta of a response as MessagePack: golden bytes, arbitrary meta there and back, and arbitrary bytes that must never throw. */
import * as fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { toBinaryString, toBuffer } from '../../src/octets';
import { decodeMeta, encodeMeta, type Meta } from '../../src/protocol/meta';
import { hex, SEED } from './fixtures';

const version = toBinaryString(hex('000102030405060708090a0b0c0d0eff'));

const metas: fc.Arbitrary<Meta> = fc.record(
  {
    version: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBinaryString),
    acks: fc.nat(),
    copies: fc.nat(),
    degraded: fc.boolean(),
    hops: fc.nat(),
  },
  { requiredKeys: [] },
);

describe(`encodeMeta() and decodeMeta() (FC_SEED=${SEED})`, () => {
  it('decodeMeta() gives back what encodeMeta() wrote', () => {
    fc.assert(fc.property(metas, (meta) => expect(decodeMeta(encodeMeta(meta))).toEqual({ ok: true, value: meta })));
  });

  it('decodeMeta() reads the shortest MessagePack map, version as bytes', () => {
    const octets = toBinaryString(
      hex('83 a776657273696f6e c410 000102030405060708090a0b0c0d0eff a461636b73 02 a86465677261646564 c3'),
    );
    expect(decodeMeta(octets)).toEqual({ ok: true, value: { version, acks: 2, degraded: true } });
  });

  it('encodeMeta() writes a plain map and leaves out what does not apply', () => {
    expect(unpack(toBuffer(encodeMeta({ hops: 1 })))).toEqual({ hops: 1 });
    expect(encodeMeta({ version })).toContain(`version\xc4\x10${version}`);
    expect(decodeMeta(encodeMeta({}))).toEqual({ ok: true, value: {} });
  });

  it('decodeMeta() passes over keys that it does not know', () => {
    expect(decodeMeta(toBinaryString(pack({ acks: 1, colour: 'red', __proto__: { hops: 2 } })))).toEqual({
      ok: true,
      value: { acks: 1 },
    });
  });

  it.each([
    { version: 'sixteen letters!' },
    { version: Buffer.alloc(15) },
    { acks: -1 },
    { acks: '1' },
    { copies: 1.5 },
    { hops: null },
    { hops: 2n ** 60n },
    { degraded: 1 },
  ])('decodeMeta() refuses %o', (map) => {
    const [name] = Object.keys(map);
    const refused = decodeMeta(toBinaryString(pack(map)));
    expect(refused).toEqual({ ok: false, error: `Cannot read meta: "${name}" has the wrong type` });
  });

  it.each(['', 'c0', '93010203', '01', 'c1', '8080', '81a461636b73', 'd6ff00000000', 'de0005', 'dfffffffff'])(
    'decodeMeta() refuses %s, which is no map',
    (digits) => {
      expect(decodeMeta(toBinaryString(hex(digits)))).toMatchObject({ ok: false });
    },
  );

  it('decodeMeta() refuses nesting that is too deep to unpack', () => {
    expect(decodeMeta(toBinaryString(Buffer.alloc(65_000, 0x91)))).toMatchObject({ ok: false });
  });

  it('decodeMeta() takes any bytes without throwing, and reads a good map afterwards', () => {
    const good = encodeMeta({ version, acks: 1 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const result = decodeMeta(toBinaryString(bytes));
        if (!result.ok) expect(result.error).toMatch(/^Cannot read meta: /);
        expect(decodeMeta(good)).toEqual({ ok: true, value: { version, acks: 1 } });
      }),
      { numRuns: 1000 },
    );
  });

  it('decodeMeta() hands out nothing that shares memory with its input', () => {
    const bytes = Buffer.concat([toBuffer(encodeMeta({ version }))]);
    const result = decodeMeta(bytes);
    bytes.fill(0);
    expect(result).toEqual({ ok: true, value: { version } });
  });
});
