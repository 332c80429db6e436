/** The writer, by values: what it joins, what it passes through without a copy, and which numbers it refuses. */
import { fromUtf8 } from '../../src/octets';
import { OctetWriter, uint8, uint16, uint32 } from '../../src/protocol/octet-writer';

describe('OctetWriter', () => {
  it('OctetWriter joins short pieces of either form into one binary string', () => {
    const writer = new OctetWriter();
    writer.write(fromUtf8('a'));
    writer.write(Uint8Array.of(0xff, 0x00));
    writer.write('');
    writer.write('b');
    expect(writer.bytes).toBe(4);
    expect(writer.takeAll()).toEqual(['a\xff\x00b']);
  });

  it('OctetWriter passes a long Uint8Array through without a copy, in its place', () => {
    const long = new Uint8Array(5000);
    const writer = new OctetWriter();
    for (const octets of [long, 'a', long, long, 'b']) writer.write(octets);
    expect(writer.bytes).toBe(15_002);
    const pieces = writer.takeAll();
    expect(pieces.map((piece) => piece.length)).toEqual([5000, 1, 5000, 5000, 1]);
    expect(pieces[2]).toBe(long);
  });

  it('OctetWriter is empty at first and after takeAll()', () => {
    const writer = new OctetWriter();
    expect(writer.takeAll()).toEqual([]);
    writer.write('a');
    writer.takeAll();
    expect(writer.bytes).toBe(0);
    expect(writer.takeAll()).toEqual([]);
  });

  it('uint8(), uint16() and uint32() write the highest byte first', () => {
    expect(uint8(0xfe)).toBe('\xfe');
    expect(uint16(0xfedc)).toBe('\xfe\xdc');
    expect(uint32(0xfedcba98)).toBe('\xfe\xdc\xba\x98');
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 32, Number.POSITIVE_INFINITY])('uint32() refuses %d', (value) => {
    expect(() => uint32(value)).toThrow(RangeError);
    expect(() => uint16(value)).toThrow(RangeError);
    expect(() => uint8(value)).toThrow(RangeError);
  });
});
