/**
 * Handoff log: what handoff says to the log of the views that come and go.
 */
import type { ViewsEffect, ViewsReport } from '../src/replication/views-protocol';
import type { Logger } from '../src/otp';

/** A ring in which nodes come and go makes many views; one line in that time says that it does. */
export const QUIET_MS = 10_000;

/** Writes one line about each thing that has happened to an arc. */
export class HandoffLog {
  private toldMs = Number.NEGATIVE_INFINITY;
  /** How many views were made since that nobody was told of at level info. */
  private untold = 0;

  report(
    { event, peer, arc, members }: Extract<ViewsEffect, { type: 'report' }>,
    logger: Pick<Logger, 'event'>,
    nowMs: number,
  ): void {
    const fields = {
      lo: arc.lo,
      hi: arc.hi,
      ...(peer && { peer: peer.addr }),
      ...(members.length > 0 && { members: members.map(({ addr }) => addr) }),
    };
    if (event !== 'view_made') return logger.event(LEVELS[event], event, fields);
    // A node that is alone makes views for nobody.
    if (members.length <= 1 || nowMs - this.toldMs < QUIET_MS) {
      this.untold += 1;
      return logger.event('debug', event, fields);
    }
    logger.event('info', event, { ...fields, ...(this.untold > 0 && { untold: this.untold }) });
    this.toldMs = nowMs;
    this.untold = 0;
  }
}

/** Views that change in good order are nobody's news. */
const LEVELS: Readonly<Record<Exclude<ViewsReport, 'view_made'>, 'error' | 'warning' | 'info' | 'debug'>> = {
  view_adopted: 'debug',
  view_ended: 'debug',
  voter_made: 'debug',
  member_dead: 'info',
  arc_orphaned: 'warning',
  possible_loss: 'error',
};
