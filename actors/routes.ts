/**
 * Routes: whom this node would ask on the way to a key, read from its tables.
 *
 * The finger fixer owns the table and keeps it right; whoever looks for a key reads it here, with
 * the pointers of the ring and what is known of everybody's health, in the same turn. All of it but
 * the pointers is a hint: a wrong one costs a detour and no more.
 */
import type { FingerTable } from '../src/chord/finger-table';
import type { Id, NodeId } from '../src/chord/id';
import { type NextHop, nextHop } from '../src/chord/lookup';
import type { Peer } from '../src/chord/peer';
import { ets } from '../src/otp';
import * as health from './health';
import * as keptTable from './kept-table';
import * as ringState from './ring-state';

// API

/** What the finger fixer has found out. */
export interface Routes {
  readonly fingers: FingerTable;
  /** Everybody known, in ring order, this node included: small rings only, else empty. */
  readonly members: readonly Peer[];
}

export const TABLE = ets.tableName<RoutesRow, 'id'>('routes');

/** The fingers and members that are known; undefined while the finger fixer is being restarted. */
export const read = (): Routes | undefined => keptTable.rowOf(TABLE, 'routes');

/** Where this node sends someone who looks for `key`, but not to those in `excluded`; undefined while it is in no ring. */
export function hopFrom(key: Id, excluded: ReadonlySet<NodeId> = NOBODY): NextHop | undefined {
  const member = ringState.read();
  if (member?.phase !== 'member') return undefined;
  const routes = read();
  const known = routes ? [...routes.fingers.peers, ...routes.members] : [];
  const others = known.filter((peer) => health.isTrusted(peer.id));
  return nextHop(key, { self: member.self, successors: member.successors, others }, excluded);
}

/** Whether a node is one of this ring, as far as this one can tell: it has not left. In a large ring nobody can. */
export function isMember(id: NodeId): boolean {
  const member = ringState.read();
  const members = read()?.members ?? [];
  if (member?.phase !== 'member' || members.length === 0) return true;
  return [member.predecessor, ...member.successors, ...members].some((peer) => peer.id === id);
}

// Internal

interface RoutesRow extends Routes {
  readonly id: 'routes';
}

const NOBODY: ReadonlySet<NodeId> = new Set();
