/**
 * Replication supervisor: which keys this node answers for, and how they come and go.
 *
 *   replication-sup  one_for_one
 *   └── handoff      moves arcs between this node and its neighbours
 *
 * What handoff knows outlives it in a table, so it is restarted as often as anybody kills it: twenty
 * times in ten seconds, like the ring's actors. What other nodes say was checked before it came to it.
 */
import * as handoff from '../actors/handoff-process';
import { registered } from '../actors/registered';
import { type Supervisor, supervisor } from '../src/otp';

export type Args = handoff.Args;

export const startLink = (args: Args) => supervisor.startLink(replicationSup, args, registered('replication-sup'));

const replicationSup: Supervisor<Args> = {
  init: (args) => ({
    flags: { strategy: 'one_for_one', intensity: 20, periodMs: 10_000 },
    children: [{ id: 'handoff', start: () => handoff.startLink(args) }],
  }),
};
