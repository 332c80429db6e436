/**
 * Node supervisor: the root of a node's tree.
 *
 *   node-sup          one_for_one
 *   ├── table-heir    inherits every table that must outlive a crash
 *   └── services-sup  all that the node does
 *
 * The heir comes first and goes last. It is not rest_for_one, although the services need an heir:
 * if the heir falls, its tables are still with their owners, and restarting the services on its
 * account would destroy just what it is there to save. The owners appoint the next heir instead.
 */
import * as tableHeir from '../actors/table-heir';
import { type Supervisor, supervisor } from '../src/otp';
import * as servicesSup from './services-sup';
import { registered } from '../actors/registered';

export type Args = servicesSup.Args;

export const NAME = 'node-sup';
export const startLink = (args: Args) => supervisor.startLink(nodeSup, args, registered(NAME));

const nodeSup: Supervisor<Args> = {
  init: (args) => ({
    flags: { strategy: 'one_for_one', intensity: 10, periodMs: 10_000 },
    children: [
      { id: 'table-heir', start: () => tableHeir.startLink() },
      { id: 'services-sup', start: () => servicesSup.startLink(args), type: 'supervisor' },
    ],
  }),
};
