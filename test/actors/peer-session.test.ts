/** What a node answers another one that has dialled it, or somebody who pretends to be one. */
import { createConnection } from 'node:net';
import * as fc from 'fast-check';
import type { Id } from '../../src/chord/id';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { currentSelf, ManualClock, type Pid } from '../../src/otp';
import { type Described, NO_COPIES } from '../../src/protocol/rpc-description';
import type { DecodedFrame, Frame, RequestFrame, ResponseFrame } from '../../src/protocol/rpc-frames';
import { peerOf } from '../../src/protocol/rpc-handshake';
import { encodeQuestion, type RpcQuestion } from '../../src/protocol/rpc-messages';
import { refuseRpc, replyRpc } from '../../actors/rpc-reply';
import type { DataAsked } from '../../actors/data-service';
import { IN_FLIGHT_MAX } from '../../actors/questions';
import { closeAll, closeLater, inShort, PING, RawClient, until } from '../support/node';
import { type ActorMessage, frames, helloAt, HOST, PeerNode, RawPeer } from '../support/peer-node';
import { R } from '../protocol/rpc-fixtures';
import { Record } from '../../src/store/record';
import { hex, SEED } from '../protocol/fixtures';

afterEach(closeAll);

const GUEST = helloAt(9, { inc: 99n });

const DESCRIBED: Described = {
  type: 'described',
  self: peerOf(GUEST),
  state: 'active',
  predecessor: undefined,
  successors: [],
  fingers: [],
  arcs: [],
  keys: 0,
  bytes: 0,
  tombstones: 0,
  copies: NO_COPIES,
};

const request = (correlationId: number, question: RpcQuestion, deadlineMs?: number): RequestFrame => ({
  type: 'request',
  correlationId,
  ...encodeQuestion(question),
  deadlineMs,
});

/** The body of the frame, or the code of the error. */
function said(frame: DecodedFrame | undefined): unknown {
  switch (frame?.type) {
    case 'response':
      return frame.body;
    case 'error':
      return frame.code;
    default:
      return frame;
  }
}

/** What has been answered so far, by the number of the question. */
const answersOf = (peer: RawPeer): { readonly [id: number]: unknown } =>
  Object.fromEntries(peer.received.map((frame) => [(frame as ResponseFrame).correlationId, said(frame)] as const));

const EPOCH = { n: 1, by: 1n };
const EMPTY_DIGEST = { count: 0, fp0: 0, fp1: 0 };

async function withGuest(options: Parameters<typeof PeerNode.start>[0] = {}) {
  const node = await PeerNode.start(options);
  const guest = await RawPeer.dial(node.hello.port, GUEST);
  await guest.accepted();
  return { node, guest };
}

describe('a question', () => {
  it('goes to the actor that can answer it, with who asks; the answers come in any order', async () => {
    const { node, guest } = await withGuest();
    const asked: [string, ActorMessage][] = [];
    for (const name of ['ring-state', 'failure-detector', 'handoff']) {
      node.actor(name, (message: ActorMessage) => void asked.push([name, message]));
    }
    const arc = { lo: GUEST.id as Id, hi: GUEST.id as Id };
    const epoch = EPOCH;
    const questions: readonly [string, RpcQuestion][] = [
      ['ring-state', { type: 'ping' }],
      ['ring-state', { type: 'get_state' }],
      ['ring-state', { type: 'join' }],
      ['failure-detector', { type: 'ping_for', target: node.peer }],
      ['handoff', { type: 'sync_open', arc, epoch, purpose: 'listen' }],
      ['handoff', { type: 'sync_ready', arc, epoch }],
      ['handoff', { type: 'seal', arc, epoch, members: [node.peer], since: epoch }],
      ['handoff', { type: 'view_get', arc }],
      ['handoff', { type: 'view_voter', arc, epoch }],
      ['handoff', { type: 'invite', arc, epoch }],
      ['handoff', { type: 'depart' }],
      ['handoff', { type: 'death_of', target: node.peer }],
      ['handoff', { type: 'clean_up', arc, epoch }],
    ];
    guest.send(...questions.map(([, question], index) => request(index + 1, question)));
    await until('all have come', () => asked.length === questions.length);
    expect(asked.map(([name, message]) => [name, message.type === 'rpc_asked' && message.question])).toEqual(
      expect.arrayContaining(questions as unknown[]),
    );
    const replier = node.actor('somebody', () => {
      for (const [, message] of asked.toReversed()) {
        if (message.type !== 'rpc_asked') continue;
        expect(message.replyTo.from).toEqual(peerOf(GUEST));
        if (message.question.type === 'join') refuseRpc(message.replyTo, 'not_a_member', 'Cannot answer: no');
        else replyRpc(message.replyTo, { type: 'pong' });
        // Only the first answer counts.
        replyRpc(message.replyTo, { type: 'busy' });
      }
    });
    node.runtime.run(() => node.runtime.send(replier, 'go' as never));
    await guest.framesCount(questions.length);
    expect(answersOf(guest)).toEqual(
      Object.fromEntries(questions.map(([, { type }], at) => [at + 1, type === 'join' ? 'not_a_member' : ['pong']])),
    );
  });

  it('to an actor that is not there is refused at once, and so is one of a node in no ring', async () => {
    const { guest } = await withGuest();
    guest.send(
      request(1, { type: 'ping' }),
      request(2, { type: 'depart' }),
      request(3, { type: 'find_next', key: GUEST.id, excluded: new Set() }),
      request(4, { type: 'describe' }),
    );
    await guest.framesCount(4);
    expect(answersOf(guest)).toEqual({ 1: 'overloaded', 2: 'overloaded', 3: 'not_a_member', 4: 'not_a_member' });
  });

  it('for the way to a key, or for a description, is answered on the spot', async () => {
    const { guest } = await withGuest({ answerFindNext: () => ({ type: 'candidates', peers: [] }) });
    guest.send(request(1, { type: 'find_next', key: GUEST.id, excluded: new Set() }));
    await guest.framesCount(1);
    expect(answersOf(guest)).toEqual({ 1: ['candidates', []] });
  });

  it('about records is served in the process of the connection, at once or later', async () => {
    const waiting: DataAsked[] = [];
    let opened = 0;
    const { guest } = await withGuest({
      serveData(line) {
        opened += 1;
        return {
          serve(question, asked) {
            expect(asked.from).toEqual(peerOf(GUEST));
            if (question.type === 'put_replica') return asked.answer({ type: 'stored' });
            if ('arc' in question) return asked.answer({ type: 'stale' });
            waiting.push(asked);
            const self = currentSelf();
            expect(self.pid).toBe(line.self.pid);
            self.send(self.pid, { type: 'later' } as never);
          },
          handle(message) {
            if ((message as { type: string }).type !== 'later') return false;
            waiting.shift()?.answer({ type: 'not_owner' });
            return true;
          },
        };
      },
    });
    const key = 'k' as BinaryString;
    const under = { arc: { lo: GUEST.id as Id, hi: GUEST.id as Id }, epoch: EPOCH };
    guest.send(
      request(1, { type: 'get', key, consistency: 'default' }),
      request(2, { type: 'put_replica', epoch: EPOCH, record: R }),
      request(3, { type: 'put', key, value: fromUtf8('v'), consistency: 'default' }, 500),
      request(4, { type: 'sync_next', ...under, bytesMax: 1 }),
      request(5, { type: 'ranges', ...under, horizonMs: 0, ranges: [{ range: under.arc, digest: EMPTY_DIGEST }] }),
      request(6, { type: 'fetch', ...under, ids: [] }),
      request(7, { type: 'push', ...under, records: [R] }),
      request(8, { type: 'get_replica', epoch: EPOCH, key, wantsValue: true }),
    );
    await guest.framesCount(8);
    const [notOwner, stale] = [
      ['not_owner', null],
      ['stale', null],
    ];
    const others = { 4: stale, 5: stale, 6: stale, 7: stale, 8: notOwner };
    expect(answersOf(guest)).toEqual({ 1: notOwner, 2: ['stored'], 3: notOwner, ...others });
    expect(opened).toBe(1);
  });

  it('whose time is over is not begun', async () => {
    const { node, guest } = await withGuest();
    const asked: unknown[] = [];
    node.actor('ring-state', (message: ActorMessage) => void asked.push(message));
    guest.send(request(1, { type: 'ping' }, 0));
    await guest.framesCount(1);
    expect(answersOf(guest)).toEqual({ 1: 'deadline_passed' });
    expect(asked).toEqual([]);
  });

  it('one too many is refused, until those are answered or forgotten that nobody has answered', async () => {
    const clock = new ManualClock();
    const { node, guest } = await withGuest({ clock });
    const held: ActorMessage[] = [];
    node.actor('ring-state', (message: ActorMessage) => void held.push(message));
    const many = Array.from({ length: IN_FLIGHT_MAX + 3 }, (_none, at) => request(at + 1, { type: 'ping' }, 300));
    guest.send(...many);
    await guest.framesCount(3);
    expect(guest.received.map(said)).toEqual(['overloaded', 'overloaded', 'overloaded']);
    clock.advanceTo(299);
    guest.send(request(5000, { type: 'ping' }));
    await guest.framesCount(4);
    expect(answersOf(guest)).toMatchObject({ 5000: 'overloaded' });
    clock.advanceTo(300);
    guest.send(request(5001, { type: 'ping' }));
    await until('there is room again', () => held.length === IN_FLIGHT_MAX + 1);
  });

  it('that takes the number of another is refused', async () => {
    const { node, guest } = await withGuest();
    node.actor('ring-state', () => {});
    guest.send(request(1, { type: 'ping' }), request(1, { type: 'ping' }));
    await guest.framesCount(1);
    expect(answersOf(guest)).toEqual({ 1: 'bad_request' });
  });
});

describe('a slow reader', () => {
  it('is given no more than it reads, and all of it in the end', async () => {
    const value = Buffer.alloc(100_000, 1);
    const done = { type: 'done', status: 'success', value, acks: 1, copies: 1, degraded: false } as const;
    let served = 0;
    const { guest } = await withGuest({
      settings: { pendingAnswerBytesMax: 1_000_000 },
      serveData: () => ({
        serve(_question, asked) {
          served += 1;
          asked.answer(done);
        },
        handle: () => false,
      }),
    });
    guest.socket.pause();
    const get = { type: 'get', key: 'k' as BinaryString, consistency: 'default' } as const;
    guest.send(...Array.from({ length: 400 }, (_none, at) => request(at + 1, get)));
    let before = -1;
    await until('it answers no more', async () => {
      before = served;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return served > 0 && served === before;
    });
    expect(served).toBeLessThan(200);
    guest.socket.resume();
    await guest.framesCount(400);
    expect(served).toBe(400);
  });

  it('is given no more than it reads of what other processes answer, either', async () => {
    const { node, guest } = await withGuest({ settings: { pendingAnswerBytesMax: 1_000_000 } });
    const long = new Record(R.keyId, R.key, R, Buffer.alloc(100_000, 1), undefined, false);
    let served = 0;
    node.actor('ring-state', (message: ActorMessage) => {
      if (message.type !== 'rpc_asked') return;
      served += 1;
      replyRpc(message.replyTo, { type: 'records', records: [long], left: 0 });
    });
    guest.socket.pause();
    const next = { type: 'get_state' } as const;
    guest.send(request(1, next));
    await until('the first is answered', () => served === 1);
    // The rest does not come in one piece, for what has been decoded is under way already.
    for (let at = 2; at <= 400; at += 1) {
      guest.send(request(at, next));
      if (at % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    let before = -1;
    await until('it answers no more', async () => {
      before = served;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return served === before;
    });
    expect(served).toBeLessThan(300);
    guest.socket.resume();
    await guest.framesCount(400);
    expect(served).toBe(400);
  });
});

describe('a handshake', () => {
  it.each([
    ['another cluster', helloAt(9, { cluster: 'other' }), 'refused_by_peer'],
    ['the very same node', undefined, 'same_node'],
  ])('of %s is refused with a word, and logged', async (_what, hello, verdict) => {
    const node = await PeerNode.start();
    const guest = await RawPeer.dial(node.hello.port, hello ?? node.hello);
    await guest.over();
    expect([verdict, 'cluster_mismatch']).toContain(guest.verdict);
    await until('it is logged', () => node.events('peer_refused').length === 1);
  });

  it.each<[string, string, RegExp]>([
    ['another version', '4348525043 02', /^CHRPC.$/s],
    ['a hello that is none', '4348525043 01 00000001 c0', /^CHRPC.*refused.*bad_hello/s],
    ['a hello without end', '4348525043 01 ffffffff', /^CHRPC.*refused.*bad_hello/s],
  ])('of %s is answered and ended', async (_what, digits, answer) => {
    const node = await PeerNode.start();
    const guest = await RawPeer.dial(node.hello.port);
    guest.send(hex(digits));
    await guest.over();
    expect(guest.bytes.toString('latin1')).toMatch(answer);
    expect(node.events('peer_refused')).toHaveLength(1);
  });

  it('that stops half-way is ended in time', async () => {
    const node = await PeerNode.start({ settings: { idleRequestTimeoutMs: 30 } });
    const [silent, hesitant] = [await RawPeer.dial(node.hello.port), await RawPeer.dial(node.hello.port)];
    silent.send(hex('4348'));
    hesitant.send(hex('4348525043 01'));
    await silent.over();
    await hesitant.over();
  });

  it('may come byte by byte, with the first question behind it', async () => {
    const node = await PeerNode.start();
    const dialler = await RawPeer.dial(node.hello.port, GUEST);
    await dialler.accepted();
    // The same bytes again, on a connection of their own.
    const other = await PeerNode.start();
    const hello = Buffer.concat([Buffer.from('CHRPC\x01', 'latin1'), await helloBytes(other)]);
    const slow = await RawPeer.dial(node.hello.port);
    for (const byte of Buffer.concat([hello, frames(request(7, { type: 'describe' }))])) {
      slow.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await until('it is answered', () => slow.bytes.includes('not_a_member'));
  });
});

/** What a node says of itself, as bytes. */
async function helloBytes(node: PeerNode): Promise<Buffer> {
  const guest = await RawPeer.dial(node.hello.port);
  guest.send(Buffer.from('CHRPC\x01', 'latin1'));
  await until(
    'the hello has come',
    () => guest.bytes.length > 10 && guest.bytes.length >= 10 + guest.bytes.readUInt32BE(6),
  );
  return guest.bytes.subarray(6);
}

describe('nonsense', () => {
  const nonsense: readonly [string, (Frame | Buffer)[], unknown][] = [
    ['an unknown method', [{ type: 'request', correlationId: 1, method: 'sing', body: null }], 'unknown_method'],
    [
      'a reserved method',
      [{ type: 'request', correlationId: 1, method: 'transfer_keys', body: null }],
      'unknown_method',
    ],
    ['a body that is none', [{ type: 'request', correlationId: 1, method: 'ping', body: [1] }], 'bad_request'],
    ['a request that is none', [hex('00000003 920001')], 'bad_request'],
  ];
  it.each(nonsense)('is answered with an error, and the conversation goes on: %s', async (_what, parts, code) => {
    const { node, guest } = await withGuest();
    guest.send(...parts, ...parts, request(2, { type: 'describe' }));
    await guest.framesCount(3);
    expect(guest.received.map(said)).toEqual([code, code, 'not_a_member']);
    expect(node.events('peer_not_understood')).toHaveLength(1);
  });

  it('that nobody could answer is passed over: tales that are none, answers to nothing, frames of nothing', async () => {
    const { node, guest } = await withGuest();
    const told: unknown[] = [];
    node.actor('ring-state', (message: ActorMessage) => void told.push(message));
    guest.send(
      { type: 'tell', method: 'sing', body: null },
      { type: 'tell', method: 'hint', body: null },
      { type: 'response', correlationId: 1, body: null },
      { type: 'error', correlationId: 1, code: 'internal', message: 'x' },
      hex('00000000'),
      hex('00000001 c0'),
      hex('00000002 9109'),
      request(2, { type: 'describe' }),
    );
    await guest.framesCount(1);
    expect(answersOf(guest)).toEqual({ 2: 'not_a_member' });
    expect(told).toEqual([]);
    expect(node.events('peer_not_understood')).toHaveLength(1);
  });

  it('that loses the framing ends the connection after what came before is answered', async () => {
    const { node, guest } = await withGuest();
    guest.send(request(1, { type: 'describe' }), hex('ffffffff 00'), request(2, { type: 'describe' }));
    await guest.over();
    expect(answersOf(guest)).toEqual({ 0: 'bad_request', 1: 'not_a_member' });
    expect(node.events('peer_not_understood')).toHaveLength(1);
  });

  it('that stops in the middle of a frame is ended in time, with a word', async () => {
    const { guest } = await withGuest({ settings: { idleRequestTimeoutMs: 40 } });
    guest.send(hex('00000009 94'));
    await guest.over();
    expect(answersOf(guest)).toEqual({ 0: 'bad_request' });
  });

  it('does not end a conversation that just pauses', async () => {
    const { guest } = await withGuest({ settings: { idleRequestTimeoutMs: 20 } });
    await new Promise((resolve) => setTimeout(resolve, 80));
    guest.send(request(1, { type: 'describe' }));
    await guest.framesCount(1);
  });

  it(`of any kind harms nobody else (FC_SEED=${SEED})`, async () => {
    const node = await PeerNode.start();
    const bystander = await (await RawPeer.dial(node.hello.port, GUEST)).accepted();
    const garbage = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([lengthOf(bytes), bytes])),
        fc.tuple(fc.nat(100), fc.nat(255)).map(([at, byte]) => {
          const bytes = frames(request(3, { type: 'put_replica', epoch: EPOCH, record: R }));
          bytes[4 + (at % (bytes.length - 4))] = byte;
          return bytes;
        }),
      ),
      { numRuns: 100, seed: SEED },
    );
    for (const [at, bytes] of garbage.entries()) {
      const guest = await (await RawPeer.dial(node.hello.port, GUEST)).accepted();
      guest.send(bytes);
      guest.socket.end();
      if (at % 10 === 0) await guest.over();
    }
    bystander.send(request(1, { type: 'describe' }));
    await bystander.framesCount(1);
    expect(node.reports.filter(({ type }) => type === 'crash' || type === 'error' || type === 'terminate')).toEqual([]);
  });
});

describe('a conversation whose node ends', () => {
  const key = 'k' as BinaryString;
  const GET_IT = (correlationId: number) => request(correlationId, { type: 'get', key, consistency: 'default' });

  /** What is said in the end by a node that has been sent so many requests of which it answers the first. */
  async function endOf(state: 'active' | 'leaving', count: number): Promise<ReturnType<typeof answersOf>> {
    const pids: Pid[] = [];
    let served = 0;
    const described: Described = { ...DESCRIBED, state };
    const { node, guest } = await withGuest({
      answerDescribe: () => described,
      serveData: ({ self }) => ({
        serve(_question, asked) {
          pids.push(self.pid);
          served += 1;
          if (served === 1) asked.answer({ type: 'not_owner' });
        },
        handle: () => false,
      }),
    });
    guest.send(...Array.from({ length: count }, (_none, at) => GET_IT(at + 1)));
    await until('all have come', () => served === count);
    const [pid] = pids;
    if (pid) node.runtime.exit(pid, 'shutdown');
    await guest.over();
    return answersOf(guest);
  }

  it('ends with a word where the node has left its ring: what was not answered may go elsewhere', async () => {
    expect(await endOf('leaving', 1)).toEqual({ 0: 'not_a_member', 1: ['not_owner', null] });
  });

  it('ends with another where something may have been done that was not answered, or the node goes on', async () => {
    expect(await endOf('leaving', 2)).toEqual({ 0: 'internal', 1: ['not_owner', null] });
    expect(await endOf('active', 1)).toEqual({ 0: 'internal', 1: ['not_owner', null] });
  });

  it('leaves time to read that word for whoever was just writing', async () => {
    const pids: Pid[] = [];
    const { node, guest } = await withGuest({
      serveData: ({ self }) => ({ serve: () => void pids.push(self.pid), handle: () => false }),
    });
    guest.send(GET_IT(1));
    await until('it has come', () => pids.length === 1);
    guest.socket.pause();
    const [pid] = pids;
    if (pid) node.runtime.exit(pid, 'shutdown');
    await until('the process is gone', () => pid?.process === undefined);
    for (let id = 2; id < 10; id += 1) {
      guest.send(GET_IT(id));
      await new Promise(setImmediate);
    }
    guest.socket.resume();
    await guest.over();
    expect(answersOf(guest)).toEqual({ 0: 'internal' });
  });
});

const lengthOf = (bytes: Uint8Array) => Buffer.from([0, 0, 0, bytes.length]);

describe('one port', () => {
  it('serves clients and nodes side by side', async () => {
    const { node, guest } = await withGuest();
    const socket = createConnection({ port: node.hello.port, host: HOST });
    closeLater(() => socket.destroy());
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const client = new RawClient(socket);
    // There is no store here, which is an answer too.
    expect(inShort(await client.ask(PING))).toContain('server_error');
    guest.send(request(1, { type: 'describe' }));
    await guest.framesCount(1);
  });

  it('ends a conversation orderly when the other side has said its last word and everything is answered', async () => {
    const { node, guest } = await withGuest();
    const held: ActorMessage[] = [];
    node.actor('ring-state', (message: ActorMessage) => {
      held.push(message);
      if (held.length === 2)
        for (const each of held) if (each.type === 'rpc_asked') replyRpc(each.replyTo, { type: 'pong' });
    });
    guest.send(request(1, { type: 'ping' }), request(2, { type: 'ping' }));
    guest.socket.end();
    await guest.over();
    expect(answersOf(guest)).toEqual({ 1: ['pong'], 2: ['pong'] });
  });
});
