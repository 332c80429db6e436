/**
 * The RPC handshake: both sides against each other, golden bytes, every way to refuse, and a listener that strangers try.
 */
import * as fc from 'fast-check';
import { pack } from 'msgpackr';
import { nodeId } from '../../src/chord/id';
import { toBuffer } from '../../src/octets';
import { uint32 } from '../../src/protocol/octet-writer';
import { FrameDecoder } from '../../src/protocol/rpc-frames';
import {
  Handshake,
  type HandshakeEvent,
  type HandshakeOptions,
  HELLO_BYTES_MAX,
  type Hello,
  helloOf,
  peerOf,
} from '../../src/protocol/rpc-handshake';
import { cut, everyByte, hex, places, SEED } from './fixtures';

const NODE = { host: '127.0.0.1', port: 9001, inc: 7n, cluster: 'blue', features: ['sync', 'zip'], replicas: 3 };
const A = helloOf(NODE);
const B = helloOf({ ...NODE, host: 'b.example', port: 9002, inc: 2n ** 64n - 1n, features: ['zip', 'new'] });

const PREAMBLE = '4348525043 01';
const A_HELLO =
  '0000003f 99 04 c414 2c927f3d9c0e1fea287055d88c0d5b369564e67a a93132372e302e302e31 cd2329 d30000000000000007' +
  ' a4626c7565 92 a473796e63 a37a6970 03 c0';

const dialler = (self: Hello, extra: Partial<HandshakeOptions> = {}) =>
  new Handshake({ role: 'dialler', self, ...extra });
const listener = (self: Hello) => new Handshake({ role: 'listener', self });

function drain(handshake: Handshake): HandshakeEvent[] {
  const events: HandshakeEvent[] = [];
  for (let event = handshake.next(); event !== undefined; event = handshake.next()) {
    events.push(event);
    if (events.length > 10) throw new Error('The handshake does not end');
  }
  return events;
}

/** What comes of pieces that arrive one after the other. */
function take(handshake: Handshake, ...pieces: readonly Uint8Array[]): HandshakeEvent[] {
  return [
    ...drain(handshake),
    ...pieces.flatMap((piece) => {
      const chunk = Uint8Array.from(piece);
      handshake.push(chunk);
      const events = drain(handshake);
      chunk.fill(0x2a);
      return events;
    }),
  ];
}

/** All the bytes that these events send. */
function sent(events: readonly HandshakeEvent[]): Buffer {
  const octets = events.map((event) => {
    if (event.type === 'send') return event.octets;
    return event.type === 'refused' ? event.farewell : undefined;
  });
  return Buffer.concat(octets.filter((each) => each !== undefined).map(toBuffer));
}

function framed(message: unknown): Buffer {
  const bytes = pack(message);
  return Buffer.concat([Buffer.from(uint32(bytes.length), 'latin1'), bytes]);
}

/** What a listener says to a dialler with this message for a hello. */
function heard(message: unknown): HandshakeEvent | undefined {
  return take(listener(A), hex(PREAMBLE), framed(message)).at(-1);
}

/** Lets both sides speak until neither has more to say. */
function meet(one: Handshake, other: Handshake): [HandshakeEvent[], HandshakeEvent[]] {
  const ones = take(one);
  const others = take(other);
  let [bytesOfOne, bytesOfOther] = [sent(ones), sent(others)];
  while (bytesOfOne.length + bytesOfOther.length > 0) {
    const [next, nextOfOther] = [take(one, bytesOfOther), take(other, bytesOfOne)];
    ones.push(...next);
    others.push(...nextOfOther);
    [bytesOfOne, bytesOfOther] = [sent(next), sent(nextOfOther)];
  }
  return [ones, others];
}

const message = expect.stringMatching(/^Cannot speak with node: /);

describe(`Handshake between nodes that may speak (FC_SEED=${SEED})`, () => {
  it('Handshake ends with each knowing the other, and the features that both have', () => {
    const [ofDialler, ofListener] = meet(dialler(A, { expects: B.id }), listener(B));
    expect(ofDialler.at(-1)).toEqual({ type: 'accepted', hello: B, features: ['zip'] });
    expect(ofListener.at(-1)).toEqual({ type: 'accepted', hello: A, features: ['zip'] });
  });

  it('Handshake sends the golden bytes: a dialler shows its hello only to who speaks its version', () => {
    const node = dialler(A);
    expect(sent(take(node))).toEqual(hex(PREAMBLE));
    expect(take(node, hex('4348525043'))).toEqual([]);
    expect(sent(take(node, hex('01')))).toEqual(hex(A_HELLO));
  });

  it('Handshake sends the golden bytes: a listener says nothing before the preamble, and then all', () => {
    const node = listener(A);
    expect(take(node, hex('4348525043'))).toEqual([]);
    expect(sent(take(node, hex('01')))).toEqual(hex(PREAMBLE + A_HELLO));
  });

  it('Handshake comes to the same wherever the bytes are cut', () => {
    const bytes = hex(`${PREAMBLE} ${A_HELLO}`);
    const whole = take(listener(B), bytes);
    expect(whole).toMatchObject([{ type: 'send' }, { type: 'accepted', hello: A }]);
    expect(take(listener(B), ...everyByte(bytes))).toEqual(whole);
    fc.assert(fc.property(places, (at) => expect(take(listener(B), ...cut(bytes, at))).toEqual(whole)));
  });

  it('Handshake leaves what comes behind the hello to the decoder of frames', () => {
    const ping = hex('0000000a 95 00 01 a470696e67 c0 c0');
    const bytes = Buffer.concat([hex(PREAMBLE + A_HELLO), ping, ping.subarray(0, 6)]);
    fc.assert(
      fc.property(places, (at) => {
        const node = listener(B);
        for (const piece of cut(bytes, at)) {
          node.push(piece);
          drain(node);
        }
        const decoder = new FrameDecoder(100, node.input);
        expect(decoder.next()).toMatchObject({ type: 'request', method: 'ping' });
        expect(decoder.next()).toBeUndefined();
        decoder.push(ping.subarray(6));
        expect(decoder.next()).toMatchObject({ type: 'request', method: 'ping' });
      }),
    );
  });

  it('Handshake passes over what a newer node adds to its hello, and reads a short incarnation', () => {
    const newer = [4, hex(A.id), A.host, A.port, 7, A.cluster, A.features, 3, Buffer.of(1, 2), 'more', [1]];
    const accepted = take(listener(B), hex(PREAMBLE), framed(newer)).at(-1);
    expect(accepted).toEqual({ type: 'accepted', hello: { ...A, proof: Uint8Array.of(1, 2) }, features: ['zip'] });
  });

  it('Handshake reads a hello without a proof', () => {
    const short = [4, hex(A.id), A.host, A.port, A.inc, A.cluster, A.features, 3];
    expect(take(listener(B), hex(PREAMBLE), framed(short)).at(-1)).toMatchObject({ type: 'accepted', hello: A });
  });

  it('helloOf() and peerOf() name the member that an address and an incarnation make', () => {
    expect(peerOf(A)).toEqual({ id: nodeId('127.0.0.1', 9001), addr: '127.0.0.1:9001', inc: 7n });
  });
});

describe('Handshake between nodes that may not', () => {
  it.each<[string, string]>([
    ['not_rpc', 'KVS\x01'],
    ['not_rpc', 'CHRPX'],
    ['not_rpc', 'HTTP/1.1 400'],
  ])('Handshake refuses as %s, without a word, who begins with %j', (code, text) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(take(listener(A), bytes)).toEqual([{ type: 'refused', code, message }]);
    expect(take(dialler(A), bytes).slice(1)).toEqual([{ type: 'refused', code, message }]);
  });

  it('Handshake refuses another version on both sides; the listener says which is his', () => {
    const code = 'version_mismatch';
    const other = hex('4348525043 02');
    expect(take(dialler(A), other).slice(1)).toEqual([{ type: 'refused', code, message }]);
    const refused = take(listener(A), other);
    expect(refused).toEqual([{ type: 'refused', code, message, farewell: expect.anything() }]);
    expect(sent(refused)).toEqual(hex(PREAMBLE));
  });

  it('Handshake refuses another cluster on both sides, naming both', () => {
    const [ofDialler, ofListener] = meet(dialler(A), listener(helloOf({ ...B, cluster: 'red' })));
    const expected = { type: 'refused', code: 'cluster_mismatch', message };
    expect(ofDialler.at(-1)).toMatchObject(expected);
    expect(ofListener.at(-1)).toMatchObject(expected);
    expect(ofDialler.at(-1)).toMatchObject({
      message: 'Cannot speak with node: b.example:9002 belongs to cluster "red", 127.0.0.1:9001 to "blue"',
    });
  });

  it('Handshake refuses a node that keeps another number of copies, saying how many either keeps', () => {
    const [ofDialler, ofListener] = meet(dialler(A), listener(helloOf({ ...B, replicas: 1 })));
    const code = 'replicas_mismatch';
    expect(ofDialler.at(-1)).toMatchObject({
      code,
      message: 'Cannot speak with node: b.example:9002 keeps 1 copy of each key, 127.0.0.1:9001 3 copies',
    });
    expect(ofListener.at(-1)).toMatchObject({
      code,
      message: 'Cannot speak with node: 127.0.0.1:9001 keeps 3 copies of each key, b.example:9002 1 copy',
    });
  });

  it('Handshake refuses a node that has dialled itself', () => {
    const [ofDialler, ofListener] = meet(dialler(A), listener({ ...A, inc: 8n }));
    for (const events of [ofDialler, ofListener]) expect(events.at(-1)).toMatchObject({ code: 'same_node', message });
  });

  it('Handshake refuses another node than the one that was dialled, and tells the one that accepted', () => {
    const node = dialler(A, { expects: nodeId('c.example', 9003) });
    const other = listener(B);
    take(other, hex(PREAMBLE), hex(A_HELLO));
    const refused = take(node, hex(PREAMBLE), framed([4, hex(B.id), B.host, B.port, B.inc, B.cluster, [], 3]));
    expect(refused.at(-1)).toMatchObject({ code: 'other_node', message });
    const frames = new FrameDecoder(HELLO_BYTES_MAX, other.input);
    frames.push(sent(refused.slice(-1)));
    expect(frames.next()).toMatchObject({ type: 'error', correlationId: 0, code: 'refused' });
  });

  it('Handshake refuses an identifier that is not the SHA-1 of its address', () => {
    const forged = heard([4, hex(A.id), B.host, B.port, B.inc, B.cluster, [], 3]);
    expect(forged).toMatchObject({ type: 'refused', code: 'id_mismatch', message });
  });

  it('Handshake takes the refusal of the other side for what it is, and answers it no more', () => {
    expect(heard([2, 0, 'refused', 'cluster_mismatch: red'])).toEqual({
      type: 'refused',
      code: 'refused_by_peer',
      message: 'Cannot speak with node: the other side refuses, cluster_mismatch: red',
    });
  });

  const good: readonly unknown[] = [4, hex(B.id), B.host, B.port, B.inc, B.cluster, B.features, 3, null];
  it.each<[string, unknown]>([
    ['nil', null],
    ['a map', { id: 1 }],
    ['an empty array', []],
    ['a ping', [0, 1, 'ping', null, null]],
    ['a wrong tag', good.with(0, 5)],
    ['a text for an identifier', good.with(1, B.id)],
    ['an identifier of 19 bytes', good.with(1, Buffer.alloc(19))],
    ['an empty host', good.with(2, '')],
    ['a host with a blank', good.with(2, 'b example')],
    ['a host with a control character', good.with(2, 'b\x1b[2J')],
    ['a host too long', good.with(2, 'b'.repeat(256))],
    ['port 0', good.with(3, 0)],
    ['port 65536', good.with(3, 65_536)],
    ['port 1.5', good.with(3, 1.5)],
    ['a text for a port', good.with(3, '9002')],
    ['a negative incarnation', good.with(4, -1)],
    ['a fraction for an incarnation', good.with(4, 1.5)],
    ['an empty cluster', good.with(5, '')],
    ['a cluster too long', good.with(5, 'c'.repeat(65))],
    ['a text for features', good.with(6, 'zip')],
    ['a number for a feature', good.with(6, [1])],
    ['too many features', good.with(6, Array.from({ length: 33 }, String))],
    ['no copies', good.with(7, 0)],
    ['256 copies', good.with(7, 256)],
    ['a text for copies', good.with(7, '3')],
    ['a text for a proof', good.with(8, 'proof')],
    ['a proof too long', good.with(8, Buffer.alloc(1025))],
    ['a hello cut short', good.slice(0, 7)],
  ])('Handshake refuses %s for a hello, aloud', (_what, said) => {
    const refused = heard(said);
    expect(refused).toMatchObject({ type: 'refused', code: 'bad_hello', message });
    expect(refused && 'farewell' in refused).toBe(true);
  });

  it('Handshake refuses a hello that is too long, before it has come', () => {
    const node = listener(A);
    const refused = take(node, hex(PREAMBLE), Buffer.from(uint32(HELLO_BYTES_MAX + 1), 'latin1'));
    expect(refused.at(-1)).toMatchObject({ type: 'refused', code: 'bad_hello' });
    expect(take(node, Buffer.alloc(100_000))).toEqual([]);
    expect(node.input.bytesBuffered).toBe(0);
  });

  it.each<Partial<Hello>>([
    { host: '' },
    { port: 0 },
    { cluster: '' },
    { inc: -1n },
    { features: ['a b'] },
    { replicas: 0 },
  ])('Handshake throws when a node would say %p of itself', (wrong) => {
    expect(() => listener(helloOf({ ...A, ...wrong }))).toThrow(/^Cannot shake hands: /);
  });

  it('Handshake takes any bytes without throwing, and refuses at most once', () => {
    const prefixes = fc.constantFrom('', '4348', PREAMBLE, `${PREAMBLE} 00000010`, `${PREAMBLE} 00000020 98 04 c414`);
    fc.assert(
      fc.property(prefixes, fc.uint8Array({ maxLength: 200 }), places, (prefix, bytes, at) => {
        const stream = Buffer.concat([hex(prefix), bytes]);
        const events = take(listener(A), ...cut(stream, at));
        expect(events).toEqual(take(listener(A), stream));
        const refusedAt = events.findIndex(({ type }) => type === 'refused');
        expect([-1, events.length - 1]).toContain(refusedAt);
      }),
      { numRuns: 1000 },
    );
  });
});
