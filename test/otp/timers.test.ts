/** The timer heap against a sorted list, and what its clock sees of it. */
import * as fc from 'fast-check';
import { BadArgument, ManualClock } from '../../src/otp';
import { checkDelay, checkTimeout, type Timer, Timers } from '../../src/otp/timers';

type Step =
  | { readonly type: 'start'; readonly delayMs: number }
  | { readonly type: 'cancel' | 'read'; readonly which: number }
  | { readonly type: 'advance'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('start' as const), delayMs: fc.nat({ max: 30 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('cancel' as const, 'read' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.nat({ max: 20 }) }) },
);

/** Moves time alarm by alarm. */
function advance(clock: ManualClock, ms: number): void {
  const endMs = clock.nowMs() + ms;
  for (let at = clock.nextAlarmMs; at !== undefined && at <= endMs; at = clock.nextAlarmMs) clock.advanceTo(at);
  clock.advanceTo(endMs);
}

describe('Timers', () => {
  it('Timers fire, cancel and read as a sorted list says (property)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const clock = new ManualClock();
        const timers = new Timers(clock);
        const fired: number[] = [];
        const all: Timer[] = [];
        let pending: { readonly id: number; readonly atMs: number }[] = [];
        const expected: number[] = [];
        for (const current of steps) {
          if (current.type === 'start') {
            const id = all.length;
            all.push(timers.start(current.delayMs, () => void fired.push(id)));
            pending.push({ id, atMs: clock.nowMs() + current.delayMs });
          } else if (current.type === 'advance') {
            const nowMs = clock.nowMs() + current.ms;
            advance(clock, current.ms);
            const due = pending.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs || a.id - b.id);
            expected.push(...due.map(({ id }) => id));
            pending = pending.filter(({ atMs }) => atMs > nowMs);
          } else if (all.length > 0) {
            const id = current.which % all.length;
            const timer = all[id];
            const waiting = pending.find((entry) => entry.id === id);
            const left = waiting ? Math.max(0, waiting.atMs - clock.nowMs()) : false;
            if (timer) expect(current.type === 'read' ? timers.read(timer) : timers.cancel(timer)).toBe(left);
            if (current.type === 'cancel') pending = pending.filter((entry) => entry.id !== id);
          }
          expect(timers.size).toBe(pending.length);
          expect(fired).toEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('Timers never fire inside start, and one started by another at delay 0 waits for the next ring', () => {
    const clock = new ManualClock();
    const timers = new Timers(clock);
    const fired: string[] = [];
    timers.start(0, () => {
      fired.push('first');
      timers.start(0, () => void fired.push('second'));
    });
    expect(fired).toEqual([]);
    clock.advanceTo(0);
    expect(fired).toEqual(['first']);
    clock.advanceTo(0);
    expect(fired).toEqual(['first', 'second']);
  });

  it('Timers may be cancelled by one that fires at the same instant, in any number', () => {
    const clock = new ManualClock();
    const timers = new Timers(clock);
    const fired: number[] = [];
    const others: Timer[] = [];
    timers.start(5, () => others.forEach((timer) => timers.cancel(timer)));
    for (let count = 0; count < 50; count += 1)
      others.push(timers.start(5 + (count % 3), () => void fired.push(count)));
    const last = timers.start(9, () => void fired.push(99));
    advance(clock, 10);
    expect([fired, timers.size, last.active]).toEqual([[99], 0, false]);
  });

  it('Timers go on when one of them throws', () => {
    const clock = new ManualClock();
    const failures: unknown[] = [];
    const timers = new Timers(clock, (thrown) => void failures.push(thrown));
    const fired: string[] = [];
    const error = new Error('cannot fire');
    timers.start(1, () => {
      throw error;
    });
    timers.start(1, () => void fired.push('same instant'));
    timers.start(2, () => void fired.push('later'));
    clock.advanceTo(1);
    expect([fired, failures]).toEqual([['same instant'], [error]]);
    advance(clock, 5);
    expect(fired).toEqual(['same instant', 'later']);
  });

  it('Timers hear of one that fails after it has fired', async () => {
    const clock = new ManualClock();
    const failures: unknown[] = [];
    const timers = new Timers(clock, (thrown) => void failures.push(thrown));
    const error = new Error('late');
    const asynchronous = (): unknown => Promise.reject(error);
    timers.start(1, asynchronous);
    clock.advanceTo(1);
    await new Promise((resolve) => void setImmediate(resolve));
    expect(failures).toEqual([error]);
  });

  it('Timers that are asked about the timer of others ask those', () => {
    const clock = new ManualClock();
    const [own, other] = [new Timers(clock), new Timers(clock)];
    const timer = own.start(7, () => {});
    expect([other.read(timer), other.cancel(timer), other.cancel(timer)]).toEqual([7, 7, false]);
    expect([own.size, other.size, clock.nextAlarmMs]).toEqual([0, 0, undefined]);
  });

  it('Timers leave their clock disarmed when none is pending', () => {
    const clock = new ManualClock();
    const timers = new Timers(clock);
    const started = [10, 20, 30].map((delayMs) => timers.start(delayMs, () => {}));
    expect(clock.nextAlarmMs).toBe(10);
    for (const timer of started) timers.cancel(timer);
    expect([timers.size, clock.nextAlarmMs]).toEqual([0, undefined]);
    timers.start(5, () => {});
    timers.clear();
    expect([timers.size, clock.nextAlarmMs]).toEqual([0, undefined]);
  });

  it('Timers by the hundred thousand are swept when they are cancelled', () => {
    const timers = new Timers(new ManualClock());
    const started = Array.from({ length: 100_000 }, (_, index) => timers.start((index * 7919) % 100_003, () => {}));
    for (const timer of started) timers.cancel(timer);
    expect((timers as unknown as { heap: unknown[] }).heap).toHaveLength(0);
  });
});

describe('checkDelay()', () => {
  it('checkDelay() takes whole milliseconds from 0 on, checkTimeout() Infinity as well', () => {
    for (const ms of [0, 1, 2 ** 40]) expect([checkDelay(ms), checkTimeout(ms)]).toEqual([ms, ms]);
    for (const ms of [-1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(() => checkDelay(ms)).toThrow(BadArgument);
      expect(() => checkTimeout(ms)).toThrow(BadArgument);
    }
    expect(() => checkDelay(Number.POSITIVE_INFINITY)).toThrow(BadArgument);
    expect(checkTimeout(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });
});
