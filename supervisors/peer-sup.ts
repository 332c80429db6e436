/**
 * Peer supervisor: one child for each node that this one has something to say to.
 *
 *   peer-sup           simple_one_for_one
 *   └── peer-link …    temporary: whoever asks next starts another
 *
 * Links are temporary: a node that makes its link crash counts against no intensity, and the
 * next question to it begins anew. They stop at once. Whoever still waits for an answer is told so, since
 * the questions lie on desks that outlive the links.
 */
import * as peerLink from '../actors/peer-link';
import { registered } from '../actors/registered';
import { type Supervisor, supervisor } from '../src/otp';

export type Args = peerLink.LinkOptions;

export const startLink = (args: Args) => supervisor.startLink(peerSup, args, registered(peerLink.SUPERVISOR));

const peerSup: Supervisor<Args> = {
  init: (args) => ({
    flags: { strategy: 'simple_one_for_one' },
    children: [
      {
        id: 'peer-link',
        start: (to: Pick<peerLink.Args, 'addr'>) => peerLink.startLink({ ...args, ...to }),
        restart: 'temporary',
        shutdown: 'brutal_kill',
      },
    ],
  }),
};
