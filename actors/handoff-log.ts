/**
 * Handoff log: what handoff says to the log of the views that come and go.
 */
import type { ViewsEffect, ViewsReport } from '../src/replication/views-protocol';
import type { Logger } from '../src/otp';

/** Writes one line about what has happened to an arc. */
export function report(
  { event, peer, arc, members }: Extract<ViewsEffect, { type: 'report' }>,
  logger: Pick<Logger, 'event'>,
): void {
  logger.event(LEVELS[event], event, {
    lo: arc.lo,
    hi: arc.hi,
    ...(peer && { peer: peer.addr }),
    ...(members.length > 0 && { members: members.map(({ addr }) => addr) }),
  });
}

/** Views that change in good order are nobody's news. */
const LEVELS: Readonly<Record<ViewsReport, 'error' | 'warning' | 'info' | 'debug'>> = {
  view_made: 'debug',
  view_adopted: 'debug',
  view_ended: 'debug',
  voter_made: 'debug',
  member_dead: 'info',
  arc_orphaned: 'warning',
  possible_loss: 'error',
};
