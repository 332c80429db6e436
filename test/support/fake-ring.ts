/**
 * A ring without sockets: nodes that are a table, some views and a process each, in one runtime on moved time.
 *
 * What a test is about is real: sessions, coordinators, tables. The way between the nodes is made up,
 * so that it can be slow, or broken in every way there is; who has which view is what the test says.
 */
import { addressId, type KeyId, keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange, type Range } from '../../src/chord/range';
import { fromUtf8, toBuffer } from '../../src/octets';
import { currentSelf, type Pid, type Self } from '../../src/otp';
import type { Request, Response } from '../../src/protocol/client-protocol';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { ResponseDecoder } from '../../src/protocol/response-decoder';
import type { RpcAnswer } from '../../src/protocol/rpc-messages';
import type { RpcErrorCode } from '../../src/protocol/rpc-frames';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { type Holding, type Holdings, withoutArc, withPieces } from '../../src/replication/holding';
import { placesAfter } from '../../src/replication/places';
import { versionOf, Writers, writerId } from '../../src/replication/version';
import { isMember, type View } from '../../src/replication/view';
import { type Newcomer, noViews, type Views } from '../../src/replication/views';
import type { Target } from '../../src/store/local-write';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';
import { clientSessions } from '../../actors/client-session';
import type { Surroundings } from '../../actors/coordinator';
import type { Lookups } from '../../actors/lookups';
import type { RpcFailure, RpcOutcome } from '../../actors/peer-link';
import { dataServices } from '../../actors/peer-requests';
import type { DataService, RecordQuestion } from '../../actors/data-service';
import type { Line, Session } from '../../actors/session';
import { bytesOfRequest, testSettings } from './node';
import type { World } from './runtime';

/** What can be wrong with a node. */
export type Fault =
  /** Nobody listens. */
  | 'unreachable'
  /** It takes questions and does nothing. */
  | 'silent'
  /** Nobody is told what has become of a question: whoever should have told it has crashed. */
  | 'forgotten'
  /** It does what it is asked, and the connection breaks before the answer. */
  | 'answers_lost'
  /** It refuses with this code. */
  | { readonly refuses: RpcErrorCode };

type Served = {
  readonly type: 'served';
  readonly from: Peer;
  readonly question: RecordQuestion;
  readonly reply: (answer: RpcAnswer | RpcFailure) => void;
};

const failure = (code: RpcFailure['code'], wasSent: boolean): RpcFailure => ({ code, wasSent, message: code });

/** One node of it. */
export class FakeNode {
  readonly peer: Peer;
  target: Target | undefined;
  /** What it knows of views. */
  holdings: Holdings = [];
  newcomers: readonly Newcomer[] = [];
  isMember = true;
  /** When and for how long it was stopped last. */
  pause = { endMs: 0, ms: 0 };
  /** When its views last looked at the clock; undefined: they always do. */
  beatMs: number | undefined;
  /** Whether its views are known at all. */
  hasArcs = true;
  /** Whom it takes for dead. */
  readonly distrusted = new Set<Peer>();
  minReplicas = 1;
  /** Whether its clock is too far from the others'. */
  isSkewed = false;
  random = 0.5;
  fault: Fault | undefined;
  /** How long a question or an answer travels. */
  delayMs = 1;
  /** Whom it takes for the owner of a key. */
  primaryOf: (key: KeyId) => Peer | undefined;
  /** What the ring tells it when it looks a key up. */
  lookUp: (key: KeyId) => Peer | undefined;
  /** What was asked of it, in order. */
  readonly asked: RecordQuestion[] = [];
  /** Who is to be reminded of writes. */
  readonly hinted: Peer[] = [];
  readonly heardOf: View[] = [];
  readonly unaware: Peer[] = [];
  private readonly pid: Pid<Served>;

  constructor(
    private readonly ring: FakeRing,
    addr: string,
  ) {
    const id = addressId(addr);
    this.peer = { id, addr, inc: 1n };
    this.target = { table: new MemoryTable(), clock: new HybridClock(new Writers().intern(writerId(id, 1n))) };
    this.primaryOf = (key) => ring.ownerOf(key)?.peer;
    this.lookUp = (key) => ring.ownerOf(key)?.peer;
    this.pid = ring.world.spawn<Served>((self) => this.serve(self as Self<unknown>));
  }

  get views(): Views {
    const before = noViews(this.peer, this.ring.replicas, 0);
    const { holdings, newcomers, pause } = this;
    const views = { ...before, ring: { ...before.ring, isMember: this.isMember }, holdings, newcomers, pause };
    return { ...views, places: placesAfter(before, views) };
  }

  get surroundings(): Surroundings {
    const arcs = () => ({ views: this.views, beatMs: this.beatMs ?? this.ring.world.scheduler.clock.nowMs() });
    return {
      self: this.peer.id,
      minReplicas: this.minReplicas,
      store: () => this.target,
      arcs: () => (this.hasArcs ? arcs() : undefined),
      primaryOf: (key) => this.primaryOf(key),
      isSkewed: () => this.isSkewed,
      isTrusted: (peer) => !this.distrusted.has(peer),
      isAlive: (peer) => !this.distrusted.has(peer),
      hint: (to) => void this.hinted.push(to),
      heardOf: (view) => void this.heardOf.push(view),
      unaware: (peer) => void this.unaware.push(peer),
      ask: (to, question, { tag, timeoutMs }) => {
        const asker = currentSelf();
        const send = (outcome: RpcOutcome<unknown>) => asker.runtime.send(asker.pid as Pid<unknown>, outcome);
        this.ring.find(to.addr).take({ from: this.peer, question }, timeoutMs, (answer) => {
          if ('code' in answer) send({ type: 'rpc_failed', tag, to, failure: answer });
          else send({ type: 'rpc_answered', tag, from: to, answer, rttMs: 1 });
        });
      },
      lookups: (self) => fakeLookups(self, (key) => this.lookUp(key)),
      random: () => this.random,
    };
  }

  /** What it holds for a key, as text. */
  valueOf(key: string): string | undefined {
    const value = this.target?.table.get(fromUtf8(key))?.value;
    return value === undefined ? undefined : toBuffer(value).toString();
  }

  /** Stores a value as another node would have it stored, without asking anybody. */
  plant(key: string, value: string, ms: number): void {
    if (this.target === undefined) throw new Error('There is no table');
    const octets = fromUtf8(key);
    const version = versionOf(ms, 0, this.target.clock.writer);
    this.target.table.merge(new Record(keyId(octets), octets, version, fromUtf8(value), undefined, false));
  }

  /** What was asked of it of this kind. */
  askedFor = (type: RecordQuestion['type']) => this.asked.filter((question) => question.type === type);

  /** A question on its way here, and the answer on its way back. */
  private take(
    { from, question }: Pick<Served, 'from' | 'question'>,
    timeoutMs: number,
    reply: (answer: RpcAnswer | RpcFailure) => void,
  ): void {
    const { runtime } = this.ring.world;
    const { fault, delayMs } = this;
    let isOver = false;
    const end = (answer: RpcAnswer | RpcFailure) => {
      if (!isOver) reply(answer);
      isOver = true;
      runtime.cancelTimer(timer);
    };
    const timer = runtime.startTimer(timeoutMs, () => end(failure('timeout', true)));
    const later = (action: () => void) => void runtime.startTimer(delayMs, action);
    if (fault === 'unreachable') return later(() => end(failure('unreachable', false)));
    this.asked.push(question);
    if (fault === 'forgotten') runtime.cancelTimer(timer);
    if (fault === 'silent' || fault === 'forgotten') return;
    if (typeof fault === 'object') return later(() => end(failure(fault.refuses, true)));
    const back = fault === 'answers_lost' ? () => end(failure('disconnected', true)) : end;
    const served: Served = { type: 'served', from, question, reply: (answer) => later(() => back(answer)) };
    later(() => runtime.send(this.pid, served));
  }

  private serve(self: Self<unknown>): void {
    const service = dataServices(this.surroundings, { requestTimeoutMs: 5000 })(lineOf(self));
    self.serve((message) => {
      const served = message as Served;
      if (served.type !== 'served') return void service.handle(message);
      const answer = isMomentary(served.question) ? service.answerNow?.(served.question, served.from) : undefined;
      if (answer) return served.reply(answer);
      service.serve(served.question, {
        from: served.from,
        deadlineAtMs: undefined,
        answer: (answer) => served.reply(answer),
        refuse: (code) => served.reply(failure(code, true)),
      });
    });
  }
}

/** What a conversation tries to answer on the spot. */
function isMomentary(question: RecordQuestion): question is Parameters<NonNullable<DataService['answerNow']>>[0] {
  return question.type === 'get' || question.type === 'put_replica' || question.type === 'get_replica';
}

/** Several of them. */
export class FakeRing {
  readonly nodes: readonly FakeNode[];
  private lastEpoch = 0;

  /** Nodes that share the circle among them, as Chord would have it: each leads its arc, and the next ones have copies. */
  constructor(
    readonly world: World,
    count: number,
    /** How many copies there should be. */
    readonly replicas = 1,
  ) {
    const nodes = Array.from({ length: count }, (_, i) => new FakeNode(this, `node:${i + 1}`));
    this.nodes = nodes.sort((a, b) => (a.peer.id < b.peer.id ? -1 : 1));
    for (const i of this.nodes.keys()) this.lead(i, Math.min(count, replicas));
  }

  /** The nodes in ring order. */
  node(place: number): FakeNode {
    const node = this.nodes.at(place % this.nodes.length);
    if (node === undefined) throw new Error('There is no node');
    return node;
  }

  /** What lies before a node, up to the one before it. */
  arcOf(place: number): Range {
    return { lo: this.node(place - 1).peer.id, hi: this.node(place).peer.id };
  }

  /** The arc of the node at this place gets a view of so many nodes, which begins at another one. */
  lead(place: number, count: number, first = place): View {
    const members = Array.from({ length: count }, (_, i) => this.node(first + i));
    return this.adopt(this.arcOf(place), members);
  }

  /** Some nodes adopt a new view of an arc, which the first of them leads; whoever was a member and is not hears of it. */
  adopt(arc: Range, members: readonly FakeNode[], learners: readonly FakeNode[] = []): View {
    const [primary] = members;
    if (primary === undefined) throw new Error('A view has members');
    this.lastEpoch += 1;
    const view: View = {
      epoch: { n: this.lastEpoch, by: primary.peer.inc },
      arc,
      members: members.map(({ peer }) => peer),
      primary: primary.peer.id,
      voters: members.filter((node) => !learners.includes(node)).map(({ peer }) => peer.id),
      syncs: 1,
      floor: versionOf(0, 0, new Writers().intern(writerId(primary.peer.id, 1n))),
    };
    for (const node of this.nodes) {
      const role = roleOf(node, view);
      const isConcerned = role !== 'none' || node.holdings.some((holding) => holding.arc.hi === arc.hi);
      if (isConcerned) this.hold(node, { arc, view, role, promised: view.epoch, pending: [] });
    }
    return view;
  }

  /** A node knows and promises this, whatever it did before. */
  hold(node: FakeNode, piece: Holding): void {
    node.holdings = withPieces(node.holdings, [piece]);
  }

  /** A node has promised a newer view of the arc that it is a member of. */
  seal(node: FakeNode, arc: Range): void {
    node.holdings = node.holdings.map((holding) =>
      holding.arc.hi === arc.hi ? { ...holding, promised: { n: this.lastEpoch + 1, by: 9n } } : holding,
    );
  }

  /** A node knows nothing of an arc any more. */
  forget(node: FakeNode, arc: Range): void {
    node.holdings = withoutArc(node.holdings, arc);
  }

  /** Who leads the arc of a key, by its own reckoning. */
  ownerOf(key: KeyId): FakeNode | undefined {
    return this.nodes.find(({ peer, holdings }) =>
      holdings.some(({ arc, view }) => inRange(key, arc) && view?.primary === peer.id),
    );
  }

  find(addr: string): FakeNode {
    const node = this.nodes.find(({ peer }) => peer.addr === addr);
    if (node === undefined) throw new Error(`Nobody is ${addr}`);
    return node;
  }

  /** The `index`th key that a node leads. */
  keyOf(node: FakeNode, index = 0): string {
    let left = index;
    for (let i = 0; ; i += 1) {
      if (this.ownerOf(keyId(fromUtf8(`key-${i}`))) !== node) continue;
      if (left === 0) return `key-${i}`;
      left -= 1;
    }
  }
}

function roleOf({ peer }: FakeNode, view: View): Holding['role'] {
  if (!isMember(view, peer)) return 'none';
  return view.voters.includes(peer.id) ? 'voter' : 'learner';
}

/** A client of a node, in a process of its own as a connection is. */
export class FakeClient {
  readonly received: Response[] = [];
  session: Session | undefined;
  readonly pid: Pid<unknown>;
  /** How many bytes may be written; what is written is taken at once. */
  roomBytes = 1024 * 1024;
  private readonly decoder = new ResponseDecoder();

  constructor(
    private readonly world: World,
    node: FakeNode,
    surroundings: Partial<Surroundings> = {},
  ) {
    const open = clientSessions({ settings: testSettings(), surroundings: { ...node.surroundings, ...surroundings } });
    this.pid = world.spawn<unknown>((self) => {
      const line = lineOf(self, () => this.roomBytes);
      const session = open(line);
      this.session = session;
      self.serve((message) => {
        if (message instanceof Uint8Array) session.receive(Buffer.from(message));
        else if (message === 'drain') session.resume();
        else session.handle(message);
        // The socket takes everything at once, as far as it takes anything.
        if (session.isFull && line.roomBytes < 0 && this.roomBytes >= 0) self.send(self.pid, 'drain');
        for (const octets of line.writer.takeAll()) this.decoder.push(toBuffer(octets));
        for (let found = this.decoder.next(); found !== undefined; found = this.decoder.next()) {
          if (found.type === 'response') this.received.push(found);
        }
      });
    });
  }

  /** Sends requests in one piece and lets everything run that needs no time. */
  async send(...requests: readonly Request[]): Promise<void> {
    this.world.runtime.send(this.pid, Buffer.concat(requests.map(bytesOfRequest)));
    await this.world.idle();
  }

  /** Takes what has been answered so far. */
  answers(): readonly Response[] {
    return this.received.splice(0);
  }
}

function lineOf(self: Self<unknown>, roomBytes = () => Number.POSITIVE_INFINITY): Line {
  const writer = new OctetWriter();
  return {
    self,
    writer,
    get roomBytes() {
      return roomBytes() - writer.bytes;
    },
  };
}

/** Lookups that know the answer, after a millisecond. */
function fakeLookups(
  self: Self<unknown>,
  ownerOf: (key: KeyId) => Peer | undefined,
): Pick<Lookups, 'begin' | 'handle' | 'expire'> {
  return {
    begin: (key, done) => {
      const owner = ownerOf(key as KeyId);
      const outcome = owner
        ? ({ ok: true, owner, rest: [], path: [] } as const)
        : ({ ok: false, code: 'no_route', path: [] } as const);
      self.sendAfter(1, self.pid, { type: 'fake_looked_up', report: () => done(outcome) });
    },
    handle(message) {
      const { type, report } = message as { type?: string; report?: () => void };
      if (type !== 'fake_looked_up') return false;
      report?.();
      return true;
    },
    expire: () => {},
  };
}
