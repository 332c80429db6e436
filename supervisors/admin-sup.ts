/**
 * Admin supervisor: what operators see of a node. Apart from the rest, so that it cannot harm it.
 *
 *   admin-sup       one_for_one
 *   └── admin-http  health, the node, its tree
 */
import * as adminHttp from '../actors/admin-http';
import { type Supervisor, supervisor } from '../src/otp';
import { registered } from '../actors/registered';

export const startLink = (args: adminHttp.Args) => supervisor.startLink(adminSup, args, registered('admin-sup'));

const adminSup: Supervisor<adminHttp.Args> = {
  init: (args) => ({
    flags: { strategy: 'one_for_one', intensity: 10, periodMs: 10_000 },
    children: [{ id: 'admin-http', start: () => adminHttp.startLink(args) }],
  }),
};
