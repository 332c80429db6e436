/**
 * Peer link: this node's connection to one other node, and how everybody here asks it something.
 *
 * Nobody waits for a link. A question is laid on its desk (link-desk.ts), and the outcome comes to
 * whoever asked as a message; the link connects when there is something to say, shares one connection
 * among all questions, writes what one turn of the event loop has brought in one piece, and ends
 * after `IDLE_MS` without use. When the other node does not answer the telephone, the link rests
 * before it tries again, longer each time and never as long as others do: the first time what is asked
 * waits for that, since one failure says little; from then on it fails at once.
 *
 * A crash loses the connection. Whoever had asked is told, and the next question starts another
 * link. Started by supervisors/peer-sup.ts, one for each address.
 */
import type { Peer } from '../src/chord/peer';
import type { Tale } from '../src/chord/ring-protocol';
import { backoffMs } from '../src/client/backoff';
import { currentSelf, type GenServer, genServer, noReply, type Self, started, stop, type TimerRef } from '../src/otp';
import { packedRequest, type ShortFrame } from '../src/protocol/rpc-data-packed';
import { type Frame, type FrameRefusal, type RpcErrorCode, WHOLE_CONNECTION } from '../src/protocol/rpc-frames';
import type { HandshakeFault, Hello } from '../src/protocol/rpc-handshake';
import { encodeQuestion, questionBytes, type RpcQuestion } from '../src/protocol/rpc-messages';
import { encodeTale } from '../src/protocol/rpc-tales';
import type { Writers } from '../src/replication/version';
import { unreachable } from '../src/unreachable';
import type { FrameTally } from './frame-tally';
import * as health from './health';
import { answered, answeredShort } from './link-answers';
import { type Ask, type Laid, lay, type LinkDesk, LinkDesks, type Failure, sendOutcome } from './link-desk';
import { PeerWire, type Verdict, type WireMessage } from './peer-wire';

export { type RpcFailure, type RpcOutcome, type RpcOutcomes, SUPERVISOR } from './link-desk';

// API

/** What every link of a node needs. */
export interface LinkOptions {
  /** What this node says of itself. */
  readonly hello: Hello;
  /** The node's, for the versions that come. */
  readonly writers: Writers;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  /** Counts what is sent. */
  readonly tally: FrameTally;
}

export interface Args extends LinkOptions {
  /** `host:port` of the other node, as it advertises it. */
  readonly addr: string;
}

/** How an ask may be made. */
export interface AskOptions<Tag> {
  /** Comes back with the outcome, so that the asker knows which of his questions it is about. */
  readonly tag: Tag;
  /** @default what the failure detector has learned of the peer's answering times */
  readonly timeoutMs?: number | undefined;
  /** An answer may come with others in one {@link RpcOutcomes}: for whoever asks much. @default false */
  readonly isBatched?: boolean;
}

export const startLink = (args: Args) =>
  genServer.startLink(callbacks, args, { name: `peer-link ${args.addr}`, module: 'peer-link' });

/**
 * Asks a node something. Returns at once; exactly one {@link RpcOutcome} comes to the running process. For
 * anything that a handler may do; after an `await`, go through `self.run`.
 */
export function ask<Tag>(to: Peer, question: RpcQuestion, options: AskOptions<Tag>): void {
  const { tag, timeoutMs, isBatched = false } = options;
  const self = currentSelf();
  const deadlineAtMs = self.nowMs() + (timeoutMs ?? health.rtoMs(to.id));
  const bytes = questionBytes(question);
  const replyTo = self.pid as Ask['replyTo'];
  lay({ type: 'ask', to, question, tag, replyTo, isBatched, deadlineAtMs, bytes, sentAtMs: undefined }, self);
}

/** Tells a node something. Returns at once; whether it arrives, nobody hears. */
export function tell(to: Peer, tale: Tale): void {
  lay({ type: 'tell', to, tale }, currentSelf());
}

// State and messages

/** Mutable, and the same object for the life of the link. */
interface State extends Args {
  readonly desk: LinkDesk;
  phase: Phase;
  /** How many attempts in a row were of no use. */
  failures: number;
  /** Why the last of them was not. */
  lastFailure: Failure;
  /** Since when something has been written and nothing has been heard; undefined: nothing is owed. */
  silentSinceMs: number | undefined;
  lastUsedMs: number;
  alarm: { readonly ref: TimerRef; readonly atMs: number } | undefined;
}

type Phase =
  | { readonly type: 'idle' }
  /** Until the handshake is over. `isRedial`: the attempt before was cut off. */
  | { readonly type: 'connecting'; readonly wire: PeerWire; readonly untilMs: number; readonly isRedial: boolean }
  | { readonly type: 'open'; readonly wire: PeerWire; readonly peer: Peer }
  | { readonly type: 'resting'; readonly untilMs: number };

type Info = Laid | WireMessage | { readonly type: 'alarm' | 'due' };

/** Connecting and shaking hands take no longer. */
const CONNECT_MS = 1000;
const BACKOFF = { backoffMinMs: 50, backoffMaxMs: 1000 };
/** A peer that owes answers and says nothing for so long is dialled anew. */
const SILENCE_MS = 2000;
/** Links that nobody uses end. */
const IDLE_MS = 60_000;
/** What one write may hold, short of a single question that is longer. */
const WRITE_BYTES_MAX = 1024 * 1024;

/** What the system says of a connection whose other end was closed; undefined: nothing, it has just ended. */
const SEVERED: ReadonlySet<string | undefined> = new Set([undefined, 'ECONNRESET', 'EPIPE']);

const IDLE: Phase = { type: 'idle' };

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  init(args, self) {
    const desks = LinkDesks.of(self.runtime);
    const desk = desks.find(args.addr) ?? desks.add(args.addr);
    const lastFailure = { code: 'disconnected', message: `The link to ${args.addr} has ended` } as const;
    const state: State = {
      ...args,
      desk,
      phase: IDLE,
      failures: 0,
      lastFailure,
      silentSinceMs: undefined,
      lastUsedMs: self.nowMs(),
      alarm: undefined,
    };
    desk.link = self.pid;
    self.openPort(() => {
      wireOf(state)?.destroy();
      desks.close(desk, lastFailure);
    });
    desk.tellLink();
    return started(goOn(state, self));
  },

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'laid':
        state.desk.seen();
        break;
      case 'alarm':
        // What has come while the event loop was busy stands behind this message and goes first.
        self.send(self.pid, { type: 'due' });
        return noReply(state);
      case 'due':
        state.alarm = undefined;
        if (ring(state, self) === 'unused') return stop('normal', state);
        break;
      default:
        if (message.wire === wireOf(state)) happened(message, state, self);
    }
    return noReply(goOn(state, self));
  },

  formatStatus: ({ addr, phase, failures, desk }) => ({
    addr,
    phase: phase.type,
    failures,
    waiting: desk.waiting.length,
    sent: desk.sent.size,
    bytesUnsent: 'wire' in phase ? phase.wire.bytesUnsent : 0,
  }),
};

// Internal

const wireOf = ({ phase }: State) => ('wire' in phase ? phase.wire : undefined);

/** Does what can be done for what is on the desk, and sets the alarm for what cannot. */
function goOn(state: State, self: Self<Info>): State {
  const { desk } = state;
  const nowMs = self.nowMs();
  const hasNews = desk.takeNews();
  if (state.phase.type === 'resting' && (hasNews || state.phase.untilMs <= nowMs)) state.phase = IDLE;
  if (desk.waiting.length > 0) {
    state.lastUsedMs = nowMs;
    if (state.phase.type === 'idle') dial(state, nowMs, self);
    else if (state.phase.type === 'open') write(state.phase.wire, state, nowMs);
    else if (state.phase.type === 'resting' && state.failures > 1) desk.failWaiting(state.lastFailure);
  }
  setAlarm(state, nowMs, self);
  return state;
}

function dial(state: State, nowMs: number, self: Self<Info>, isRedial = false): void {
  const wire = new PeerWire(state.addr, state, self.runtime, self.pid);
  state.phase = { type: 'connecting', wire, untilMs: nowMs + CONNECT_MS, isRedial };
}

/** Writes what waits, as far as the other side takes it. */
function write(wire: PeerWire, state: State, nowMs: number): void {
  const { desk, tally } = state;
  for (let item = desk.waiting[0]; item !== undefined; item = desk.waiting[0]) {
    if (wire.isFull || wire.writer.bytes >= WRITE_BYTES_MAX) break;
    // An item leaves the row once it is written and not before: what the link dies of must not be forgotten.
    if (item.type === 'tell') tally.encode({ type: 'tell', ...encodeTale(item.tale) }, wire.writer);
    else writeAsk(item, wire, state, nowMs);
    desk.waiting.shift();
  }
  if (wire.writer.bytes === 0) return;
  wire.flush();
  if (desk.sent.size > 0) state.silentSinceMs ??= nowMs;
  // What was left for the next turn, the socket not being full, is taken then.
  if (desk.waiting.length > 0 && !wire.isFull) desk.tellLink();
}

function writeAsk(item: Ask, wire: PeerWire, { desk, tally }: State, nowMs: number): void {
  const deadlineMs = Math.max(1, Math.ceil(item.deadlineAtMs - nowMs));
  const correlationId = desk.nextId();
  const packed = packedRequest(correlationId, item.question, deadlineMs);
  if (packed !== undefined) {
    tally.write(packed, wire.writer);
    return desk.wrote(correlationId, item, nowMs);
  }
  const { method, body } = encodeQuestion(item.question);
  const written = tally.encode({ type: 'request', correlationId, method, deadlineMs, body }, wire.writer);
  if (written.ok) desk.wrote(correlationId, item, nowMs);
  else desk.fail(item, { code: 'bad_request', message: written.error });
}

// What happens to the wire

function happened(message: WireMessage, state: State, self: Self<Info>): void {
  switch (message.type) {
    case 'wire_connected':
      return void message.wire.shakeHands();
    case 'wire_data':
      state.silentSinceMs = undefined;
      if (state.phase.type === 'connecting') return judge(message.wire.shakeHands(message.chunk), state, self);
      message.wire.push(message.chunk);
      return takeAll(message.wire, state, self);
    case 'wire_drained':
      return;
    case 'wire_closed':
      return closed(message.code ?? 'it was closed', state, self, { isSevered: SEVERED.has(message.code) });
    default:
      return unreachable(message);
  }
}

function judge(verdict: Verdict | undefined, state: State, self: Self<Info>): void {
  const wire = wireOf(state);
  if (verdict === undefined || wire === undefined) return;
  if (verdict.type === 'refused') {
    wire.end(verdict.farewell);
    return refused(verdict.code, verdict.message, state, self);
  }
  if (wire.peer === undefined) return;
  state.phase = { type: 'open', wire, peer: wire.peer };
  self.runtime.logger.event('debug', 'peer_connected', { to: state.addr });
  takeAll(wire, state, self);
}

/** Both logs say once why two nodes do not speak. */
function refused(handshake: HandshakeFault, message: string, state: State, self: Self<Info>): void {
  const { addr, lastFailure } = state;
  if (lastFailure.handshake !== handshake) {
    self.runtime.logger.event('warning', 'peer_refused', { to: addr, code: handshake, message });
  }
  failed({ code: 'refused', message: `Cannot ask ${addr}: ${message}`, handshake }, state, self);
}

/** How a connection has ended. */
interface Ending {
  /** Its last word. By `not_a_member` it says that what was not answered was not done. */
  readonly last?: RpcErrorCode;
  /** The other system has ended it, and the other process has not had a last word. @default false */
  readonly isSevered?: boolean;
}

/**
 * The connection is over. The system of a process that is gone may still let somebody in and then cut him off, while it
 * closes what is left, which says nothing; dialling at once again does.
 */
function closed(why: string, state: State, self: Self<Info>, { last, isSevered = false }: Ending = {}): void {
  const { phase, addr, desk } = state;
  wireOf(state)?.destroy();
  if (phase.type !== 'open') {
    if (phase.type === 'connecting' && isSevered && !phase.isRedial) return dial(state, self.nowMs(), self, true);
    const isRefused = why === 'ECONNREFUSED';
    return failed(
      { code: 'unreachable', message: `Cannot ask ${addr}: no connection (${why})`, isRefused },
      state,
      self,
    );
  }
  const code = last === 'not_a_member' ? last : 'disconnected';
  const failure: Failure = { code, message: `The connection to ${addr} broke (${why})` };
  self.runtime.logger.event('debug', 'peer_disconnected', { to: addr, why });
  desk.failSent(failure);
  desk.failWaiting(failure);
  if (!phase.wire.wasOfUse) return failed({ ...failure, code: 'unreachable' }, state, self, phase.peer);
  state.phase = IDLE;
  state.silentSinceMs = undefined;
  health.lost(phase.peer, isSevered);
}

/** An attempt was of no use: rests, for the longer the more of them there were. */
function failed(failure: Failure, state: State, self: Self<Info>, peer = state.desk.lastTo): void {
  const { desk, random } = state;
  state.failures += 1;
  state.lastFailure = failure;
  state.silentSinceMs = undefined;
  state.phase = { type: 'resting', untilMs: self.nowMs() + backoffMs(state.failures, BACKOFF, random()) };
  desk.failWaiting(failure);
  if (failure.handshake !== 'same_node' && peer !== undefined) health.lost(peer);
}

// What comes

function takeAll(wire: PeerWire, state: State, self: Self<Info>): void {
  for (let found = wire.next(); found !== undefined; found = wire.next()) {
    take(found, wire, state, self);
    if (wireOf(state) !== wire) break;
  }
  state.desk.sendGathered();
}

function take(found: Frame | FrameRefusal | ShortFrame, wire: PeerWire, state: State, self: Self<Info>): void {
  const { desk, addr, writers, phase } = state;
  const { peer } = wire;
  if (phase.type !== 'open' || peer === undefined) return;
  switch (found.type) {
    case 'response':
      wire.wasOfUse = true;
      state.failures = 0;
      return answered(desk.take(found.correlationId), found.body, peer, writers, { desk, self });
    case 'answered':
      wire.wasOfUse = true;
      state.failures = 0;
      return answeredShort(desk.take(found.correlationId), found.answer, peer, { desk, self });
    case 'error': {
      wire.wasOfUse = true;
      if (found.correlationId === WHOLE_CONNECTION) return closed(found.message, state, self, { last: found.code });
      const asked = desk.take(found.correlationId);
      if (asked === undefined) return;
      const message = `Cannot ask ${addr} (${asked.question.type}): ${found.message}`;
      return sendOutcome(self.runtime, asked, { code: found.code, wasSent: true, message });
    }
    case 'refused': {
      const asked = found.about?.type === 'answer' ? desk.take(found.about.correlationId) : undefined;
      if (asked) sendOutcome(self.runtime, asked, { code: 'bad_answer', wasSent: true, message: found.message });
      return found.fatal ? closed(found.message, state, self) : undefined;
    }
    case 'request':
    case 'asked':
    case 'tell':
      // The other side asks on connections that it has opened itself.
      return;
    default:
      return unreachable(found);
  }
}

// Time

/** What is due is done; `unused` when the link can end. */
function ring(state: State, self: Self<Info>): 'unused' | 'used' {
  const { desk } = state;
  const nowMs = self.nowMs();
  // A question that is late says nothing bad of a peer that has answered others since.
  const silentSinceMs = state.silentSinceMs ?? Number.POSITIVE_INFINITY;
  const isSilent = desk.expire(nowMs).some((sentAtMs) => sentAtMs >= silentSinceMs);
  if (state.phase.type === 'connecting' && state.phase.untilMs <= nowMs) {
    closed(`no answer in ${CONNECT_MS} ms`, state, self);
  } else if (state.phase.type === 'open' && isSilent) {
    health.missed(state.phase.peer);
    if (nowMs < silentSinceMs + SILENCE_MS) return 'used';
    state.phase.wire.wasOfUse = false;
    closed(`it has said nothing for ${Math.round(nowMs - silentSinceMs)} ms`, state, self);
  }
  return !desk.isBusy && nowMs >= state.lastUsedMs + IDLE_MS ? 'unused' : 'used';
}

/** One alarm, for whatever is due first. One that comes too early does no harm: it is only ever moved forward. */
function setAlarm(state: State, nowMs: number, self: Self<Info>): void {
  const { desk, phase, lastUsedMs, alarm } = state;
  const isTimed = phase.type === 'connecting' || (phase.type === 'resting' && desk.isBusy);
  const phaseMs = isTimed ? phase.untilMs : Number.POSITIVE_INFINITY;
  const unusedMs = desk.isBusy ? Number.POSITIVE_INFINITY : lastUsedMs + IDLE_MS;
  const atMs = Math.min(desk.nextDeadlineMs, phaseMs, unusedMs);
  if (atMs === Number.POSITIVE_INFINITY || (alarm !== undefined && alarm.atMs <= atMs)) return;
  if (alarm !== undefined) self.cancelTimer(alarm.ref);
  const ref = self.sendAfter(Math.max(1, Math.ceil(atMs - nowMs)), self.pid, { type: 'alarm' });
  state.alarm = { ref, atMs };
}
