/**
 * Services supervisor: all that a node does.
 *
 *   services-sup         one_for_one
 *   ├── kv-store         owns the key-value table
 *   ├── peer-sup         links to other nodes
 *   ├── ring-sup         this node's place in the ring
 *   ├── replication-sup  which keys are this node's
 *   ├── listener-sup     clients and other nodes
 *   └── admin-sup        operators
 *
 * Siblings meet by registered name and through tables, never by holding a pid, so one can be
 * replaced under the others. The order is that of need: what is asked must be there before who asks. The
 * door opens when there is something behind it and, on the way down, closes before that goes. Thirty
 * restarts in ten seconds let an operator kill whatever he likes, and still end a child that cannot
 * live within a second.
 */
import * as kvStore from '../actors/kv-store';
import { type Supervisor, supervisor } from '../src/otp';
import * as adminSup from './admin-sup';
import * as listenerSup from './listener-sup';
import * as peerSup from './peer-sup';
import * as replicationSup from './replication-sup';
import * as ringSup from './ring-sup';
import { registered } from '../actors/registered';

export interface Args {
  readonly store: kvStore.Args;
  readonly peers: peerSup.Args;
  readonly ring: ringSup.Args;
  readonly replication: replicationSup.Args;
  readonly listener: listenerSup.Args;
  readonly admin: Parameters<typeof adminSup.startLink>[0];
}

export const startLink = (args: Args) => supervisor.startLink(servicesSup, args, registered('services-sup'));

const servicesSup: Supervisor<Args> = {
  init: ({ store, peers, ring, replication, listener, admin }) => ({
    flags: { strategy: 'one_for_one', intensity: 30, periodMs: 10_000 },
    children: [
      { id: 'kv-store', start: () => kvStore.startLink(store) },
      { id: 'peer-sup', start: () => peerSup.startLink(peers), type: 'supervisor' },
      { id: 'ring-sup', start: () => ringSup.startLink(ring), type: 'supervisor' },
      { id: 'replication-sup', start: () => replicationSup.startLink(replication), type: 'supervisor' },
      { id: 'listener-sup', start: () => listenerSup.startLink(listener), type: 'supervisor' },
      { id: 'admin-sup', start: () => adminSup.startLink(admin), type: 'supervisor' },
    ],
  }),
};
