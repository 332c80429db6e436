/**
 * Ring supervisor: this node's part in keeping the ring whole.
 *
 *   ring-sup              one_for_one
 *   ├── ring-state        the single writer of this node's pointers
 *   ├── failure-detector  finds out who has died
 *   ├── stabilizer        says when to look after the pointers
 *   └── finger-fixer      keeps the ways to the rest of the ring
 *
 * They speak by registered name and read each other's tables, and each can do without the others for
 * a while, so one is replaced under the others. The ring state comes first: the others begin by reading
 * what it has published. Twenty restarts in ten seconds: an operator may kill whatever he
 * likes, and what cannot live is given up within a second. What another node says is checked
 * before it comes here, so no bad peer uses that up.
 */
import * as failureDetector from '../actors/failure-detector';
import * as fingerFixer from '../actors/finger-fixer';
import { registered } from '../actors/registered';
import * as ringState from '../actors/ring-state';
import * as stabilizer from '../actors/stabilizer';
import { type Supervisor, supervisor } from '../src/otp';

export type Args = ringState.Args & failureDetector.Args & stabilizer.Args & fingerFixer.Args;

export const startLink = (args: Args) => supervisor.startLink(ringSup, args, registered('ring-sup'));

const ringSup: Supervisor<Args> = {
  init: (args) => ({
    flags: { strategy: 'one_for_one', intensity: 20, periodMs: 10_000 },
    children: [
      { id: 'ring-state', start: () => ringState.startLink(args) },
      { id: 'failure-detector', start: () => failureDetector.startLink(args) },
      { id: 'stabilizer', start: () => stabilizer.startLink(args) },
      { id: 'finger-fixer', start: () => fingerFixer.startLink(args) },
    ],
  }),
};
