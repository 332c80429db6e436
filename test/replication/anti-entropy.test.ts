/** When which member is compared, and what follows from agreement. */
import { splitRange } from '../../src/chord/range';
import {
  COMPARISONS_MAX,
  duePairs,
  horizonOf,
  idleSchedule,
  type Known,
  ledArcs,
  type Schedule,
  withArcs,
  withBegun,
  withDue,
  withEnded,
  withWaiting,
} from '../../src/replication/anti-entropy';
import { type Comparison, comparisonOf, type ComparisonOutcome } from '../../src/replication/comparison';
import type { View } from '../../src/replication/view';
import { ARC, EPOCH, MEMBER, peer, SOURCE, STRANGER, VIEW, viewsOf, WHOLE } from './replicas';

const INTERVAL_MS = 10_000;
const SOON_MS = 500;
const UNDER = { arc: WHOLE, epoch: EPOCH };
const THREE: View = { ...VIEW, members: [SOURCE, MEMBER, STRANGER], voters: [SOURCE.id, MEMBER.id, STRANGER.id] };
const RING = {
  isMember: true,
  predecessor: STRANGER,
  successors: [MEMBER, STRANGER],
  isSettled: true,
  isComplete: true,
};
const EQUAL: ComparisonOutcome = { type: 'compared', isWhole: true };
const FAILED: ComparisonOutcome = { type: 'failed' };

const knownOf = (held: readonly View[], changes: Partial<Known> = {}): Known => ({
  ...viewsOf(SOURCE, held),
  ring: RING,
  ...changes,
});

/** A schedule in made-up time. */
class Course {
  schedule: Schedule;
  nowMs = 0;
  readonly agreed: string[] = [];

  constructor(
    held: readonly View[],
    private readonly random = 0.5,
  ) {
    this.schedule = idleSchedule(INTERVAL_MS);
    this.lead(held);
  }

  lead(held: readonly View[]): void {
    const [schedule, agreed] = withArcs(this.schedule, ledArcs(knownOf(held)), this.nowMs);
    this.schedule = schedule;
    this.agreed.push(...agreed.map(({ arc }) => `${arc.lo} ${arc.hi}`));
  }

  isStrained = false;

  due() {
    return duePairs(this.schedule, this.nowMs, this);
  }

  begin(key: string): void {
    this.schedule = withBegun(this.schedule, key, { monotonicMs: this.nowMs, systemMs: 1_000_000 + this.nowMs });
  }

  end(key: string, outcome: ComparisonOutcome, found: Partial<Comparison> = {}): void {
    const comparison = { ...comparisonOf(UNDER, 0), ...found };
    const [schedule, agreed] = withEnded(this.schedule, key, outcome, comparison, this.nowMs, this.random);
    this.schedule = schedule;
    this.agreed.push(...agreed.map(({ arc }) => `${arc.lo} ${arc.hi}`));
  }

  /** Compares all that is due by then; gives with whom, and when. */
  run(
    untilMs: number,
    outcomeOf: (addr: string) => [ComparisonOutcome, Partial<Comparison>?] = () => [EQUAL],
  ): string[] {
    const compared: string[] = [];
    for (; this.nowMs <= untilMs; this.nowMs += 50) {
      for (const { key, member } of this.due()) {
        this.begin(key);
        this.end(key, ...outcomeOf(member.addr));
        compared.push(`${this.nowMs} ${member.addr}`);
      }
    }
    return compared;
  }

  pairWith({ id }: typeof MEMBER) {
    const pair = this.schedule.pairs.find(({ member }) => member.id === id);
    if (pair === undefined) throw new Error('There is no such pair');
    return pair;
  }
}

describe('ledArcs()', () => {
  it('are those whose primary is this node, with the other voters', () => {
    expect(ledArcs(knownOf([THREE]))).toEqual([
      { ...UNDER, voters: [MEMBER, STRANGER], isWhole: true, isComplete: true },
    ]);
    const learner = { ...THREE, voters: [SOURCE.id, MEMBER.id] };
    expect(ledArcs(knownOf([learner]))).toEqual([{ ...UNDER, voters: [MEMBER], isWhole: false, isComplete: false }]);
    expect(ledArcs(knownOf([{ ...THREE, primary: MEMBER.id }]))).toEqual([]);
    const views = viewsOf(SOURCE, [THREE]);
    const sealed = views.holdings.map((holding) => ({ ...holding, promised: { n: 99, by: 1n } }));
    expect(ledArcs(knownOf([], { holdings: sealed }))).toEqual([]);
  });

  it('are put together where they are neighbouring pieces of one view, and no other', () => {
    const pieces = splitRange(ARC, 5).map((arc) => ({ ...THREE, arc }));
    const shuffled = [3, 0, 4, 1, 2].flatMap((at) => pieces[at] ?? []);
    expect(ledArcs(knownOf(shuffled)).map(({ arc }) => arc)).toEqual([ARC]);
    const halves = splitRange(WHOLE, 2).map((arc) => ({ ...THREE, arc }));
    expect(ledArcs(knownOf(halves)).map(({ arc }) => arc.lo === arc.hi)).toEqual([true]);
    const others = pieces.map((view, n) => ({ ...view, epoch: { n: n < 2 ? 1 : 2, by: 5n } }));
    expect(ledArcs(knownOf(others))).toHaveLength(2);
    expect(ledArcs(knownOf(pieces.filter((_view, n) => n !== 2)))).toHaveLength(2);
  });

  it('are complete only where there are as many members as there should be', () => {
    const isComplete = (view: View, changes: Partial<Known> = {}) => ledArcs(knownOf([view], changes))[0]?.isComplete;
    expect(isComplete(THREE)).toBe(true);
    expect(isComplete(VIEW)).toBe(false);
    const two = { ...RING, predecessor: MEMBER, successors: [MEMBER] };
    expect(isComplete(VIEW, { ring: two })).toBe(true);
    expect(isComplete(VIEW, { ring: { ...two, isSettled: false } })).toBe(false);
    expect(isComplete(VIEW, { ring: { ...two, isComplete: false } })).toBe(false);
  });
});

describe('the schedule', () => {
  it('compares a new view at once, once more soon, and from then on at long intervals', () => {
    const course = new Course([VIEW]);
    expect(course.run(25_000)).toEqual(
      [0, SOON_MS, SOON_MS + INTERVAL_MS, SOON_MS + 2 * INTERVAL_MS].map((ms) => `${ms} ${MEMBER.addr}`),
    );
  });

  it('shifts every time a little, by up to a fifth', () => {
    const times = (random: number) => new Course([VIEW], random).run(14_000).map((line) => Number(line.split(' ')[0]));
    expect(times(0)).toEqual([0, 400, 8400]);
    expect(times(1)).toEqual([0, 600, 12_600]);
  });

  it('compares two members at a time, and each only once', () => {
    const members = [SOURCE, MEMBER, STRANGER, peer(4)];
    const wide = { ...THREE, members, voters: members.map(({ id }) => id) };
    const [one, two] = splitRange(WHOLE, 2) as [typeof WHOLE, typeof WHOLE];
    const course = new Course([
      { ...wide, arc: one },
      { ...wide, arc: two, epoch: { n: 8, by: 5n } },
    ]);
    expect(course.schedule.pairs).toHaveLength(6);
    const first = course.due();
    expect(first).toHaveLength(COMPARISONS_MAX);
    for (const { key } of first) course.begin(key);
    expect(course.due()).toEqual([]);
    const [done] = first;
    if (done) course.end(done.key, EQUAL);
    expect(course.due()).toHaveLength(1);
    expect(course.due()[0]?.member.id).not.toBe(first[1]?.member.id);
  });

  it('lets others begin while one waits to look again', () => {
    const members = [SOURCE, MEMBER, STRANGER, peer(4)];
    const course = new Course([{ ...THREE, members, voters: members.map(({ id }) => id) }]);
    const [first, second] = course.due();
    if (first === undefined || second === undefined) throw new Error('Two are due');
    for (const { key } of [first, second]) course.begin(key);
    expect(course.due()).toEqual([]);
    course.schedule = withWaiting(course.schedule, first.key, true);
    expect(course.due().map(({ member }) => member.id)).toEqual([peer(4).id]);
    course.schedule = withWaiting(course.schedule, first.key, false);
    expect(course.due()).toEqual([]);
    course.end(first.key, EQUAL);
    expect(course.schedule.pairs.some(({ isWaiting }) => isWaiting)).toBe(false);
  });

  it('compares soon again where something was mended, or not all was seen', () => {
    const course = new Course([VIEW]);
    course.run(20_000);
    const { key } = course.pairWith(MEMBER);
    course.begin(key);
    course.end(key, EQUAL, { differences: 3, pushed: 2, fetched: 1 });
    expect(course.pairWith(MEMBER)).toMatchObject({
      agreements: 0,
      differences: 3,
      repaired: 3,
      dueAtMs: course.nowMs + SOON_MS,
    });
    course.begin(key);
    course.end(key, { type: 'compared', isWhole: false });
    expect(course.pairWith(MEMBER)).toMatchObject({ agreements: 0, dueAtMs: course.nowMs + SOON_MS });
  });

  it('tries more and more seldom what fails, and never more seldom than usual', () => {
    const course = new Course([VIEW]);
    const gapsIn = (lines: readonly string[]) => {
      const times = lines.map((line) => Number(line.split(' ')[0]));
      return times.slice(1).map((ms, n) => ms - (times[n] ?? 0));
    };
    // Before they have agreed for the first time somebody may be waiting for that.
    expect(gapsIn(course.run(12_000, () => [FAILED])).slice(0, 5)).toEqual([500, 1000, 2000, 2000, 2000]);
    course.run(20_000);
    const gaps = gapsIn(course.run(60_000, () => [FAILED]));
    expect(gaps.slice(0, 6)).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
  });

  it('lets whoever has agreed wait in a strained node, but not for ever, and nobody else', () => {
    const course = new Course([THREE]);
    course.isStrained = true;
    // They have to agree first, twice.
    expect(course.run(600).map((line) => line.split(' ')[1])).toEqual(
      [1, 2].flatMap(() => [MEMBER.addr, STRANGER.addr]),
    );
    expect(course.run(60_000)).toEqual([]);
    const late = course.run(85_000).map((line) => Number(line.split(' ')[0]));
    expect(late).toHaveLength(2);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(7 * INTERVAL_MS);
    const { key } = course.pairWith(MEMBER);
    course.begin(key);
    course.end(key, EQUAL, { differences: 1, pushed: 1 });
    expect(course.run(course.nowMs + 1200)).toHaveLength(2);
    course.nowMs += INTERVAL_MS;
    expect(course.due()).toEqual([]);
    // What somebody asks for, as when a member can be reached again, is done all the same, once.
    course.schedule = withDue(course.schedule, course.nowMs, MEMBER);
    expect(course.run(course.nowMs + 3000)).toHaveLength(1);
    course.nowMs += INTERVAL_MS;
    expect(course.due()).toEqual([]);
    course.isStrained = false;
    expect(course.due()).not.toEqual([]);
  });

  it('compares at once what somebody asks for, also while it is being compared', () => {
    const course = new Course([THREE]);
    course.run(20_000);
    expect(course.due()).toEqual([]);
    course.schedule = withDue(course.schedule, course.nowMs, MEMBER);
    expect(course.due().map(({ member }) => member)).toEqual([MEMBER]);
    const { key } = course.pairWith(MEMBER);
    course.begin(key);
    course.schedule = withDue(course.schedule, course.nowMs);
    course.end(key, EQUAL);
    expect(course.due()).toHaveLength(2);
    const replaced = { ...MEMBER, inc: MEMBER.inc + 1n };
    course.run(course.nowMs + 1);
    course.schedule = withDue(course.schedule, course.nowMs, replaced);
    expect(course.due()).toEqual([]);
  });

  it('begins anew with a new view or another incarnation, compares a new voter at once, and forgets what it leads no more', () => {
    const learner = { ...THREE, voters: [SOURCE.id, MEMBER.id] };
    const course = new Course([learner]);
    course.run(20_000);
    course.lead([THREE]);
    expect(course.due().map(({ member }) => member)).toEqual([STRANGER]);
    expect(course.pairWith(MEMBER).agreements).toBeGreaterThan(2);
    course.lead([{ ...THREE, epoch: { n: 8, by: 5n } }]);
    expect(course.due()).toHaveLength(2);
    const [pair] = course.due();
    course.lead([]);
    expect(course.schedule.pairs).toEqual([]);
    if (pair) course.end(pair.key, EQUAL);
    expect(course.agreed).not.toContain(undefined);
  });
});

describe('agreement', () => {
  const ARC_NAME = `${WHOLE.lo} ${WHOLE.hi}`;

  it('is that every member has agreed twice', () => {
    const course = new Course([THREE]);
    course.run(SOON_MS - 50);
    expect(course.agreed).toEqual([]);
    course.run(SOON_MS);
    expect(course.agreed).toEqual([ARC_NAME]);
  });

  it('is not while a member learns, or while one is silent', () => {
    const learning = new Course([{ ...THREE, voters: [SOURCE.id, MEMBER.id] }]);
    learning.run(60_000);
    expect(learning.agreed).toEqual([]);
    const silent = new Course([THREE]);
    silent.run(60_000, (addr) => (addr === MEMBER.addr ? [FAILED] : [EQUAL]));
    expect(silent.agreed).toEqual([]);
  });

  it('starts over with everybody when something new has come from one', () => {
    const course = new Course([THREE]);
    let fetched = 0;
    course.run(SOON_MS, (addr) => {
      const isLate = addr === STRANGER.addr && course.nowMs > 0;
      if (isLate) fetched += 1;
      return isLate ? [EQUAL, { differences: 1, fetched: 1 }] : [EQUAL];
    });
    expect(fetched).toBe(1);
    expect(course.pairWith(MEMBER).agreements).toBe(0);
    const before = course.agreed.length;
    course.run(2 * SOON_MS);
    expect(course.agreed).toHaveLength(before);
    course.run(4 * SOON_MS);
    expect(course.agreed.length).toBeGreaterThan(before);
  });

  it('is there at once where there is nobody else', () => {
    const alone = { ...VIEW, members: [SOURCE], voters: [SOURCE.id] };
    const course = new Course([alone]);
    expect(course.agreed).toEqual([ARC_NAME]);
    course.lead([alone]);
    expect(course.agreed).toEqual([ARC_NAME]);
  });
});

describe('horizonOf()', () => {
  it('is when the last comparison began with which somebody agreed last, once all have', () => {
    const course = new Course([THREE]);
    expect(horizonOf(course.schedule, UNDER)).toBe(0);
    course.run(0);
    expect(horizonOf(course.schedule, UNDER)).toBe(1_000_000);
    course.run(600, (addr) => (addr === MEMBER.addr ? [FAILED] : [EQUAL]));
    expect(horizonOf(course.schedule, UNDER)).toBe(1_000_000);
    course.run(60_000);
    const ends = horizonOf(course.schedule, UNDER) - 1_000_000;
    expect(ends).toBeGreaterThan(45_000);
    expect(ends).toBeLessThanOrEqual(60_000);
    const before = horizonOf(course.schedule, UNDER);
    const { key } = course.pairWith(MEMBER);
    course.begin(key);
    course.end(key, EQUAL, { differences: 1, pushed: 1 });
    expect(horizonOf(course.schedule, UNDER)).toBe(before);
  });

  it('is not known while a member is missing', () => {
    const course = new Course([VIEW]);
    course.run(60_000);
    expect(horizonOf(course.schedule, UNDER)).toBe(0);
  });
});
