/**
 * Replication supervisor: which keys this node keeps copies of, and how these come and stay equal.
 *
 *   replication-sup     one_for_one
 *   ├── handoff         agrees with other nodes who keeps copies of which arc
 *   └── replica-syncer  fetches arcs, compares copies, and mends them
 *
 * Neither needs the other to start: handoff asks for fetching once the syncer says that it is there, and the
 * syncer reads what handoff has left in its table. What handoff knows outlives it there, so both are restarted
 * as often as anybody kills them: twenty times in ten seconds, like the ring's actors. What other nodes
 * say was checked before it came to them.
 */
import * as handoff from '../actors/handoff-process';
import { registered } from '../actors/registered';
import * as replicaSyncer from '../actors/replica-syncer';
import { type Supervisor, supervisor } from '../src/otp';

export interface Args {
  readonly handoff: handoff.Args;
  readonly syncer: replicaSyncer.Args;
}

export const startLink = (args: Args) => supervisor.startLink(replicationSup, args, registered('replication-sup'));

const replicationSup: Supervisor<Args> = {
  init: (args) => ({
    flags: { strategy: 'one_for_one', intensity: 20, periodMs: 10_000 },
    children: [
      { id: 'handoff', start: () => handoff.startLink(args.handoff) },
      { id: 'replica-syncer', start: () => replicaSyncer.startLink(args.syncer) },
    ],
  }),
};
