/** Copy clock: how a simulated node finds out that its clock is wrong. */
import type { Peer } from '../../chord/peer';
import {
  type ClockReading,
  type ClockWatch,
  NO_SAMPLES,
  readingOf,
  sampleOf,
  withNeighbours,
  withSample,
} from '../../replication/clock-watch';
import type { KeptNode } from './copy-world';

/** How often the clock of a neighbour is looked at, one after the other. */
const CLOCK_INTERVAL_MS = 1000;

/** Of one node. */
export class CopyClock {
  private watch: ClockWatch = NO_SAMPLES;
  private turn = 0;

  constructor(private readonly keeper: KeptNode) {
    this.compare();
  }

  /** How its clock compares with those of its neighbours. */
  get reading(): ClockReading {
    return readingOf(this.watch, this.keeper.world.settings.maxDriftMs);
  }

  /** Whose clocks it goes by. */
  get neighbours(): readonly Peer[] {
    return this.watch.neighbours;
  }

  private compare(): void {
    const { host } = this.keeper;
    host.after(CLOCK_INTERVAL_MS, () => {
      this.look();
      this.compare();
    });
  }

  private look(): void {
    const { keeper } = this;
    const { self, phase, predecessor, successors } = keeper.host.member;
    const others = phase === 'member' ? [predecessor, ...successors].filter(({ id }) => id !== self.id) : [];
    this.change(withNeighbours(this.watch, others));
    const peer = this.watch.neighbours[this.turn % Math.max(1, this.watch.neighbours.length)];
    this.turn += 1;
    if (peer === undefined) return;
    keeper.host.askTime(peer, (time) => {
      const sample = time && sampleOf(time, time.rttMs, keeper.systemMs);
      if (sample) this.change(withSample(this.watch, peer.id, sample));
    });
  }

  private change(watch: ClockWatch): void {
    const before = this.reading.isSkewed;
    this.watch = watch;
    const after = this.reading.isSkewed;
    if (after !== before) this.keeper.world.clockJudged(after, this.keeper.host.self);
  }
}
