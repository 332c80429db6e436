/**
 * Lookups: finding the member that a key belongs to, from inside whatever process wants to know.
 *
 * How a lookup goes is decided in src/chord/lookup.ts. This is its shell: no process but an object
 * that a process keeps. It asks through the links to the other nodes, and the process hands it every
 * message that it does not know itself, so that any number of lookups run beside whatever else the
 * process does, and none of them makes it wait.
 */
import type { Id, NodeId } from '../src/chord/id';
import {
  type Lookup,
  type LookupEffect,
  type LookupEvent,
  type LookupFailure,
  type NextHop,
  startLookup,
  stepLookup,
} from '../src/chord/lookup';
import type { Peer } from '../src/chord/peer';
import { isAlone } from '../src/chord/ring-member';
import { asksMaxFor, estimateRingSize } from '../src/chord/ring-size';
import * as peerLink from './peer-link';
import * as ringState from './ring-state';
import * as routes from './routes';

// API

/** How a lookup has ended. `path` is whom it was answered by, the origin first. */
export type LookupOutcome =
  | { readonly ok: true; readonly owner: Peer; readonly rest: readonly Peer[]; readonly path: readonly Peer[] }
  /** `timeout`: its time was over. `not_in_ring`: it was to begin here, and this node is in no ring. */
  | {
      readonly ok: false;
      readonly code: LookupFailure | 'timeout' | 'not_in_ring';
      readonly path: readonly Peer[];
    };

/** Where a lookup begins, whom it passes by, and how long it may take. */
export interface LookupOptions {
  /** Who is asked first. @default this node, which asks nobody but its own tables */
  readonly origin?: Peer;
  /** Who is neither asked nor named, for they are not to be found: such as this node when it looks for its own place. */
  readonly excluded?: ReadonlySet<NodeId>;
  /** @default 5000 */
  readonly timeoutMs?: number;
  /** How long one member may take to answer. @default what is known of its answering times */
  readonly askTimeoutMs?: number;
}

/** What a process needs to be, to have lookups. */
export interface LookupHost {
  nowMs(): number;
  /** Runs `action` as this process. */
  run<T>(action: () => T): T;
}

/** The lookups of one process. */
export class Lookups {
  private last = 0;
  private readonly running = new Map<number, Running>();

  constructor(private readonly host: LookupHost) {}

  /** How many are under way. */
  get size(): number {
    return this.running.size;
  }

  /** Begins a lookup. `done` is called once, in the process, and at once where this node knows the answer itself. */
  begin(key: Id, done: (outcome: LookupOutcome) => void, options: LookupOptions = {}): void {
    const { excluded = NOBODY, timeoutMs = LOOKUP_TIMEOUT_MS, askTimeoutMs } = options;
    const origin = options.origin ?? this.host.run(() => ringState.read()?.self);
    if (origin === undefined) return done({ ok: false, code: 'not_in_ring', path: [] });
    const [lookup, effect] = startLookup(key, origin, this.host.run(asksMax));
    const nowMs = this.host.nowMs();
    const isLocal = options.origin === undefined;
    this.last += 1;
    const running = { lookup, excluded, isLocal, done, untilMs: nowMs + timeoutMs, askTimeoutMs, askedMs: nowMs };
    this.perform(this.last, running, effect);
  }

  /** Takes a message that may be for one of the lookups; false: it is not. */
  handle(message: unknown): boolean {
    if (!isOutcome(message)) return false;
    const running = this.running.get(message.tag.lookup);
    if (running === undefined) return true;
    const peer = running.lookup.asked.id;
    if (message.type === 'rpc_failed') this.advance(message.tag.lookup, running, { type: 'timed_out', peer });
    else {
      const hop = isHop(message.answer)
        ? without(message.answer, running.excluded)
        : ({ type: 'candidates', peers: [] } as const);
      this.advance(message.tag.lookup, running, { type: 'answered', from: peer, hop });
    }
    return true;
  }

  /** Ends what has had its time, and passes by those whose answer was lost with their link. To be called now and then. */
  expire(): void {
    const nowMs = this.host.nowMs();
    for (const [number, running] of this.running) {
      const { lookup, untilMs, askedMs } = running;
      if (nowMs >= untilMs) this.end(number, running, { ok: false, code: 'timeout', path: lookup.path });
      else if (nowMs - askedMs > (running.askTimeoutMs ?? 0) + LOST_MS)
        this.advance(number, running, { type: 'timed_out', peer: lookup.asked.id });
    }
  }

  private advance(number: number, running: Running, event: LookupEvent): void {
    const [lookup, effect] = stepLookup(running.lookup, event);
    if (effect) this.perform(number, { ...running, lookup }, effect);
  }

  private perform(number: number, running: Running, effect: LookupEffect): void {
    switch (effect.type) {
      case 'ask':
        return this.ask(number, running, effect.peer, new Set([...effect.excluded, ...running.excluded]));
      case 'found':
        return this.end(number, running, { ok: true, owner: effect.owner, rest: effect.rest, path: effect.path });
      case 'failed':
        return this.end(number, running, { ok: false, code: effect.code, path: effect.path });
    }
  }

  /** The origin is asked first. When that is this node, its tables answer. */
  private ask(number: number, running: Running, peer: Peer, excluded: ReadonlySet<NodeId>): void {
    const { key, path } = running.lookup;
    if (running.isLocal && peer.id === path[0]?.id) {
      const hop = this.host.run(() => routes.hopFrom(key, excluded));
      if (hop === undefined) return this.end(number, running, { ok: false, code: 'not_in_ring', path: [] });
      return this.advance(number, running, { type: 'answered', from: peer.id, hop: without(hop, running.excluded) });
    }
    this.running.set(number, { ...running, askedMs: this.host.nowMs() });
    const tag: Tag = { lookup: number };
    this.host.run(() =>
      peerLink.ask(peer, { type: 'find_next', key, excluded }, { tag, timeoutMs: running.askTimeoutMs }),
    );
  }

  private end(number: number, { done }: Running, outcome: LookupOutcome): void {
    this.running.delete(number);
    done(outcome);
  }
}

// Internal

interface Running {
  readonly lookup: Lookup;
  readonly excluded: ReadonlySet<NodeId>;
  /** It began here. */
  readonly isLocal: boolean;
  readonly done: (outcome: LookupOutcome) => void;
  readonly untilMs: number;
  readonly askTimeoutMs: number | undefined;
  readonly askedMs: number;
}

interface Tag {
  readonly lookup: number;
}

const NOBODY: ReadonlySet<NodeId> = new Set();
const LOOKUP_TIMEOUT_MS = 5000;

/** An answer that has not come by then will not: its link has died. */
const LOST_MS = 1000;

/** For a node that is in no ring yet, and cannot tell how large one is: enough for any there can be. */
const ASKS_MAX = 64;

function asksMax(): number {
  const member = ringState.read();
  return member?.phase === 'member' && !isAlone(member)
    ? asksMaxFor(estimateRingSize(member), member.successorsMax)
    : ASKS_MAX;
}

function isOutcome(message: unknown): message is peerLink.RpcOutcome<Tag> {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('tag' in message)) return false;
  if (message.type !== 'rpc_answered' && message.type !== 'rpc_failed') return false;
  return typeof message.tag === 'object' && message.tag !== null && 'lookup' in message.tag;
}

const isHop = (answer: { readonly type: string }): answer is NextHop =>
  answer.type === 'owner' || answer.type === 'candidates';

/** The same without those that are not to be found; an owner among them leaves the next of the list in its place. */
function without(hop: NextHop, excluded: ReadonlySet<NodeId>): NextHop {
  if (excluded.size === 0) return hop;
  const allowed = ({ id }: Peer) => !excluded.has(id);
  if (hop.type === 'candidates') return { type: 'candidates', peers: hop.peers.filter(allowed) };
  const [owner, ...rest] = [hop.owner, ...hop.rest].filter(allowed);
  return owner ? { type: 'owner', owner, rest } : { type: 'candidates', peers: [] };
}
