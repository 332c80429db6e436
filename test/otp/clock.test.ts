/** Clocks: the one that is moved by hand, and the machine's. */
import { ManualClock, systemClock } from '../../src/otp';

describe('ManualClock', () => {
  it('ManualClock rings once, when its time has come, and not before', () => {
    const clock = new ManualClock();
    const rings: number[] = [];
    clock.wakeAt(10, () => void rings.push(clock.nowMs()));
    clock.advanceTo(9);
    expect([rings, clock.nextAlarmMs]).toEqual([[], 10]);
    clock.advanceTo(15);
    clock.advanceTo(20);
    expect([rings, clock.nextAlarmMs]).toEqual([[15], undefined]);
  });

  it('ManualClock keeps the last alarm only, and none once it is disarmed', () => {
    const clock = new ManualClock();
    const rings: string[] = [];
    clock.wakeAt(10, () => void rings.push('first'));
    clock.wakeAt(20, () => void rings.push('second'));
    clock.advanceTo(15);
    expect(rings).toEqual([]);
    clock.wakeAt(undefined, () => void rings.push('none'));
    clock.advanceTo(30);
    expect(rings).toEqual([]);
  });

  it('ManualClock never goes backwards, and shows both times', () => {
    const clock = new ManualClock(100, 1_000_000);
    clock.advanceTo(50);
    expect([clock.nowMs(), clock.systemMs()]).toEqual([100, 1_000_100]);
  });
});

describe('systemClock()', () => {
  it('systemClock() rings not before its time, and replaces an alarm', async () => {
    const clock = systemClock();
    const startMs = clock.nowMs();
    const rangMs = await new Promise<number>((resolve) => {
      clock.wakeAt(startMs + 1, () => resolve(-1));
      clock.wakeAt(startMs + 5, () => resolve(clock.nowMs() - startMs));
    });
    expect(rangMs).toBeGreaterThanOrEqual(4);
    expect(Math.abs(clock.systemMs() - Date.now())).toBeLessThan(1000);
  });

  it('systemClock() shows another time of day where it is to be wrong, and measures intervals as before', () => {
    const [right, wrong] = [systemClock(), systemClock({ offsetMs: -5000 })];
    expect(Math.abs(wrong.systemMs() + 5000 - right.systemMs())).toBeLessThan(1000);
    expect(Math.abs(wrong.nowMs() - right.nowMs())).toBeLessThan(1000);
  });

  it('systemClock() waits for longer than setTimeout can, without ringing at once', async () => {
    const clock = systemClock({ keepAlive: false });
    let rings = 0;
    clock.wakeAt(clock.nowMs() + 2 ** 40, () => {
      rings += 1;
    });
    await new Promise((resolve) => void setTimeout(resolve, 5));
    expect(rings).toBe(0);
    clock.wakeAt(undefined, () => {});
  });
});
