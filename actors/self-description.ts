/**
 * Self-description: all that this node knows of the ring and holds of its data, read from its tables.
 *
 * It is what people are shown, and what other nodes learn everybody from. Nobody is asked for it: it
 * is put together in the turn in which somebody wants it.
 */
import { countCopies, countKeys, ledArcs } from '../src/admin/copies';
import type { CopyCounts, Described, MemberState } from '../src/protocol/rpc-description';
import * as handoff from './handoff';
import * as kvStore from './kv-store';
import * as replicaSyncer from './replica-syncer';
import * as ringState from './ring-state';
import * as routes from './routes';

// API

/** What this node says of itself; undefined while its ring state is being restarted. */
export function describeSelf(life: { readonly state: MemberState }): Described | undefined {
  const member = ringState.read();
  if (member === undefined) return undefined;
  const [views, table] = [handoff.read()?.views, kvStore.open()?.table];
  const { primary: keys, bytes, tombstones } = countKeys(views, table);
  return {
    type: 'described',
    self: member.self,
    state: stateOf(member.phase, life.state),
    predecessor: member.phase === 'member' ? member.predecessor : undefined,
    successors: member.phase === 'member' ? member.successors : [],
    fingers: routes.read()?.fingers.peers ?? [],
    arcs: ledArcs(views),
    keys,
    bytes,
    tombstones,
    copies: copyCounts(),
  };
}

/** How many copies there are of what this node keeps. */
export function copyCounts(): CopyCounts {
  const repairs = replicaSyncer.read();
  const under = { fetching: repairs?.jobs.length ?? 0, hints: repairs?.hintsPending ?? 0 };
  return countCopies(handoff.read()?.views, kvStore.open()?.table, under);
}

// Internal

/** A node that has not said that it serves, but is in a ring, can be joined through. */
function stateOf(phase: 'outside' | 'member' | 'left', state: MemberState): MemberState {
  if (state === 'leaving' || phase === 'left') return 'leaving';
  return phase === 'member' ? 'active' : 'joining';
}
