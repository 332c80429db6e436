/**
 * Replica syncer: the process through which records come to this node and stay equal on all replicas.
 *
 * It fetches the arcs that handoff wants to have (job-desk.ts), compares the arcs that this node leads with
 * their members and mends what differs (repair-desk.ts), and tells members what they have missed
 * (hint-desk.ts). What that means stands in src/replication; records go straight into the table.
 * Nothing waits: each question has a deadline, and its outcome comes as a message. While the node has more to do
 * than it gets done (src/replication/strain.ts), all of this goes on at half its rate.
 *
 * A crash loses what was under way, and no record: handoff is told, and has everything fetched again whose
 * outcome it has not heard; comparisons begin anew, and find what hints were about. Started by supervisors/replication-sup.ts.
 */
import type { KeyId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import {
  type Answered,
  type Ask,
  ets,
  type GenServer,
  genServer,
  type Handled,
  noReply,
  serverNamed,
  started,
} from '../src/otp';
import { isStrained, noStrain, type Strain, STRAINED_SHARE, withBeat } from '../src/replication/strain';
import type { SyncJob } from '../src/replication/views-protocol';
import { unreachable } from '../src/unreachable';
import { HintDesk } from './hint-desk';
import { JobDesk } from './job-desk';
import * as keptTable from './kept-table';
import * as outflowTable from './outflow-table';
import { registered } from './registered';
import { RepairDesk, type Repaired } from './repair-desk';
import { type RepairsRow, TABLE } from './repair-table';
import {
  type Info,
  Outbox,
  type Surroundings,
  type SyncerOutcome,
  type SyncerSettings,
  type Tag,
} from './syncer-words';

export type { Surroundings } from './syncer-words';

// API

export interface Args {
  readonly settings: SyncerSettings;
  readonly around: Surroundings;
}

export const NAME = serverNamed<Call, Cast>('replica-syncer');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

/** What it does: one look-up, no hop. Undefined while it is being restarted. */
export const read = (): RepairsRow | undefined => keptTable.rowOf(TABLE, 'repairs');

/** Fetches an arc; handoff is told how that has ended. */
export const sync = (job: SyncJob) => genServer.cast(NAME, { type: 'sync', job });

/** Fetches it no more. */
export const cancel = (job: number) => genServer.cast(NAME, { type: 'cancel', job });

/** A write of this key has not reached that member. */
export const hint = (target: Peer, keyId: KeyId) => genServer.cast(NAME, { type: 'hint', target, keyId });

/** What this node holds has changed. It would be noticed anyway, a little later. */
export const viewsChanged = () => genServer.cast(NAME, { type: 'views_changed' });

/** This node can be reached again. */
export const heardOf = (peer: Peer) => genServer.cast(NAME, { type: 'verdict', peer, isAlive: true });

/** Compares every arc that this node leads with every member that votes, at once; answers when that has ended. */
export const repair = () => genServer.call(NAME, { type: 'repair' }, REPAIR_TIMEOUT_MS);

// State and messages

type Call = Ask<'repair', Repaired>;

export type Cast =
  | { readonly type: 'sync'; readonly job: SyncJob }
  | { readonly type: 'cancel'; readonly job: number }
  | { readonly type: 'hint'; readonly target: Peer; readonly keyId: KeyId }
  | { readonly type: 'views_changed' }
  /** What the failure detector has found out. */
  | { readonly type: 'verdict'; readonly peer: Peer; readonly isAlive: boolean };

/** Mutable, and the same object for the life of the process. */
interface State {
  readonly out: Outbox;
  readonly jobs: JobDesk;
  readonly repairs: RepairDesk;
  readonly hints: HintDesk;
  strain: Strain;
  /** Something may have changed since it was last published. */
  isNews: boolean;
  /** How many had been refused by then. */
  refused: number;
}

/** A round over everything may take a while where much differs. */
const REPAIR_TIMEOUT_MS = 60_000;

const TICK_MS = 100;

// Callbacks

const callbacks: GenServer<Args, State, Call, Cast, Info> = {
  init({ around, settings }, self) {
    keptTable.create(TABLE);
    outflowTable.create();
    const out = new Outbox(around, self);
    const repairs = new RepairDesk(out, settings);
    const jobs = new JobDesk(out, settings);
    const hints = new HintDesk(out, settings.hintTtlMs, (target) => repairs.due(target));
    const state: State = { out, jobs, repairs, hints, strain: noStrain(self.nowMs()), isNews: true, refused: 0 };
    publish(state);
    self.sendEvery(TICK_MS, { type: 'tick' });
    around.handoff.started();
    return started(state);
  },

  handleCall(_repair, from, state): Answered<Repaired, State> {
    state.repairs.repairAll(from);
    return changed(state);
  },

  handleCast(message, state) {
    switch (message.type) {
      case 'sync':
        state.jobs.add(message.job);
        return changed(state);
      case 'cancel':
        state.jobs.cancel(message.job);
        return changed(state);
      case 'hint':
        state.hints.add(message.target, message.keyId);
        return changed(state);
      case 'views_changed':
        state.repairs.tick();
        return changed(state);
      case 'verdict':
        if (message.isAlive) {
          state.hints.heardOf(message.peer);
          state.repairs.due(message.peer);
        }
        return changed(state);
      default:
        return unreachable(message);
    }
  },

  handleInfo(message, state): Handled<State> {
    switch (message.type) {
      case 'tick':
        tick(state);
        return noReply(state);
      case 'due':
        due(message.tag, state);
        return changed(state);
      case 'rpc_answered':
      case 'rpc_failed':
        outcome(message, message.tag, state);
        return changed(state);
      default:
        return unreachable(message);
    }
  },

  formatStatus: (state) => ({ ...rowOf(state) }),
};

// Internal

function changed(state: State): Handled<State> {
  state.isNews = true;
  return noReply(state);
}

function due(tag: Tag, { jobs, repairs }: State): void {
  if (tag.type === 'job') jobs.due(tag);
  if (tag.type === 'comparison') repairs.wake(tag);
}

function outcome(message: SyncerOutcome, tag: Tag, { jobs, repairs, hints }: State): void {
  switch (tag.type) {
    case 'job':
      return jobs.outcome(message, tag);
    case 'comparison':
      return repairs.outcome(message, tag);
    case 'hints':
      return hints.outcome(message, tag);
    default:
      return unreachable(tag);
  }
}

/** Does what is due, and publishes what has changed since the last time. */
function tick(state: State): void {
  const { jobs, repairs, hints, out } = state;
  feel(state);
  const [bytesSent, hintsDropped] = [out.bytesSent, hints.hints.droppedCount];
  if (out.around.refused() !== state.refused) state.isNews = true;
  jobs.tick();
  repairs.tick();
  hints.tick();
  if (out.bytesSent !== bytesSent || hints.hints.droppedCount !== hintsDropped) state.isNews = true;
  if (state.isNews) publish(state);
}

/** Slows down what can wait when the node is strained, and lets it go on as usual when it is no longer. */
function feel(state: State): void {
  const { jobs, repairs, hints, out } = state;
  const nowMs = out.self.nowMs();
  const wasStrained = isStrained(state.strain, state.strain.beatMs);
  state.strain = withBeat(state.strain, TICK_MS, nowMs);
  if (isStrained(state.strain, nowMs) === wasStrained) return;
  for (const desk of [jobs, repairs, hints]) desk.slow(wasStrained ? 1 : STRAINED_SHARE);
}

function publish(state: State): void {
  state.isNews = false;
  state.refused = state.out.around.refused();
  ets.insert(TABLE, rowOf(state));
}

function rowOf({ jobs, repairs, hints, out }: State): RepairsRow {
  return {
    id: 'repairs',
    jobs: jobs.progress,
    members: repairs.members,
    horizons: repairs.horizons,
    hintsPending: hints.hints.pending,
    hintsReplayed: hints.replayed,
    hintsDropped: hints.hints.droppedCount,
    forgottenDropped: jobs.dropped + out.around.refused(),
    bytesSent: out.bytesSent,
    rounds: repairs.rounds,
  };
}
