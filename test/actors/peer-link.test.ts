/** Links to other nodes: every question has one outcome, whatever becomes of the link, the connection or the other node. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Peer } from '../../src/chord/peer';
import { ManualClock, sys } from '../../src/otp';
import type { DecodedFrame, RequestFrame } from '../../src/protocol/rpc-frames';
import { encodeAnswer } from '../../src/protocol/rpc-messages';
import * as peerLink from '../../actors/peer-link';
import { replyRpc, type RpcAsked } from '../../actors/rpc-reply';
import { heardOf, LINKS_MAX, OPEN_MAX, type RpcOutcomes } from '../../actors/link-desk';
import { closeAll, until } from '../support/node';
import { freePort } from '../support/fake-server';
import {
  type ActorMessage,
  Asker,
  FakePeer,
  helloAt,
  inShort,
  PeerNode,
  type RawPeer,
  type Said,
} from '../support/peer-node';
import { peerOf } from '../../src/protocol/rpc-handshake';

afterEach(closeAll);

const PING = { type: 'ping' } as const;

/** A node whose ring state answers every ping. */
async function answeringNode(options: Parameters<typeof PeerNode.start>[0] = {}): Promise<PeerNode> {
  const node = await PeerNode.start(options);
  node.actor('ring-state', pong);
  return node;
}

/** Everything that is runnable has had its turn, several times over. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** Asks as the process whose code is running. */
const askHere = (to: Peer, tag: unknown) => peerLink.ask(to, PING, { tag, timeoutMs: 60_000 });

function pong(message: ActorMessage): void {
  if (message.type === 'rpc_asked') replyRpc(message.replyTo, { type: 'pong' });
}

/** Answers pings as a fake peer. */
function answerPings(frame: DecodedFrame, peer: RawPeer): void {
  if (frame.type === 'request') peer.send(pongTo(frame));
}

const pongTo = ({ correlationId }: RequestFrame) =>
  ({ type: 'response', correlationId, body: encodeAnswer({ type: 'pong' }) }) as const;

describe('ask()', () => {
  it('brings the answer, with who gave it as he himself says, and how long it took', async () => {
    const [a, b] = [await answeringNode(), await answeringNode({ inc: 77n })];
    const outcome = await a.ask({ ...b.peer, inc: 0n }, PING);
    expect(outcome).toEqual({
      type: 'rpc_answered',
      tag: 'only',
      from: b.peer,
      answer: { type: 'pong' },
      rttMs: expect.any(Number) as number,
    });
    expect(b.peer.inc).toBe(77n);
    expect(a.links).toEqual([`peer-link ${b.peer.addr}`]);
  });

  it('uses one connection for all questions, and writes those of one turn in one piece', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({ onFrame: answerPings });
    const asker = new Asker(a);
    const chunks: number[] = [];
    asker.ask(fake.peer, PING, 'first');
    await asker.all(1);
    fake.connections[0]?.socket.on('data', (chunk: Buffer) => chunks.push(chunk.length));
    asker.do(() => {});
    for (let tag = 0; tag < 500; tag += 1) asker.ask(fake.peer, PING, tag);
    expect((await asker.all(501)).map(inShort)).toEqual(Array.from({ length: 501 }, () => 'pong'));
    expect(fake.connections).toHaveLength(1);
    expect(chunks.length).toBeLessThanOrEqual(6);
  });

  it('brings those who ask much the answers that have come together as one message, and exactly one outcome each', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({ onFrame: answerPings });
    const [batched, plain] = [new Asker(a), new Asker(a)];
    plain.ask(fake.peer, PING, 'first');
    await plain.all(1);
    batched.do(() => {
      for (let tag = 0; tag < 100; tag += 1) {
        peerLink.ask(fake.peer, PING, { tag, timeoutMs: 5000, isBatched: true });
      }
    });
    for (let tag = 0; tag < 100; tag += 1) plain.ask(fake.peer, PING, tag);
    expect(await plain.all(101)).toHaveLength(101);
    const outcomesOf = () =>
      (batched.outcomes as readonly unknown[]).flatMap((message) => {
        const { type, outcomes } = message as RpcOutcomes<number>;
        return type === 'rpc_outcomes' ? outcomes : [];
      });
    await until('all have their outcome', () => outcomesOf().length >= 100);
    expect(outcomesOf().map(({ tag }) => tag)).toEqual(Array.from({ length: 100 }, (_none, tag) => tag));
    expect(outcomesOf().every(({ type }) => type === 'rpc_answered')).toBe(true);
    expect(batched.outcomes.length).toBeLessThan(100);
    // What fails is told one by one, to those as to others.
    a.killLink(fake.peer);
    await until('the link has ended', () => a.links.length === 0);
    const before = batched.outcomes.length;
    const nobody = { ...fake.peer, addr: `127.0.0.1:${await freePort()}` };
    batched.do(() => peerLink.ask(nobody, PING, { tag: 100, timeoutMs: 5000, isBatched: true }));
    await batched.all(before + 1);
    expect(batched.outcomes[before]).toMatchObject({ type: 'rpc_failed', tag: 100 });
  });

  it('cannot deadlock: two nodes ask each other thousands of things at once, from within their answers too', async () => {
    const [a, b] = [await PeerNode.start(), await PeerNode.start()];
    // Whoever is asked for his state first asks back, and answers once he has been answered.
    type Message = ActorMessage | peerLink.RpcOutcome<RpcAsked>;
    const askBack = (message: Message) => {
      if (message.type === 'rpc_answered') replyRpc(message.tag.replyTo, { type: 'busy' });
      else if (message.type === 'rpc_asked' && message.question.type === 'ping')
        replyRpc(message.replyTo, { type: 'pong' });
      else if (message.type === 'rpc_asked')
        peerLink.ask(message.replyTo.from, PING, { tag: message, timeoutMs: 10_000 });
    };
    const askers = [[a, b] as const, [b, a] as const].map(([node, other]) => {
      node.actor('ring-state', askBack);
      return { asker: new Asker(node), other };
    });
    for (const { asker, other } of askers) {
      for (let tag = 0; tag < 500; tag += 1) asker.ask(other.peer, { type: 'get_state' }, tag, 10_000);
    }
    for (const { asker } of askers) expect(new Set((await asker.all(500)).map(inShort))).toEqual(new Set(['busy']));
  });

  it('gives up after its time, whether or not the question has left, and drops the answer that comes later', async () => {
    const clock = new ManualClock();
    const a = await PeerNode.start({ clock });
    const held: [RequestFrame, RawPeer][] = [];
    const fake = await FakePeer.listen({
      onFrame: (frame, peer) => void (frame.type === 'request' && held.push([frame, peer])),
    });
    const mute = await FakePeer.listen({ isMute: true });
    const asker = new Asker(a);
    asker.ask(fake.peer, PING, 'sent', 50);
    asker.ask(mute.peer, PING, 'not sent', 50);
    await until('one has come, and the other node was dialled', () => held.length + mute.connections.length === 2);
    clock.advanceTo(49);
    await settled();
    expect(asker.outcomes).toEqual([]);
    clock.advanceTo(50);
    const outcomes = await asker.all(2);
    expect(outcomes.map((outcome) => [outcome.tag, inShort(outcome)])).toEqual(
      expect.arrayContaining([
        ['sent', 'timeout sent'],
        ['not sent', 'timeout unsent'],
      ]),
    );
    for (const [frame, peer] of held) peer.send(pongTo(frame));
    asker.ask(fake.peer, PING, 'later', 1000);
    await until('the next question has come', () => held.length === 2);
    for (const [frame, peer] of held.splice(1)) peer.send(pongTo(frame));
    expect((await asker.all(3)).slice(2).map(inShort)).toEqual(['pong']);
  });

  it('reports whoever lets a question expire and has said nothing since, but not whoever answers others', async () => {
    const clock = new ManualClock();
    const a = await PeerNode.start({ clock });
    a.detect();
    const silent = await FakePeer.listen();
    const choosy = await FakePeer.listen({
      onFrame: (frame, peer) => frame.type === 'request' && frame.method === 'ping' && answerPings(frame, peer),
    });
    const asker = new Asker(a);
    asker.ask(choosy.peer, { type: 'get_state' }, 'choosy', 80);
    asker.ask(silent.peer, PING, 'silent', 80);
    await until('both have come', () =>
      [choosy, silent].every(({ connections }) => connections[0]?.received.length === 1),
    );
    asker.ask(choosy.peer, PING, 'ping');
    await asker.all(1);
    clock.advanceTo(81);
    const outcomes = (await asker.all(3)).map((outcome) => `${String(outcome.tag)} ${inShort(outcome)}`);
    expect(outcomes.toSorted()).toEqual(['choosy timeout sent', 'ping pong', 'silent timeout sent']);
    await until('it is reported', () => a.missed.length > 0);
    expect(a.missed).toEqual([silent.peer]);
  });

  it('does not give up on an answer that has come while this program was busy with something else', async () => {
    const a = await PeerNode.start();
    let isBusy = false;
    const fake = await FakePeer.listen({
      onFrame: (frame, peer) => {
        answerPings(frame, peer);
        const untilMs = performance.now() + (isBusy ? 400 : 0);
        while (performance.now() < untilMs);
      },
    });
    await a.ask(fake.peer, PING);
    isBusy = true;
    for (let round = 0; round < 3; round += 1) expect(inShort(await a.ask(fake.peer, PING, 250))).toBe('pong');
  });

  it('tells the other side how long it will wait', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({ onFrame: answerPings });
    await a.ask(fake.peer, PING, 700);
    const [frame] = fake.connections[0]?.received ?? [];
    expect(frame).toMatchObject({ type: 'request', method: 'ping' });
    expect((frame as RequestFrame).deadlineMs).toBeGreaterThan(300);
    expect((frame as RequestFrame).deadlineMs).toBeLessThanOrEqual(700);
  });

  it('passes on what the other side refuses, and takes nonsense for an answer of nobody', async () => {
    const a = await PeerNode.start();
    const replies: ((frame: RequestFrame) => Said)[] = [
      ({ correlationId }) => ({ type: 'error', correlationId, code: 'not_a_member', message: 'Cannot answer: no' }),
      ({ correlationId }) => ({ type: 'response', correlationId, body: ['busy'] }),
      ({ correlationId }) =>
        Buffer.concat([Buffer.from('00000004', 'hex'), Buffer.from([0x93, 1, correlationId, 0xc1])]),
      pongTo,
    ];
    const fake = await FakePeer.listen({
      onFrame: (frame, peer) => frame.type === 'request' && peer.send(replies.shift()?.(frame) as never),
    });
    for (const expected of ['not_a_member sent', 'bad_answer sent', 'bad_answer sent', 'pong']) {
      expect(inShort(await a.ask(fake.peer, PING))).toBe(expected);
    }
  });
});

describe('a node that cannot be reached', () => {
  it('is unreachable at once, is reported lost, and is tried again later', async () => {
    const a = await PeerNode.start();
    a.detect();
    const port = await freePort();
    const peer = peerOf(helloAt(port));
    const outcome = await a.ask(peer, PING);
    expect(inShort(outcome)).toBe('unreachable unsent');
    expect(outcome).toMatchObject({ failure: { isRefused: true } });
    await until('it is reported', () => a.lost.length > 0);
    expect(a.lost[0]).toEqual(peer);
    const fake = await FakePeer.listen({ port, onFrame: answerPings });
    await until('it is reached again', async () => inShort(await a.ask(peer, PING)) === 'pong');
    expect(fake.connections).toHaveLength(1);
  });

  it('is dialled once more at once where it has cut off whom it let in: it may have been ending', async () => {
    const a = await PeerNode.start();
    a.detect();
    for (const lastsFor of [1, 10]) {
      const port = await freePort();
      let letIn = 0;
      const server = createServer((socket) => {
        letIn += 1;
        if (letIn >= lastsFor) server.close();
        socket.resetAndDestroy();
      });
      await once(server.listen(port, '127.0.0.1'), 'listening');
      const outcome = await a.ask(peerOf(helloAt(port)), PING);
      server.close();
      expect(inShort(outcome)).toBe('unreachable unsent');
      expect([letIn, 'failure' in outcome && outcome.failure.isRefused]).toEqual(
        lastsFor === 1 ? [1, true] : [2, false],
      );
    }
  });

  it('is dialled less and less often, however often it is asked', async () => {
    const a = await PeerNode.start();
    const port = await freePort();
    const peer = peerOf(helloAt(port));
    a.detect();
    const startMs = performance.now();
    while (performance.now() - startMs < 600) {
      expect(inShort(await a.ask(peer, PING))).toBe('unreachable unsent');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // At least 25, 50, 100, 200 ms apart.
    expect(a.lost.length).toBeGreaterThanOrEqual(2);
    expect(a.lost.length).toBeLessThanOrEqual(5);
  });

  it('does not keep its questions waiting when it takes connections and says nothing', async () => {
    const a = await PeerNode.start();
    a.detect();
    const mute = await FakePeer.listen({ isMute: true });
    const outcome = await a.ask(mute.peer, PING, 3000);
    expect(inShort(outcome)).toBe('unreachable unsent');
    // Silence is no proof that nobody is there.
    expect(outcome.type === 'rpc_failed' && outcome.failure.isRefused).toBe(false);
    await until('it is reported', () => a.lost.length === 1);
    await mute.connections[0]?.over();
  });

  it('is dialled anew when it owes answers and has said nothing for long', async () => {
    const a = await PeerNode.start();
    a.detect();
    const fake = await FakePeer.listen();
    const askUntilLost = async () => {
      await a.ask(fake.peer, PING, 100);
      return a.lost.length > 0;
    };
    await until('it is given up', askUntilLost);
    // It was this node that has closed the connection: the other one is not known to have gone.
    expect(a.severed).toEqual([]);
    await fake.connections[0]?.over();
    await until('it is dialled anew', async () => {
      await a.ask(fake.peer, PING, 100);
      return fake.connections.length === 2;
    });
  });
});

describe('a node that is not to be spoken with', () => {
  const code = async (a: PeerNode, peer: Peer) => inShort(await a.ask(peer, PING));

  it('is refused because it is of another cluster, and both sides log it once', async () => {
    const [a, b] = [await answeringNode(), await answeringNode({ cluster: 'other' })];
    expect(await code(a, b.peer)).toBe('refused unsent cluster_mismatch');
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await code(a, b.peer)).toMatch(/^refused unsent (cluster_mismatch|refused_by_peer)$/);
    expect(a.events('peer_refused')).toHaveLength(1);
    await until('the other side logs it', () => b.events('peer_refused').length >= 1);
    expect(b.events('peer_refused')[0]).toMatchObject({ code: 'cluster_mismatch' });
  });

  it('is refused because it is another one than was dialled', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({ hello: { port: 1 } });
    expect(await code(a, fake.peer)).toBe('refused unsent other_node');
  });

  it('is refused because it is this very node, which is not lost for that', async () => {
    const a = await answeringNode();
    a.detect();
    expect(await code(a, a.peer)).toBe('refused unsent same_node');
    expect(a.lost).toEqual([]);
  });

  it.each([
    ['version_mismatch', Buffer.from('CHRPC\x02', 'latin1')],
    ['not_rpc', Buffer.from('KVS\x01\x02\0\0\0\0', 'latin1')],
    ['bad_hello', Buffer.from('CHRPC\x01\0\0\0\x01\xc0', 'latin1')],
    ['bad_hello', Buffer.from('CHRPC\x01\xff\xff\xff\xff', 'latin1')],
  ])('is refused with %s', async (expected, bytes) => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({ isMute: true });
    const asked = a.ask(fake.peer, PING);
    await until('it is dialled', () => fake.connections.length === 1);
    fake.connections[0]?.send(bytes);
    expect(inShort(await asked)).toBe(`refused unsent ${expected}`);
    await fake.connections[0]?.over();
  });
});

describe('a link, as time is moved', () => {
  it('waits once for a node that refused it, then lets questions fail until it tries again, ever later', async () => {
    const clock = new ManualClock();
    const a = await PeerNode.start({ clock, random: () => 0.5 });
    a.detect();
    const peer = peerOf(helloAt(await freePort()));
    const asker = new Asker(a);
    const outcomes = async (count: number) => (await asker.all(count)).slice(-1).map(inShort);
    asker.ask(peer, PING, 1, 60_000);
    expect(await outcomes(1)).toEqual(['unreachable unsent']);
    // The first failure says little: the next question waits for another attempt.
    asker.ask(peer, PING, 2, 60_000);
    clock.advanceTo(37);
    await settled();
    expect([asker.outcomes.length, a.lost.length]).toEqual([1, 1]);
    clock.advanceTo(38);
    expect(await outcomes(2)).toEqual(['unreachable unsent']);
    let nowMs = 38;
    for (const restMs of [75, 150, 300, 600, 750, 750]) {
      const attempts = a.lost.length;
      clock.advanceTo(nowMs + restMs - 1);
      asker.ask(peer, PING, 'too early', 60_000);
      await outcomes(asker.outcomes.length + 1);
      expect(a.lost).toHaveLength(attempts);
      nowMs += restMs;
      clock.advanceTo(nowMs);
      asker.ask(peer, PING, 'in time', 60_000);
      await outcomes(asker.outcomes.length + 1);
      await until('it has tried again', () => a.lost.length === attempts + 1);
    }
    // Unless it has been heard of meanwhile.
    const attempts = a.lost.length;
    heardOf(peer.addr, a.runtime);
    asker.ask(peer, PING, 'at once', 60_000);
    await until('it has tried again', () => a.lost.length === attempts + 1);
  });

  it('ends after a minute without use, and the next question begins another', async () => {
    const clock = new ManualClock();
    const [a, b] = [await PeerNode.start({ clock }), await answeringNode()];
    expect(inShort(await a.ask(b.peer, PING))).toBe('pong');
    clock.advanceTo(30_000);
    expect(inShort(await a.ask(b.peer, PING))).toBe('pong');
    clock.advanceTo(89_000);
    await settled();
    expect(a.links).toHaveLength(1);
    await until('the link ends', () => {
      clock.advanceTo(90_001);
      return a.links.length === 0;
    });
    expect(a.reports.filter(({ type }) => type === 'crash')).toEqual([]);
    expect(inShort(await a.ask(b.peer, PING))).toBe('pong');
  });
});

describe('a connection that breaks', () => {
  it('fails what has been sent as sent, is reported, and is replaced at the next question', async () => {
    const a = await PeerNode.start();
    a.detect();
    let answers = 0;
    const fake = await FakePeer.listen({
      onFrame: (frame, peer) => {
        answers += 1;
        if (answers !== 2) answerPings(frame, peer);
        else peer.socket.destroy();
      },
    });
    expect(inShort(await a.ask(fake.peer, PING))).toBe('pong');
    expect(inShort(await a.ask(fake.peer, PING))).toBe('disconnected sent');
    await until('it is reported', () => a.lost.length === 1);
    expect(a.severed).toEqual([fake.peer]);
    expect(inShort(await a.ask(fake.peer, PING))).toBe('pong');
    expect(fake.connections).toHaveLength(2);
  });

  it.each(['listener-sup', 'connection-sup'])(
    'is reported as one that had a last word where the process lives and only its %s was killed',
    async (name) => {
      const a = await PeerNode.start();
      a.detect();
      const asker = new Asker(a);
      for (let round = 1; round <= 10; round += 1) {
        const b = await answeringNode();
        expect(inShort(await a.ask(b.peer, PING))).toBe('pong');
        // Bytes that nobody reads any more must not cost this side the word.
        const askMore = () => {
          for (let tag = 0; tag < 50; tag += 1) asker.ask(b.peer, PING, tag);
        };
        askMore();
        const pid = b.runtime.whereis(name);
        if (pid) b.runtime.exit(pid, 'kill');
        for (let turn = 0; turn < 20; turn += 1) {
          askMore();
          await new Promise(setImmediate);
        }
        await until('it is reported', () => a.lost.some(({ id }) => id === b.peer.id));
      }
      expect(a.severed).toEqual([]);
    },
  );

  it('leads to the node that is started there next, which says that it is another incarnation', async () => {
    const [a, b] = [await PeerNode.start(), await answeringNode({ inc: 1n })];
    expect(inShort(await a.ask(b.peer, PING))).toBe('pong');
    b.runtime.stop();
    const again = await answeringNode({ port: b.hello.port, inc: 2n });
    let outcome = await a.ask(b.peer, PING);
    await until('it answers again', async () => {
      outcome = await a.ask(b.peer, PING);
      return outcome.type === 'rpc_answered';
    });
    expect(outcome).toMatchObject({ from: { ...again.peer, inc: 2n } });
  });

  it('ends when the other side loses the framing, or says that it ends', async () => {
    const a = await PeerNode.start();
    a.detect();
    const lastWords: Said[] = [
      Buffer.from('ffffffff', 'hex'),
      { type: 'error', correlationId: 0, code: 'overloaded', message: 'Cannot go on: too much' },
    ];
    const fake = await FakePeer.listen({ onFrame: (_frame, peer) => peer.send(lastWords.shift() as never) });
    expect(inShort(await a.ask(fake.peer, PING))).toBe('disconnected sent');
    await fake.connections[0]?.over();
    expect(a.severed).toEqual([]);
    await until('it is dialled again', async () => {
      const outcome = inShort(await a.ask(fake.peer, PING));
      expect(outcome).toMatch(/^(disconnected sent|unreachable unsent)$/);
      return fake.connections.length === 2 && outcome === 'disconnected sent';
    });
  });
});

describe('a node that has left its ring', () => {
  it('says so with its last word: what it has not answered it has not done', async () => {
    const a = await PeerNode.start();
    const bye: Said = { type: 'error', correlationId: 0, code: 'not_a_member', message: 'This node has left' };
    const fake = await FakePeer.listen({ onFrame: (_frame, peer) => peer.send(bye) });
    expect(inShort(await a.ask(fake.peer, PING))).toBe('not_a_member sent');
  });
});

describe('a link that is killed', () => {
  it('leaves nobody waiting: what was sent, what was not, and what was just being asked', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen();
    const asker = new Asker(a);
    for (let tag = 0; tag < 100; tag += 1) asker.ask(fake.peer, PING, tag, 60_000);
    await until('they have come', () => (fake.connections[0]?.received.length ?? 0) === 100);
    asker.do(() => {
      for (let tag = 100; tag < 200; tag += 1) askHere(fake.peer, tag);
      a.killLink(fake.peer);
      // Nobody is there now: this one starts another link.
      askHere(fake.peer, 200);
    });
    const outcomes = await asker.all(200);
    const shorts = outcomes.map((outcome) => `${String(outcome.tag)} ${inShort(outcome)}`);
    expect(shorts.filter((text) => text.endsWith('disconnected sent'))).toHaveLength(100);
    expect(shorts.filter((text) => text.endsWith('disconnected unsent'))).toHaveLength(100);
    await until('another connection', () => fake.connections.length === 2);
    await until('the last question has come', () => fake.connections[1]?.received.length === 1);
    const [last] = fake.connections[1]?.received ?? [];
    if (last) answerPings(last, fake.connections[1] as RawPeer);
    await asker.all(201);
    expect(new Set(outcomes.map(({ tag }) => tag)).size).toBe(201);
  });

  it('again and again under load loses no question and brings none twice', async () => {
    const [a, b] = [await answeringNode(), await answeringNode()];
    const asker = new Asker(a);
    let asked = 0;
    const askMore = () => {
      for (let count = 0; count < 50; count += 1) {
        asker.ask(b.peer, PING, asked);
        asked += 1;
      }
    };
    for (let round = 0; round < 20; round += 1) {
      askMore();
      if (round % 2 === 0) await until('some are answered', () => asker.outcomes.length > asked - 50);
      askMore();
      // From just after they were laid on the desk to just before they are answered.
      for (let turn = 0; turn < round / 2; turn += 1) await new Promise(setImmediate);
      const link = a.runtime.whereis(`peer-link ${b.peer.addr}`);
      if (link) a.runtime.exit(link, 'kill');
    }
    const outcomes = await asker.all(asked);
    expect(outcomes.map(({ tag }) => tag).toSorted((x, y) => Number(x) - Number(y))).toEqual(
      Array.from({ length: asked }, (_none, tag) => tag),
    );
    const kinds = new Set(outcomes.map(inShort));
    expect([...kinds].filter((kind) => !/^(pong|disconnected (un)?sent|unreachable unsent)$/.test(kind))).toEqual([]);
    expect(kinds).toContain('pong');
  });

  it('and the supervisor of the links with it: everybody is told that there is no link', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen();
    const asker = new Asker(a);
    asker.ask(fake.peer, PING, 'sent', 60_000);
    await until('it has come', () => fake.connections[0]?.received.length === 1);
    asker.do(() => {
      const sup = a.runtime.whereis('peer-sup');
      if (sup) a.runtime.exit(sup, 'kill');
      askHere(fake.peer, 'not sent');
    });
    expect((await asker.all(2)).map((outcome) => `${String(outcome.tag)}: ${inShort(outcome)}`).toSorted()).toEqual([
      'not sent: unreachable unsent',
      'sent: disconnected sent',
    ]);
  });
});

describe('the bounds of a link', () => {
  it('refuse a question at once when as many as it may have are open', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen();
    const asker = new Asker(a);
    for (let tag = 0; tag < OPEN_MAX + 10; tag += 1) asker.ask(fake.peer, PING, tag, 60_000);
    const outcomes = await asker.all(10);
    expect(outcomes.map(inShort)).toEqual(Array.from({ length: 10 }, () => 'overloaded unsent'));
    await until('the others have come', () => fake.connections[0]?.received.length === OPEN_MAX);
  });

  it('keep what a slow peer has not read in check: the rest waits, and is answered when he reads', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({
      onFrame: (frame, peer) => {
        if (frame.type === 'request')
          peer.send({ type: 'response', correlationId: frame.correlationId, body: ['not_owner', null] });
      },
    });
    const asker = new Asker(a);
    asker.ask(fake.peer, { type: 'get', key: 'k' as never, consistency: 'default' }, 'first');
    await asker.all(1);
    fake.connections[0]?.socket.pause();
    const value = Buffer.alloc(1024 * 1024);
    for (let tag = 0; tag < 100; tag += 1) {
      asker.ask(fake.peer, { type: 'put', key: 'k' as never, value, consistency: 'default' }, tag, 60_000);
    }
    await until('some are too many', () => asker.outcomes.length > 1);
    expect(new Set(asker.outcomes.slice(1).map(inShort))).toEqual(new Set(['overloaded unsent']));
    const link = a.runtime.whereis(`peer-link ${fake.peer.addr}`);
    const { state } = await a.runtime.run(() => sys.getStatus(link as never));
    expect((state as { bytesUnsent: number }).bytesUnsent).toBeLessThan(3 * value.length);
    expect((state as { waiting: number }).waiting).toBeGreaterThan(30);
    fake.connections[0]?.socket.resume();
    const outcomes = await asker.all(101);
    expect(outcomes.filter((outcome) => inShort(outcome) === 'not_owner').length).toBeGreaterThan(60);
  });

  it('refuse a question that no frame can hold, and go on', async () => {
    const a = await PeerNode.start();
    const fake = await FakePeer.listen({ onFrame: answerPings });
    const value = Buffer.alloc(64 * 1024 * 1024);
    const put = { type: 'put', key: 'k' as never, value, consistency: 'default' } as const;
    expect(inShort(await a.ask(fake.peer, put))).toBe('bad_request unsent');
    expect(inShort(await a.ask(fake.peer, PING))).toBe('pong');
  });

  it('let a node have so many links and no more', async () => {
    const a = await PeerNode.start();
    const asker = new Asker(a);
    asker.do(() => {
      for (let port = 1; port <= LINKS_MAX + 1; port += 1) askHere(peerOf(helloAt(port)), port);
    });
    await until('the last is refused', () => asker.outcomes.length > 0);
    expect(asker.outcomes.filter((outcome) => inShort(outcome) === 'overloaded unsent')).toHaveLength(1);
  });
});

describe('tell()', () => {
  it('brings a tale, and who tells it', async () => {
    const [a, b] = [await PeerNode.start(), await PeerNode.start()];
    const told: unknown[] = [];
    b.actor('ring-state', (message: ActorMessage) => told.push(message));
    a.tell(b.peer, { type: 'notify' });
    a.tell(b.peer, { type: 'hint', between: a.peer });
    await until('it has come', () => told.length === 2);
    expect(told).toEqual([
      { type: 'rpc_told', from: a.peer, tale: { type: 'notify' } },
      { type: 'rpc_told', from: a.peer, tale: { type: 'hint', between: a.peer } },
    ]);
  });
});
