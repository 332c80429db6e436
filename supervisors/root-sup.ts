/**
 * Root supervisor: starts a node's tree, and starts it again when its root was killed.
 *
 *   root-sup      one_for_one
 *   └── node-sup  the tree that operators see
 *
 * It stands outside the tree: nothing but the end of the node ends it. When node-sup is killed,
 * everything below it falls but the table heir, which the next node-sup adopts with all that was
 * stored. When node-sup has given up, or is killed more often than five times in ten seconds,
 * another try would not help, and the node ends.
 */
import { type Supervisor, supervisor } from '../src/otp';
import * as nodeSup from './node-sup';

export type Args = nodeSup.Args;

export const startLink = (args: Args) => supervisor.startLink(rootSup, args, { name: 'root-sup' });

const rootSup: Supervisor<Args> = {
  init: (args) => ({
    flags: { strategy: 'one_for_one', intensity: 5, periodMs: 10_000, autoShutdown: 'any_significant' },
    children: [
      // Transient and significant: giving up is an orderly end of node-sup, and then of the node.
      {
        id: 'node-sup',
        start: () => nodeSup.startLink(args),
        type: 'supervisor',
        restart: 'transient',
        significant: true,
      },
    ],
  }),
};
