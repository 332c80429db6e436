/** The clock watch: whose clock is wrong, by what the neighbours' clocks have shown. */
import * as fc from 'fast-check';
import { nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import {
  type ClockWatch,
  isBeyond,
  latestNowMs,
  NO_SAMPLES,
  readingOf,
  sampleOf,
  withNeighbours,
  withSample,
} from '../../src/replication/clock-watch';

const MAX_DRIFT_MS = 1000;

const PEERS: readonly Peer[] = [9001, 9002, 9003, 9004, 9005].map((port) => ({
  id: nodeId('127.0.0.1', port),
  addr: `127.0.0.1:${port}`,
  inc: 1n,
}));

/** A watch that has one sample of each of the first neighbours, with these offsets and no error. */
const watchOf = (...offsets: readonly number[]): ClockWatch =>
  offsets.reduce(
    (watch, offsetMs, i) => {
      const peer = PEERS[i] as Peer;
      return withSample(watch, peer.id, { offsetMs, errorMs: 0 });
    },
    withNeighbours(NO_SAMPLES, PEERS.slice(0, offsets.length)),
  );

const reading = (...offsets: readonly number[]) => readingOf(watchOf(...offsets), MAX_DRIFT_MS);

describe('sampleOf()', () => {
  test('sampleOf() takes the answer to be half a round trip old, give or take the other half', () => {
    expect(sampleOf({ systemMs: 10_000 }, 100, 10_050)).toEqual({ offsetMs: 0, errorMs: 50 });
    expect(sampleOf({}, 100, 10_050)).toBeUndefined();
  });

  test('sampleOf() is never wrong by more than it says, however the round trip is shared out', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e6, max: 1e6 }), fc.nat(1000), fc.nat(1000), (offset, there, back) => {
        const sample = sampleOf({ systemMs: 5e6 + there + offset }, there + back, 5e6 + there + back);
        expect(Math.abs((sample?.offsetMs ?? Infinity) - offset)).toBeLessThanOrEqual(sample?.errorMs ?? 0);
      }),
    );
  });
});

describe('isBeyond()', () => {
  test('isBeyond() gives an offset the benefit of its error', () => {
    expect(isBeyond({ offsetMs: -1050, errorMs: 50 }, MAX_DRIFT_MS)).toBe(false);
    expect(isBeyond({ offsetMs: -1051, errorMs: 50 }, MAX_DRIFT_MS)).toBe(true);
  });
});

describe('readingOf()', () => {
  test('readingOf() knows nothing where nobody has answered', () => {
    expect(reading()).toEqual({ offsetMs: undefined, isSkewed: false });
  });

  test.each<[string, readonly number[], number, boolean]>([
    ['all clocks agree', [1, 2, -3], 1, false],
    ['one neighbour of three is wrong', [0, 5000, 10], 10, false],
    ['this node is behind', [4000, 4100, 4050], 4050, true],
    ['this node is ahead', [-4000, -4100, -4050], -4050, true],
    ['half of the neighbours is not most', [0, 5000], 0, false],
    ['there are two nodes, one of which is wrong', [5000], 5000, true],
    ['two wrong neighbours of three, each in its own way', [5000, -5000, 0], 0, true],
  ])('readingOf() where %s', (_what, offsets, offsetMs, isSkewed) => {
    expect(reading(...offsets)).toEqual({ offsetMs, isSkewed });
  });

  test('readingOf() passes over one answer that is off, and believes a clock that stays off', () => {
    const { id } = PEERS[0] as Peer;
    const of = (...offsets: readonly number[]) =>
      readingOf(
        offsets.reduce(
          (watch, offsetMs) => withSample(watch, id, { offsetMs, errorMs: 0 }),
          withNeighbours(NO_SAMPLES, PEERS.slice(0, 1)),
        ),
        MAX_DRIFT_MS,
      ).isSkewed;
    expect([of(0, 0, 9000), of(0, 0, 9000, 9000), of(9000, 9000, 9000, 0), of(9000, 9000, 9000, 0, 0)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('latestNowMs()', () => {
  test.each<[string, readonly number[], number]>([
    ['nobody is known', [], 11_000],
    ['all are right', [0, 3, -3], 11_000],
    ['its own clock is ahead', [-7000, -7000, -7001], 4000],
    ['its own clock is behind', [7000, 7000, 7001], 11_000],
    ['one of the others is wrong', [-7000, 0, 0], 11_000],
  ])('latestNowMs() where %s', (_what, offsets, latestMs) => {
    expect(latestNowMs(reading(...offsets), 10_000, MAX_DRIFT_MS)).toBe(latestMs);
  });
});

describe('withNeighbours()', () => {
  test('withNeighbours() forgets who is no neighbour any more, and keeps what is known of the others', () => {
    const watch = watchOf(5000, 5000, 0, 0, 0);
    expect(readingOf(watch, MAX_DRIFT_MS).isSkewed).toBe(false);
    expect(readingOf(withNeighbours(watch, PEERS.slice(0, 3)), MAX_DRIFT_MS).isSkewed).toBe(true);
    expect(readingOf(withNeighbours(watch, PEERS.slice(2)), MAX_DRIFT_MS).isSkewed).toBe(false);
  });

  test('withNeighbours() lets nobody be judged by one of many', () => {
    const all = withNeighbours(watchOf(5000, 5000), PEERS);
    expect(readingOf(all, MAX_DRIFT_MS).isSkewed).toBe(false);
    const third = withSample(all, (PEERS[2] as Peer).id, { offsetMs: 5000, errorMs: 0 });
    expect(readingOf(third, MAX_DRIFT_MS).isSkewed).toBe(true);
  });

  test('withNeighbours() counts each neighbour once, and takes no sample of anybody else', () => {
    const [first, second] = PEERS as [Peer, Peer];
    const watch = withNeighbours(NO_SAMPLES, [first, first]);
    expect(watch.neighbours).toEqual([first]);
    expect(withSample(watch, second.id, { offsetMs: 0, errorMs: 0 })).toBe(watch);
  });
});
