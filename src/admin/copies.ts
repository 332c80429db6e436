/**
 * Copies: how many records a node has of what, and on how many nodes they are kept, read off its views and its table.
 *
 * Whether a record counts for anything follows from the view of its key alone. Counting is done by the
 * digests of whole arcs, so it costs next to nothing, however many records there are.
 */
import { inRange, type Range } from '../chord/range';
import type { CopyCounts } from '../protocol/rpc-description';
import { NO_COPIES } from '../protocol/rpc-description';
import { compareEpochs } from '../replication/epoch';
import type { Holding, Holdings } from '../replication/holding';
import { isSettled, type Views } from '../replication/views';
import type { KvTable } from '../store/kv-table';
import type { KeyCounts } from './node-view';

/** What a record is good for at the node that has it. `surplus`: nobody counts on it, or not yet. */
export type KeyRole = 'primary' | 'replica' | 'surplus';

/** Counts what a table has, by what it is good for. Values are counted; tombstones are one number for all. */
export function countKeys(views: Views | undefined, table: KvTable | undefined): KeyCounts {
  if (table === undefined) return { primary: 0, replica: 0, surplus: 0, tombstones: 0, bytes: 0 };
  const { keys, tombstones, bytes } = table.stats();
  const dead = deadIn(table, tombstones);
  const valuesIn = (arcs: readonly Range[]) => {
    const records = arcs.reduce((sum, arc) => sum + table.digest(arc).count, 0);
    return Math.max(0, records - dead(arcs, records));
  };
  const primary = valuesIn(arcsOf(views, 'primary'));
  const replica = valuesIn(arcsOf(views, 'replica'));
  return { primary, replica, surplus: Math.max(0, keys - primary - replica), tombstones, bytes };
}

/** How many copies there are of what this node keeps. `under`: how many arcs it is fetching, and what it has to tell others. */
export function countCopies(
  views: Views | undefined,
  table: KvTable | undefined,
  under: { readonly fetching: number; readonly hints: number },
): CopyCounts {
  const { keys = 0, tombstones = 0 } = table?.stats() ?? {};
  const known = { ...NO_COPIES, records: keys + tombstones, ...under };
  if (views === undefined) return known;
  const { holdings, newcomers } = views;
  const led = holdings.filter((holding) => isLed(views, holding));
  const members = led.map(({ view }) => view?.members.length ?? 0);
  return {
    ...known,
    led: led.length,
    member: holdings.filter((holding) => holding.role === 'voter' && !isLed(views, holding)).length,
    learner: holdings.filter(({ role }) => role === 'learner').length,
    newcomers: new Set(newcomers.filter(({ state }) => state !== 'absent').map(({ peer }) => peer.id)).size,
    least: members.length === 0 ? 0 : Math.min(...members),
    most: Math.max(0, ...members),
    unsettled: led.filter(({ view }) => view !== undefined && !isSettled(views, view)).length,
  };
}

/** The arcs whose quorum operations this node serves now. */
export function ledArcs(views: Views | undefined): readonly Range[] {
  return (views?.places ?? []).flatMap(({ arc, standing }) => (standing.type === 'primary' ? [arc] : []));
}

/** What a record under this identifier is good for here. */
export function roleOf(views: Views, id: Range['hi']): KeyRole {
  const holding = views.holdings.find(({ arc }) => inRange(id, arc));
  if (holding === undefined || holding.role === 'none') return 'surplus';
  return isLed(views, holding) ? 'primary' : 'replica';
}

/** Whether nothing newer has been promised than what is adopted. */
export function isSealed({ view, promised }: Holding): boolean {
  return view === undefined || compareEpochs(promised, view.epoch) > 0;
}

function arcsOf(views: Views | undefined, role: KeyRole): readonly Range[] {
  return pieces(views).flatMap((holding) => {
    if (views === undefined || holding.role === 'none') return [];
    return isLed(views, holding) === (role === 'primary') ? [holding.arc] : [];
  });
}

const pieces = (views: Views | undefined): Holdings => views?.holdings ?? [];

const isLed = ({ self }: Views, { view, role }: Holding) => role === 'voter' && view?.primary === self.id;

/** More tombstones than this are shared out in proportion. */
const TOMBSTONES_SEEN_MAX = 10_000;

/** Says how many of so many records in these arcs are tombstones. */
function deadIn(table: KvTable, tombstones: number): (arcs: readonly Range[], records: number) => number {
  if (tombstones === 0) return () => 0;
  const { keys } = table.stats();
  if (tombstones > TOMBSTONES_SEEN_MAX)
    return (_arcs, records) => Math.round((records * tombstones) / (keys + tombstones));
  const ids: Range['hi'][] = [];
  // A purge that lets nothing go has been shown everything that is dead, or will be.
  table.purgeTombstones({
    olderThanMs: Number.POSITIVE_INFINITY,
    looksMax: Number.POSITIVE_INFINITY,
    mayGo: ({ kind, keyId }) => {
      if (kind === 'tombstone') ids.push(keyId);
      return false;
    },
  });
  return (arcs) => ids.filter((id) => arcs.some((arc) => inRange(id, arc))).length;
}
