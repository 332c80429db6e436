/** Handoff log: which lines an operator sees at level info, and that they are few while views come and go. */
import { HandoffLog, QUIET_MS } from '../../actors/handoff-log';
import { addressId, type Id } from '../../src/chord/id';
import type { ViewsReport } from '../../src/replication/views-protocol';

const arc = { lo: '0'.repeat(40) as Id, hi: '1'.repeat(40) as Id };
const peers = ['a:1', 'b:1', 'c:1'].map((addr) => ({ id: addressId(addr), addr, inc: 1n }));

/** Reports these, one after the other; gives the lines as level, event and how many were left untold. */
function lines(...reports: readonly (readonly [atMs: number, event: ViewsReport, members?: number])[]) {
  const log = new HandoffLog();
  const written: string[] = [];
  const logger = {
    event: (level: string, event: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void written.push([level, event, ...('untold' in fields ? [fields['untold']] : [])].join(' ')),
  };
  for (const [atMs, event, members = 3] of reports)
    log.report({ type: 'report', event, peer: undefined, arc, members: peers.slice(0, members) }, logger, atMs);
  return written;
}

describe('HandoffLog', () => {
  it('tells of a view that was made, and only counts those that follow at once', () => {
    expect(lines([0, 'view_made'], [1, 'view_made'], [QUIET_MS - 1, 'view_made'], [QUIET_MS, 'view_made'])).toEqual([
      'info view_made',
      'debug view_made',
      'debug view_made',
      'info view_made 2',
    ]);
  });

  it('tells nobody of the views of a node that is alone', () => {
    expect(lines([0, 'view_made', 1], [1, 'view_made'])).toEqual(['debug view_made', 'info view_made 1']);
  });

  it('tells of every alarm, however many there are', () => {
    expect(lines([0, 'possible_loss'], [0, 'possible_loss'], [0, 'arc_orphaned'], [0, 'view_adopted'])).toEqual([
      'error possible_loss',
      'error possible_loss',
      'warning arc_orphaned',
      'debug view_adopted',
    ]);
  });
});
