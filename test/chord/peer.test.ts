/** Incarnations: which node was started later, and who cannot have been. */
import { addressId } from '../../src/chord/id';
import { incarnationAt, isOfFuture, type Peer } from '../../src/chord/peer';

const NOW_MS = 1_700_000_000_000;
const DRIFT_MS = 500;
const NODE = { id: addressId('a:1'), addr: 'a:1' };
const startedAt = (ms: number, salt = 0): Peer => ({ ...NODE, inc: incarnationAt(NOW_MS + ms, salt) });
const isAhead = (peer: Peer) => isOfFuture(peer, NOW_MS, DRIFT_MS);

describe('an incarnation', () => {
  it('is the larger, the later it begins, and fits into 64 bits', () => {
    const some = [startedAt(-1, 65_535), startedAt(0), startedAt(0, 1), startedAt(0.9, 2), startedAt(1)];
    expect(some.map(({ inc }) => inc)).toEqual(some.map(({ inc }) => inc).toSorted((a, b) => (a < b ? -1 : 1)));
    expect(incarnationAt(Date.UTC(2500, 0), 65_535) < 2n ** 64n).toBe(true);
  });

  it('is of the future where no clock that is right enough can have said so', () => {
    expect([-DRIFT_MS, 0, DRIFT_MS].map((ms) => isAhead(startedAt(ms, 65_535)))).toEqual([false, false, false]);
    expect([DRIFT_MS + 1, 60_000].map((ms) => isAhead(startedAt(ms)))).toEqual([true, true]);
    expect(isAhead({ ...NODE, inc: 0n })).toBe(false);
  });
});
