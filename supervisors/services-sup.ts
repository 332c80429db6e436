/**
 * Services supervisor: all that a node does.
 *
 *   services-sup      one_for_one
 *   ├── kv-store      owns the key-value table
 *   ├── listener-sup  clients
 *   └── admin-sup     operators
 *
 * Siblings meet by registered name and through tables, never by holding a pid, so one can be
 * replaced under the others. The door to clients opens after the store is there and, on the way
 * down, closes before it goes. Twenty restarts in ten seconds let an operator kill whatever he
 * likes, and still end a child that cannot live within a second.
 */
import * as kvStore from '../actors/kv-store';
import { type Supervisor, supervisor } from '../src/otp';
import * as adminSup from './admin-sup';
import * as listenerSup from './listener-sup';
import { registered } from '../actors/registered';

export interface Args {
  readonly store: kvStore.Args;
  readonly listener: listenerSup.Args;
  readonly admin: Parameters<typeof adminSup.startLink>[0];
}

export const startLink = (args: Args) => supervisor.startLink(servicesSup, args, registered('services-sup'));

const servicesSup: Supervisor<Args> = {
  init: ({ store, listener, admin }) => ({
    flags: { strategy: 'one_for_one', intensity: 20, periodMs: 10_000 },
    children: [
      { id: 'kv-store', start: () => kvStore.startLink(store) },
      { id: 'listener-sup', start: () => listenerSup.startLink(listener), type: 'supervisor' },
      { id: 'admin-sup', start: () => adminSup.startLink(admin), type: 'supervisor' },
    ],
  }),
};
