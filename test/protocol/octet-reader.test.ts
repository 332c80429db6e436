/** The incremental reader, by values: fields that end where a piece ends, begin in one and go on in the next. */
import { OCTET_STRING_BYTES_MAX } from '../../src/octets';
import { OctetReader } from '../../src/protocol/octet-reader';
import { hex } from './fixtures';

function readerOf(...pieces: readonly string[]): OctetReader {
  const reader = new OctetReader();
  for (const piece of pieces) reader.push(hex(piece));
  return reader;
}

describe('OctetReader', () => {
  it('OctetReader reads numbers, the highest byte first, from one piece and from several', () => {
    for (const pieces of [['fe fedc fedcba98'], ['fe', 'fe', 'dcfe', 'dcba', '98']]) {
      const reader = readerOf(...pieces);
      expect([reader.uint8(), reader.uint16(), reader.uint32()]).toEqual([0xfe, 0xfedc, 0xfedcba98]);
      expect([reader.uint8(), reader.uint16(), reader.uint32()]).toEqual([undefined, undefined, undefined]);
    }
  });

  it('OctetReader keeps the order of pieces that are pushed while others wait', () => {
    const reader = readerOf('01', '02', '03');
    expect(reader.uint8()).toBe(1);
    reader.push(hex('04'));
    expect([reader.uint8(), reader.uint8(), reader.uint8(), reader.uint8()]).toEqual([2, 3, 4, undefined]);
  });

  it('OctetReader goes on with a field where it stopped', () => {
    const reader = readerOf('0102');
    expect(reader.uint32()).toBeUndefined();
    expect([reader.midField, reader.bytesBuffered]).toEqual([true, 2]);
    reader.push(hex('030405'));
    expect(reader.uint32()).toBe(0x01020304);
    expect([reader.midField, reader.bytesBuffered]).toEqual([false, 1]);
  });

  it('OctetReader matches a text until the first byte that differs, and can then try another', () => {
    const reader = readerOf('4b');
    expect(reader.matches('KVS')).toBeUndefined();
    reader.push(hex('58 4b5653'));
    expect(reader.matches('KVS')).toBe(false);
    expect(reader.matches('KVS')).toBe(true);
  });

  it('OctetReader takes a number only where all of it lies in the piece at hand and is the expected one', () => {
    const reader = readerOf('01020304 05060708', '0506');
    expect([reader.takesUint32(0x05060708), reader.takesUint32(0x01020304)]).toEqual([false, true]);
    expect(reader.uint16()).toBe(0x0506);
    expect(reader.takesUint32(0x07080506)).toBe(false);
    expect(reader.uint32()).toBe(0x07080506);
    expect(reader.takesUint32(0)).toBe(false);
  });

  it('OctetReader takes no number across the bytes of one that has begun', () => {
    const reader = readerOf('4b');
    expect(reader.matches('KVS')).toBeUndefined();
    reader.push(hex('56530101'));
    expect(reader.takesUint32(0x56530101)).toBe(false);
    expect([reader.matches('KVS'), reader.bytesBuffered]).toEqual([true, 2]);
  });

  it('OctetReader gives a short value as a string and a long one as a Uint8Array, cut or not', () => {
    for (const bytes of [0, 1, OCTET_STRING_BYTES_MAX, OCTET_STRING_BYTES_MAX + 1]) {
      const reader = new OctetReader();
      reader.push(Buffer.alloc(bytes + bytes - Math.ceil(bytes / 2)));
      const forms = [reader.octets(bytes)];
      if (bytes > 0) expect(reader.octets(bytes)).toBeUndefined();
      reader.push(Buffer.alloc(Math.ceil(bytes / 2)));
      forms.push(reader.octets(bytes));
      const form = bytes > OCTET_STRING_BYTES_MAX ? 'object' : 'string';
      expect(forms.map((octets) => [typeof octets, octets?.length])).toEqual([
        [form, bytes],
        [form, bytes],
      ]);
    }
  });

  it('OctetReader skips what has come, over the borders of pieces, and says how much', () => {
    const reader = readerOf('0102', '0304', '05');
    expect(reader.skip(3)).toBe(3);
    expect(reader.uint8()).toBe(4);
    expect(reader.skip(9)).toBe(1);
    expect(reader.skip(9)).toBe(0);
  });

  it('OctetReader forgets everything on clear(), begun fields included', () => {
    const begun: readonly ((reader: OctetReader) => unknown)[] = [
      (reader) => reader.uint8(),
      (reader) => reader.uint32(),
      (reader) => reader.octets(9),
    ];
    for (const begin of begun) {
      const reader = readerOf('01', '02', '03');
      begin(reader);
      reader.clear();
      expect([reader.midField, reader.bytesBuffered]).toEqual([false, 0]);
      reader.push(hex('01020304'));
      expect(reader.uint32()).toBe(0x01020304);
    }
  });
});
