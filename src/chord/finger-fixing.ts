/**
 * Finger fixing: which finger is to be looked up next, so that the table comes to be right and stays so.
 *
 * A finger is found by looking up its target (SIGCOMM 2001, section 4.4). Of 160 only about log2 N
 * differ, so a pass skips every target that lies before the finger just found: about log2 N lookups, one
 * after the other. The nearest fingers need none, since the successor list names them. While the ring
 * changes, up to four lookups follow each other in a tick; once a pass has changed nothing, one in a
 * tick looks after one finger in turn. A lookup that fails changes nothing: a guess is never stored. A finger
 * that has died is forgotten, so that the next best known stands in for it at once, and what it stood for is
 * looked up before anything else.
 */
import { distanceOf, FINGERS, FingerTable, fingerTarget, octaveOf } from './finger-table';
import type { Id } from './id';
import type { Peer } from './peer';
import { unreachable } from '../unreachable';

/** What happens to a finger table. */
export type FingerFixingEvent =
  /** It is time to look after a finger. `isWhole`: the list names everybody, so that there is nothing to look up. */
  | { readonly type: 'tick'; readonly successors: readonly Peer[]; readonly isWhole: boolean }
  /** Members that were heard of: some may be better fingers. */
  | { readonly type: 'learnt'; readonly peers: readonly Peer[] }
  | { readonly type: 'found'; readonly request: number; readonly owner: Peer }
  | { readonly type: 'failed'; readonly request: number }
  | { readonly type: 'dead'; readonly peer: Peer }
  /** The pointers have changed: there may be more to it. */
  | { readonly type: 'ring_changed' };

/** What is to be done. */
export type FingerFixingEffect =
  /** Look up who owns `target`. */
  { readonly type: 'lookup'; readonly request: number; readonly target: Id } | { readonly type: 'fingers_changed' };

/** The fingers from `index` to `last`, to be looked up one after the other. */
interface Stretch {
  readonly index: number;
  readonly last: number;
}

/** A finger table and what is to be done about it. */
export interface FingerFixing {
  readonly self: Peer;
  readonly table: FingerTable;
  /** The list that the nearest fingers were last taken from. */
  readonly successors: readonly Peer[];
  /** Fingers that have died; they come first. */
  readonly repairs: readonly Stretch[];
  /** Where the pass stands; undefined between two passes. */
  readonly pass: Stretch | undefined;
  readonly pending: Pending | undefined;
  /** How many lookups may still follow in this tick. */
  readonly lookupsLeft: number;
  /** Whether something has changed since the pass began, so that another is to follow at once. */
  readonly isUnstable: boolean;
  readonly lastRequest: number;
}

/** A lookup that is waited for. */
interface Pending {
  readonly request: number;
  readonly stretch: Stretch;
  readonly isRepair: boolean;
  readonly endMs: number;
}

type Outcome = [FingerFixing, readonly FingerFixingEffect[]];

const NOTHING: readonly FingerFixingEffect[] = [];

const LOOKUPS_MAX = 4;
/** A lookup that comes to no end is taken for failed. */
const LOOKUP_MAX_MS = 10_000;

/** A table without fingers, all of which are to be found. */
export function startFingerFixing(self: Peer): FingerFixing {
  return {
    self,
    table: FingerTable.of(self.id),
    successors: [],
    repairs: [],
    pass: undefined,
    pending: undefined,
    lookupsLeft: 0,
    isUnstable: true,
    lastRequest: 0,
  };
}

/** Handles one event. */
export function stepFingerFixing(state: FingerFixing, event: FingerFixingEvent, nowMs: number): Outcome {
  switch (event.type) {
    case 'tick':
      return tick(state, event.successors, event.isWhole, nowMs);
    case 'learnt': {
      const { table } = state;
      const learnt = event.peers.reduce((known, peer) => known.learn(peer), table);
      return learnt === table ? [state, NOTHING] : withTable(state, learnt);
    }
    case 'found':
    case 'failed': {
      const { pending } = state;
      if (pending?.request !== event.request) return [state, NOTHING];
      const [next, effects] = event.type === 'found' ? found(state, pending, event.owner) : [state, NOTHING];
      const [asking, asks] = lookUpNext(settled(next, pending), nowMs);
      return [asking, [...effects, ...asks]];
    }
    case 'dead':
      return died(state, event.peer);
    case 'ring_changed':
      return [{ ...state, isUnstable: true }, NOTHING];
    default:
      return unreachable(event);
  }
}

function tick(before: FingerFixing, successors: readonly Peer[], isWhole: boolean, nowMs: number): Outcome {
  const [state, effects] = takeList(before, successors, isWhole);
  if (isWhole) {
    return [{ ...state, repairs: [], pass: undefined, pending: undefined, isUnstable: false }, effects];
  }
  const isHurried = state.isUnstable || state.repairs.length > 0;
  const ready = { ...state, lookupsLeft: isHurried ? LOOKUPS_MAX : 1 };
  const { pending } = ready;
  const isOverdue = pending !== undefined && nowMs >= pending.endMs;
  const [next, asks] = lookUpNext(isOverdue ? settled(ready, pending) : ready, nowMs);
  return [next, [...effects, ...asks]];
}

/** Nobody stands between two neighbours of the successor list, so the fingers up to its end are known. */
function takeList(state: FingerFixing, successors: readonly Peer[], isWhole: boolean): Outcome {
  const isNew = !isSame(successors, state.successors);
  if (!isNew && state.pass !== undefined) return [state, NOTHING];
  const { self } = state;
  const others = successors.filter(({ id }) => id !== self.id);
  let table = state.table;
  let index = 0;
  for (const peer of others) {
    const octave = octaveOf(distanceOf(self.id, peer.id));
    if (octave < index) continue;
    table = table.fix(index, peer);
    index = octave + 1;
  }
  if (isWhole && index < FINGERS) table = table.fix(index, self);
  return withTable({ ...state, successors, isUnstable: state.isUnstable || isNew }, table);
}

/** Starts the lookup that comes next, if one may: repairs first, then the pass. */
function lookUpNext(state: FingerFixing, nowMs: number): Outcome {
  if (state.pending !== undefined || state.lookupsLeft === 0) return [state, NOTHING];
  const [repair, ...repairs] = state.repairs;
  if (repair) return lookUp({ ...state, repairs }, repair, true, nowMs);
  if (state.pass) return lookUp(state, state.pass, false, nowMs);
  const first = firstUnlisted(state);
  if (first >= FINGERS) return [{ ...state, isUnstable: false }, NOTHING];
  return lookUp({ ...state, isUnstable: false }, { index: first, last: FINGERS - 1 }, false, nowMs);
}

function lookUp(state: FingerFixing, stretch: Stretch, isRepair: boolean, nowMs: number): Outcome {
  const request = state.lastRequest + 1;
  const pending = { request, stretch, isRepair, endMs: nowMs + LOOKUP_MAX_MS };
  const pass = isRepair ? state.pass : stretch;
  const target = fingerTarget(state.self.id, stretch.index);
  return [
    { ...state, pass, pending, lookupsLeft: state.lookupsLeft - 1, lastRequest: request },
    [{ type: 'lookup', request, target }],
  ];
}

function found(state: FingerFixing, { stretch }: Pending, owner: Peer): Outcome {
  const [next, effects] = withTable(state, state.table.fix(stretch.index, owner));
  return [effects.length > 0 ? { ...next, isUnstable: true } : next, effects];
}

/** The lookup has ended, one way or the other: the stretch goes on behind the finger as it is known now. */
function settled(state: FingerFixing, { stretch, isRepair }: Pending): FingerFixing {
  const index = state.table.after(stretch.index);
  const onward = index > stretch.last ? undefined : { ...stretch, index };
  const next = { ...state, pending: undefined };
  if (!isRepair) return { ...next, pass: onward };
  return onward ? { ...next, repairs: [onward, ...state.repairs] } : next;
}

function died(state: FingerFixing, peer: Peer): Outcome {
  const known = state.table.peers.find(({ id }) => id === peer.id);
  const stretch = state.table.stretchOf(peer.id);
  if (known === undefined || stretch === undefined || known.inc > peer.inc) return [state, NOTHING];
  const repairs = [...state.repairs, { index: stretch.first, last: stretch.last }];
  return [{ ...state, repairs, table: state.table.forget(peer.id) }, [{ type: 'fingers_changed' }]];
}

/** The first finger whose target lies behind the successor list. */
function firstUnlisted({ self, successors }: FingerFixing): number {
  const last = successors.findLast(({ id }) => id !== self.id);
  return last === undefined ? 0 : octaveOf(distanceOf(self.id, last.id)) + 1;
}

function withTable(state: FingerFixing, table: FingerTable): Outcome {
  if (isSame(table.peers, state.table.peers)) return [state, NOTHING];
  return [{ ...state, table }, [{ type: 'fingers_changed' }]];
}

const isSame = (a: readonly Peer[], b: readonly Peer[]) =>
  a.length === b.length && a.every(({ id, inc }, index) => id === b[index]?.id && inc === b[index]?.inc);
