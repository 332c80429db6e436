/**
 * kv-store: the owner of the key-value table, not its gatekeeper.
 *
 * The table is public: connections read it and merge into it without asking, and keep doing so
 * while this process is being restarted. What it does is to keep the table alive (the heir holds
 * it between two owners) and tidy: it forgets tombstones that all replicas have and that are old enough, and
 * checks digests against records, a bounded slice at a time. Up to when the replicas agree stands beside the
 * table, written by whoever finds out (src/replication/horizons.ts). A crash loses nothing. What the table does stands
 * in src/store. Started by supervisors/services-sup.ts.
 */
import { randomInt } from 'node:crypto';
import type { Id } from '../src/chord/id';
import { incarnationAt, type Peer } from '../src/chord/peer';
import type { NodeSettings } from '../src/config';
import { ets, type GenServer, genServer, type Handled, nameOf, noReply, type Self, started } from '../src/otp';
import type { Range } from '../src/chord/range';
import { latestNowMs } from '../src/replication/clock-watch';
import {
  credible,
  forgetDead,
  type Horizons,
  isForgotten as wasForgotten,
  HORIZONS_MAX,
  NO_HORIZONS,
  partsRaised,
  withCredible,
  withoutHorizons,
  withTaken,
} from '../src/replication/horizons';
import { HybridClock } from '../src/replication/hybrid-clock';
import { type Writers, writerId } from '../src/replication/version';
import type { Target } from '../src/store/local-write';
import { MemoryTable } from '../src/store/memory-table';
import type { Record } from '../src/store/record';
import * as health from './health';
import * as keptTable from './kept-table';
import { registered } from './registered';

// API

export interface Args {
  readonly self: Peer;
  readonly settings: NodeSettings;
  /** The node's, for all versions that it meets. */
  readonly writers: Writers;
  /** A node begins with an empty table; one that is begun later has lost what was there. */
  readonly life: { readonly state: 'joining' | 'active' | 'leaving' };
}

export const NAME = nameOf('kv-store');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

/**
 * The table and the clock that orders its writes; undefined only when both the store and its heir
 * are gone. Look it up once per turn and do not keep it: a table that died must not take writes.
 */
export const open = (): Target | undefined => ets.find(TABLE, 'store');

/** Up to when the replicas of what is stored here are known to agree. */
export const horizons = (): Horizons => ets.find(TABLE, 'store')?.horizons ?? NO_HORIZONS;

/**
 * Whether a record of a key of which nothing is here is older than all that may have been forgotten here. Then it is not
 * taken in, and that is counted.
 */
export function isForgotten(record: Record): boolean {
  const row = ets.find(TABLE, 'store');
  if (row === undefined || !wasForgotten(row.horizons, record, row.graceMs)) return false;
  row.refused.count += 1;
  return true;
}

/** How many records have not been taken in because of that. */
export const refused = (): number => ets.find(TABLE, 'store')?.refused.count ?? 0;

/**
 * The replicas of an arc have been found to agree up to then, or whoever leads it says so. It is not believed where that is
 * later than it can be now: `systemMs` is the time of day.
 */
export function raiseHorizon(arc: Range, horizonMs: number, systemMs: number): void {
  change(
    (known, latestMs, least) =>
      partsRaised(arc, horizonMs, least).reduce(
        (raised, part) => withCredible(raised, part, horizonMs, latestMs),
        credible(known, latestMs),
      ),
    systemMs,
  );
}

/** All of an arc has been fetched from a node that knows these of it. */
export function takeHorizons(arc: Range, ofSource: Horizons, systemMs: number): void {
  change((known, latestMs) => credible(withTaken(known, arc, ofSource), latestMs), systemMs);
}

/** The view of an arc begins empty: see src/replication/horizons.ts. */
export function beginAnew(arc: Range, systemMs: number): void {
  const row = ets.find(TABLE, 'store');
  if (row === undefined) return;
  const least = row.least.filter(({ horizonMs }) => horizonMs > systemMs).slice(1 - HORIZONS_MAX);
  const begun = { arc, horizonMs: systemMs + row.graceMs };
  ets.insert(TABLE, { ...row, horizons: withoutHorizons(row.horizons, arc), least: [...least, begun] });
}

// State and messages

/** The one row of the table: what must outlive a crash of its owner. */
interface StoreRow extends Target {
  readonly id: 'store';
  readonly horizons: Horizons;
  /** What a horizon has to reach to count where arcs have begun empty. */
  readonly least: Horizons;
  /** How much older than the horizon a deletion must be to be forgotten. */
  readonly graceMs: number;
  /** Mutable: see {@link refused}. */
  readonly refused: { count: number };
}

interface State {
  readonly graceMs: number;
  readonly row: Target;
  /** Where the next slice of forgetting begins. */
  readonly purgeFrom: number | undefined;
  /** Where the next slice of scrubbing begins. */
  readonly scrubAfter: Id | undefined;
}

type Info = { readonly type: 'purge' | 'scrub' } | keptTable.KeptMessage;

const TABLE = ets.tableName<StoreRow, 'id'>('kv-store');

const SECOND_MS = 1000;

const PURGE_INTERVAL_MS = 10 * SECOND_MS;
const PURGE_SLICE = 1000;
const PURGE_PAUSE_MS = 1;
/** All of a million records are checked in a quarter of an hour, a slice taking well below a millisecond. */
const SCRUB_INTERVAL_MS = SECOND_MS;
const SCRUB_SLICE = 1000;

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  async init(args, self) {
    const inherited = await keptTable.keep(TABLE, 'store', self, 'public');
    return self.run(() => {
      const row = inherited ?? newRow(args, self);
      self.sendAfter(PURGE_INTERVAL_MS, self.pid, { type: 'purge' });
      self.sendEvery(SCRUB_INTERVAL_MS, { type: 'scrub' });
      const { tombstoneGraceMs: graceMs } = args.settings;
      return started<State>({ graceMs, row, purgeFrom: undefined, scrubAfter: undefined });
    });
  },

  handleInfo(message, state, self) {
    switch (message.type) {
      case 'purge':
        return purge(state, self);
      case 'scrub':
        return noReply({ ...state, scrubAfter: state.row.table.scrub(state.scrubAfter, SCRUB_SLICE).after });
      case 'DOWN':
      case 'find_heir':
      case 'ETS-TRANSFER':
        keptTable.attend(TABLE, message, self);
        return noReply(state);
    }
  },

  formatStatus: ({ row: { table, clock } }) => ({ ...table.stats(), clockRejections: clock.rejectedCount }),
};

// Internal

/** An empty table. Its writer is new too: what this node wrote before is no longer here to be compared with. */
function newRow({ self: { id }, settings, writers, life }: Args, self: Self<Info>): StoreRow {
  if (life.state !== 'joining')
    self.runtime.logger.event('error', 'store_lost', { cause: 'the store and its heir died together' });
  const incarnation = incarnationAt(self.systemMs(), randomInt(65_536));
  const clock = new HybridClock(writers.intern(writerId(id, incarnation)), settings);
  const table = new MemoryTable({ memoryBytesMax: settings.storeBytesMax });
  const { tombstoneGraceMs: graceMs } = settings;
  const row: StoreRow = {
    id: 'store',
    table,
    clock,
    horizons: NO_HORIZONS,
    least: NO_HORIZONS,
    graceMs,
    refused: { count: 0 },
  };
  ets.insert(TABLE, row);
  return row;
}

type Change = (known: Horizons, latestMs: number, least: Horizons) => Horizons;

function change(changed: Change, systemMs: number): void {
  const row = ets.find(TABLE, 'store');
  if (row === undefined) return;
  const after = changed(row.horizons, latestNowMs(health.clockReading(), systemMs, row.clock.maxDriftMs), row.least);
  if (after !== row.horizons) ets.insert(TABLE, { ...row, horizons: after });
}

/** Forgets the dead; as long as there are more to look at, the next slice follows soon. */
function purge(state: State, self: Self<Info>): Handled<State> {
  const { row, graceMs, purgeFrom: from } = state;
  change(credible, self.systemMs());
  const { next } = forgetDead(row.table, horizons(), { graceMs, looksMax: PURGE_SLICE, from });
  self.sendAfter(next === undefined ? PURGE_INTERVAL_MS : PURGE_PAUSE_MS, self.pid, { type: 'purge' });
  return noReply({ ...state, purgeFrom: next });
}
