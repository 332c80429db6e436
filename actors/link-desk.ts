/**
 * Link desks: what has been asked of other nodes and has no outcome yet, one desk for each node.
 *
 * Whoever asks lays his question on the desk of the link to that node; the link takes it from there,
 * and sees to its outcome. It is a plain object that the processes of a node share, and not the
 * mailbox of the link, so that nothing is lost with a mailbox: a desk is closed when its link
 * has ended, however it ended, and everybody whose question is still on it is told. A desk may be there
 * before its link is: what is laid on it has it started.
 *
 * Bounds: `LINKS_MAX` desks, and on each `OPEN_MAX` questions of `OPEN_BYTES_MAX` bytes together.
 */
import type { Peer } from '../src/chord/peer';
import type { Tale } from '../src/chord/ring-protocol';
import { nameOf, type Pid, type Runtime, type Self, type SupervisorRef, supervisor } from '../src/otp';
import type { RpcErrorCode } from '../src/protocol/rpc-frames';
import type { HandshakeFault } from '../src/protocol/rpc-handshake';
import type { RpcAnswer, RpcQuestion } from '../src/protocol/rpc-messages';

// API

/** Why there is no answer. */
export interface RpcFailure {
  readonly code:
    | 'timeout'
    /** Nobody listens there, or nobody did a moment ago. */
    | 'unreachable'
    /** The connection broke. */
    | 'disconnected'
    /** Here or there, too much is in flight: nothing was done. */
    | 'overloaded'
    /** The two nodes do not speak with each other: see `handshake`. */
    | 'refused'
    /** It was answered with nonsense. */
    | 'bad_answer'
    | RpcErrorCode;
  /** False: the peer has certainly not seen the question. */
  readonly wasSent: boolean;
  /** What happened, as a sentence. */
  readonly message: string;
  readonly handshake?: HandshakeFault | undefined;
  /** The other machine refused the last connection that was tried: nobody listens there. Silence is no refusal. */
  readonly isRefused?: boolean | undefined;
}

/** The same for all questions of a link, whether or not they have been sent. */
export type Failure = Omit<RpcFailure, 'wasSent'>;

/** What becomes of an ask: a message to the process that asked. Exactly one comes, whatever happens. */
export type RpcOutcome<Tag, A = RpcAnswer> =
  | {
      readonly type: 'rpc_answered';
      readonly tag: Tag;
      /** As its hello said, with its real incarnation. */
      readonly from: Peer;
      readonly answer: A;
      readonly rttMs: number;
    }
  | { readonly type: 'rpc_failed'; readonly tag: Tag; readonly to: Peer; readonly failure: RpcFailure };

/** Several outcomes at once, for a process that has said that it takes them so. */
export interface RpcOutcomes<Tag> {
  readonly type: 'rpc_outcomes';
  readonly outcomes: readonly RpcOutcome<Tag>[];
}

/** A question on a desk. */
export interface Ask {
  readonly type: 'ask';
  readonly to: Peer;
  readonly question: RpcQuestion;
  readonly tag: unknown;
  readonly replyTo: Pid<RpcOutcome<unknown> | RpcOutcomes<unknown>>;
  /** Its answer may come together with others. */
  readonly isBatched: boolean;
  /** On the monotonic clock, as all times here. */
  readonly deadlineAtMs: number;
  readonly bytes: number;
  /** Undefined until it has been written to the connection. */
  sentAtMs: number | undefined;
}

/** Something to be told, on a desk. Nobody hears what becomes of it. */
export interface Tell {
  readonly type: 'tell';
  readonly to: Peer;
  readonly tale: Tale;
}

/** What a link is sent when there is something new on its desk. */
export interface Laid {
  readonly type: 'laid';
}

/** The supervisor of the links. */
export const SUPERVISOR: SupervisorRef & string = nameOf('peer-sup');

/** Most questions on one desk, and as many tales. */
export const OPEN_MAX = 1024;

/** Most bytes of the questions on one desk. */
export const OPEN_BYTES_MAX = 64 * 1024 * 1024;

/** Most desks, and so links, of one node. */
export const LINKS_MAX = 1024;

/** The questions and tales for one node. */
export class LinkDesk {
  /** The process of the link; undefined while it is being started. */
  link: Pid<Laid> | undefined;
  /** Not written yet, oldest first. */
  waiting: (Ask | Tell)[] = [];
  /** Written and not answered, by their number on the wire, oldest first. */
  readonly sent = new Map<number, Ask>();
  /** Whom somebody has last wanted to reach here. */
  lastTo: Peer | undefined;
  /** No question has an earlier deadline. */
  nextDeadlineMs = Number.POSITIVE_INFINITY;
  /** Answers that leave together once all that came with them has been read, by who is to have them. */
  private readonly gathered = new Map<Ask['replyTo'], RpcOutcome<unknown>[]>();
  private openCount = 0;
  private openBytes = 0;
  private isTold = false;
  private hasNews = false;
  private lastId = 0;

  constructor(
    readonly addr: string,
    private readonly runtime: Runtime,
  ) {}

  /** How many questions have no outcome yet. */
  get open(): number {
    return this.openCount;
  }

  /** Whether something is left to do here. */
  get isBusy(): boolean {
    return this.openCount > 0 || this.waiting.length > 0;
  }

  /** Lays something on the desk; a question that is one too many has its outcome at once, and such a tale is lost. */
  lay(item: Ask | Tell): void {
    this.lastTo = item.to;
    if (item.type === 'ask') {
      const isFull = this.openCount >= OPEN_MAX || this.openBytes + item.bytes > OPEN_BYTES_MAX;
      if (isFull && this.openCount > 0) {
        const message = `Cannot ask ${this.addr}: ${this.openCount} questions wait for it already`;
        return sendOutcome(this.runtime, item, { code: 'overloaded', wasSent: false, message });
      }
      this.openCount += 1;
      this.openBytes += item.bytes;
      this.nextDeadlineMs = Math.min(this.nextDeadlineMs, item.deadlineAtMs);
    } else if (this.waiting.length >= 2 * OPEN_MAX) return;
    this.waiting.push(item);
    this.tellLink();
  }

  /** Says once that something is here, until the link has looked. */
  tellLink(): void {
    if (this.isTold || this.link === undefined) return;
    this.isTold = true;
    this.runtime.send(this.link, { type: 'laid' });
  }

  /** The node has been heard of: a link that rests, because it could not reach it, need not rest any longer. */
  heardOf(): void {
    this.hasNews = true;
    this.tellLink();
  }

  /** Whether the node has been heard of since the link looked last. */
  takeNews(): boolean {
    const { hasNews } = this;
    this.hasNews = false;
    return hasNews;
  }

  /** The link looks. */
  seen(): void {
    this.isTold = false;
  }

  /** Takes note that a question has been written under this number. */
  wrote(id: number, ask: Ask, nowMs: number): void {
    ask.sentAtMs = nowMs;
    this.sent.set(id, ask);
  }

  /** A number that no question on the wire has. */
  nextId(): number {
    do this.lastId = this.lastId === ID_MAX ? 1 : this.lastId + 1;
    while (this.sent.has(this.lastId));
    return this.lastId;
  }

  /** The question of this number is answered: gives it, unless it has its outcome already. */
  take(id: number): Ask | undefined {
    const ask = this.sent.get(id);
    if (ask === undefined) return undefined;
    this.sent.delete(id);
    this.settle(ask);
    return ask;
  }

  /** A question that is no longer on the desk ends without an answer. */
  fail(ask: Ask, failure: Failure): void {
    this.settle(ask);
    sendOutcome(this.runtime, ask, { ...failure, wasSent: ask.sentAtMs !== undefined });
  }

  /** A question that is no longer on the desk has been answered: whoever takes such outcomes together has to wait for {@link sendGathered}. */
  answer({ replyTo, isBatched }: Ask, outcome: RpcOutcome<unknown>): void {
    if (!isBatched) return this.runtime.send(replyTo, outcome);
    const others = this.gathered.get(replyTo);
    if (others === undefined) this.gathered.set(replyTo, [outcome]);
    else others.push(outcome);
  }

  /** What was gathered goes to those who are to have it. */
  sendGathered(): void {
    if (this.gathered.size === 0) return;
    for (const [replyTo, outcomes] of this.gathered) this.runtime.send(replyTo, { type: 'rpc_outcomes', outcomes });
    this.gathered.clear();
  }

  /** Everything that waits ends so; tales are lost. */
  failWaiting(failure: Failure): void {
    const { waiting } = this;
    this.waiting = [];
    for (const item of waiting) if (item.type === 'ask') this.fail(item, failure);
  }

  /** Everything that has been written ends so. */
  failSent(failure: Failure): void {
    const sent = [...this.sent.values()];
    this.sent.clear();
    for (const ask of sent) this.fail(ask, failure);
  }

  /** Ends what has not been answered in time. Gives when those of them were written that had been. */
  expire(nowMs: number): readonly number[] {
    const isLate = (ask: Ask) => ask.deadlineAtMs <= nowMs;
    const late = [...this.asks()].filter(isLate);
    if (late.length > 0) this.waiting = this.waiting.filter((item) => item.type === 'tell' || !isLate(item));
    for (const [id, ask] of this.sent) if (isLate(ask)) this.sent.delete(id);
    for (const ask of late) {
      this.fail(ask, { code: 'timeout', message: `Cannot ask ${this.addr} (${ask.question.type}): no answer in time` });
    }
    this.nextDeadlineMs = Number.POSITIVE_INFINITY;
    for (const ask of this.asks()) this.nextDeadlineMs = Math.min(this.nextDeadlineMs, ask.deadlineAtMs);
    return late.flatMap(({ sentAtMs }) => sentAtMs ?? []);
  }

  private *asks(): Iterable<Ask> {
    for (const item of this.waiting) if (item.type === 'ask') yield item;
    yield* this.sent.values();
  }

  private settle(ask: Ask): void {
    this.openCount -= 1;
    this.openBytes -= ask.bytes;
  }
}

/** All desks of a node. */
export class LinkDesks {
  private readonly byAddr = new Map<string, LinkDesk>();

  constructor(private readonly runtime: Runtime) {}

  /** The desks of a runtime: one set for each, since several nodes can live in one program. */
  static of(runtime: Runtime): LinkDesks {
    const found = runtime.parts.get(DESKS);
    if (found instanceof LinkDesks) return found;
    const desks = new LinkDesks(runtime);
    runtime.parts.set(DESKS, desks);
    return desks;
  }

  /** How many there are. */
  get count(): number {
    return this.byAddr.size;
  }

  /** The desk for this address, if there is one. */
  find(addr: string): LinkDesk | undefined {
    return this.byAddr.get(addr);
  }

  /** A new desk for an address that has none. */
  add(addr: string): LinkDesk {
    const desk = new LinkDesk(addr, this.runtime);
    this.byAddr.set(addr, desk);
    return desk;
  }

  /** Takes a desk away: nobody will ever look at it again, and whoever waits is told so. */
  close(desk: LinkDesk, failure: Failure): void {
    if (this.byAddr.get(desk.addr) === desk) this.byAddr.delete(desk.addr);
    desk.link = undefined;
    desk.sendGathered();
    desk.failSent(failure);
    desk.failWaiting(failure);
  }
}

/** Lays something on the desk of a node; the first thing there has the link started. */
export function lay(item: Ask | Tell, self: Self): void {
  const desks = LinkDesks.of(self.runtime);
  const { addr } = item.to;
  const found = desks.find(addr);
  if (found === undefined && desks.count >= LINKS_MAX) {
    const message = `Cannot ask ${addr}: there are ${LINKS_MAX} links to other nodes already`;
    if (item.type === 'ask') sendOutcome(self.runtime, item, { code: 'overloaded', wasSent: false, message });
    return;
  }
  const desk = found ?? desks.add(addr);
  desk.lay(item);
  if (found === undefined) self.spawn((starter) => start(desk, desks, starter), { initialCall: 'peer-link:start' });
}

/** A node has been heard of that could not be reached: it is dialled as soon as somebody wants something of it. */
export function heardOf(addr: string, runtime: Runtime): void {
  LinkDesks.of(runtime).find(addr)?.heardOf();
}

/** Tells the process that asked why there will be no answer. */
export function sendOutcome(runtime: Runtime, { replyTo, tag, to }: Ask, failure: RpcFailure): void {
  runtime.send(replyTo, { type: 'rpc_failed', tag, to, failure });
}

// Internal

const DESKS = Symbol('link desks');

const ID_MAX = 2 ** 32 - 1;

/** Starting a link takes no longer, or something is wrong. */
const START_MS = 5000;

/** A process of its own, since starting means waiting. If there is no link when it ends, there will be none. */
async function start(desk: LinkDesk, desks: LinkDesks, self: Self): Promise<void> {
  const { addr } = desk;
  const { runtime, pid } = self;
  const timer = runtime.startTimer(START_MS, () => runtime.exit(pid, 'kill'));
  self.openPort(() => {
    runtime.cancelTimer(timer);
    if (desk.link !== undefined) return;
    desks.close(desk, { code: 'unreachable', message: `Cannot ask ${addr}: no link to it could be started` });
  });
  await supervisor.startChild(SUPERVISOR, [{ addr }]).catch(() => undefined);
}
