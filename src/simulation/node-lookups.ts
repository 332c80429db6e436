/**
 * Lookups of a simulated node: the core of src/chord/lookup.ts, whose questions go over the simulated
 * network. Any number of them runs at once.
 */
import type { Id, NodeId } from '../chord/id';
import {
  type Lookup,
  type LookupEffect,
  type LookupEvent,
  type NextHop,
  startLookup,
  stepLookup,
} from '../chord/lookup';
import type { Peer } from '../chord/peer';
import { unreachable } from '../unreachable';
import type { Answering, AskOutcome } from './packet';

/** How a lookup has ended. */
export interface LookupOutcome {
  /** The owner and those behind it; empty when none was found. */
  readonly owners: readonly Peer[];
  /** Whom it was answered by, the origin first. */
  readonly path: readonly Peer[];
  /** Members that were asked and did not answer. */
  readonly timeouts: number;
}

/** What lookups need of the node that they belong to. */
export interface LookupHost {
  readonly self: Peer;
  /** Whether a lookup goes on when somebody does not answer. */
  readonly retries: boolean;
  /** Where this node itself sends a lookup; undefined while it is in no ring. */
  hopFrom(key: Id, excluded: ReadonlySet<NodeId>): NextHop | undefined;
  ask(peer: Peer, key: Id, excluded: ReadonlySet<NodeId>, done: (outcome: AskOutcome) => void): void;
}

/** Who is asked first, and who is not to be found. */
export interface LookupOptions {
  readonly origin?: Peer;
  readonly excluded?: ReadonlySet<NodeId>;
}

const NOBODY: ReadonlySet<NodeId> = new Set();
const ASKS_MAX = 64;

/** Looks up who owns `key`; `done` is called once. */
export function lookUp(
  host: LookupHost,
  key: Id,
  done: (outcome: LookupOutcome) => void,
  { origin = host.self, excluded = NOBODY }: LookupOptions = {},
): void {
  let lookup: Lookup;
  let timeouts = 0;

  const advance = (event: LookupEvent): void => {
    const [next, effect] = stepLookup(lookup, event);
    lookup = next;
    if (effect) perform(effect);
  };

  const answered = (from: NodeId, hop: NextHop) => advance({ type: 'answered', from, hop: without(hop, excluded) });

  const outcome = (peer: Peer) => (outcome: AskOutcome) => {
    if (outcome.type === 'answered' && isHop(outcome.answering)) return answered(peer.id, outcome.answering);
    timeouts += 1;
    if (!host.retries) return done({ owners: [], path: lookup.path, timeouts });
    advance({ type: 'timed_out', peer: peer.id });
  };

  const ask = (peer: Peer, silent: ReadonlySet<NodeId>): void => {
    const passedBy = excluded.size === 0 ? silent : new Set([...silent, ...excluded]);
    if (peer.id !== host.self.id) return host.ask(peer, key, passedBy, outcome(peer));
    const hop = host.hopFrom(key, passedBy);
    return hop ? answered(peer.id, hop) : done({ owners: [], path: lookup.path, timeouts });
  };

  const perform = (effect: LookupEffect): void => {
    switch (effect.type) {
      case 'ask':
        return ask(effect.peer, effect.excluded);
      case 'found':
        return done({ owners: [effect.owner, ...effect.rest], path: effect.path, timeouts });
      case 'failed':
        return done({ owners: [], path: effect.path, timeouts });
      default:
        return unreachable(effect);
    }
  };

  const [first, effect] = startLookup(key, origin, ASKS_MAX);
  lookup = first;
  perform(effect);
}

/** Whether an answer says where a lookup goes on. */
export const isHop = (answering: Answering): answering is NextHop =>
  answering.type === 'owner' || answering.type === 'candidates';

/** The same without those who are not to be found; an owner among them leaves its place to the next. */
function without(hop: NextHop, excluded: ReadonlySet<NodeId>): NextHop {
  if (excluded.size === 0) return hop;
  const isAllowed = ({ id }: Peer) => !excluded.has(id);
  if (hop.type === 'candidates') return { type: 'candidates', peers: hop.peers.filter(isAllowed) };
  const [owner, ...rest] = [hop.owner, ...hop.rest].filter(isAllowed);
  return owner ? { type: 'owner', owner, rest } : { type: 'candidates', peers: [] };
}
