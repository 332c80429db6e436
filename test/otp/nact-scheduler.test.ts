/** nact as the scheduler: wake-ups come later, one at a time, and stop when they are released. */
import { nactScheduler } from '../../src/otp/nact-scheduler';

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
};

describe('nactScheduler()', () => {
  it('nactScheduler() runs what is woken later, never inside the call, once for each wake-up', async () => {
    const scheduler = nactScheduler();
    const ran: number[] = [];
    const wakeups = [1, 2, 3].map((id) => scheduler.add(id, () => void ran.push(id)));
    for (const wakeup of wakeups) wakeup.wake();
    expect(ran).toEqual([]);
    await turns(3);
    expect(ran).toEqual([1, 2, 3]);
    wakeups[1]?.wake();
    await turns(3);
    expect(ran).toEqual([1, 2, 3, 2]);
    scheduler.stop();
  });

  it('nactScheduler() can be woken again from within a run', async () => {
    const scheduler = nactScheduler();
    let runs = 0;
    const wakeup = scheduler.add(1, () => {
      runs += 1;
      if (runs < 5) wakeup.wake();
    });
    wakeup.wake();
    await turns(10);
    expect(runs).toBe(5);
    scheduler.stop();
  });

  it('nactScheduler() wakes nobody who was released, also within the run that released it', async () => {
    const scheduler = nactScheduler();
    const ran: string[] = [];
    const self = scheduler.add(1, () => {
      ran.push('self');
      self.release();
    });
    const other = scheduler.add(2, () => void ran.push('other'));
    self.wake();
    other.release();
    await turns(5);
    expect(ran).toEqual(['self']);
    scheduler.stop();
  });

  it('nactScheduler() runs those that became runnable together in one turn, in that order, and later ones later', async () => {
    const scheduler = nactScheduler();
    const ran: string[] = [];
    const late = scheduler.add(4, () => void ran.push('late'));
    const wakeups = ['a', 'b', 'c'].map((name, id) =>
      scheduler.add(id, () => {
        ran.push(name);
        if (name === 'a') late.wake();
      }),
    );
    for (const wakeup of wakeups) wakeup.wake();
    await turns(1);
    expect(ran).toEqual(['a', 'b', 'c']);
    await turns(1);
    expect(ran).toEqual(['a', 'b', 'c', 'late']);
    scheduler.stop();
  });

  it('nactScheduler() wakes the others when those before them are released', async () => {
    const scheduler = nactScheduler();
    const ran: number[] = [];
    const wakeups = [0, 1, 2, 3, 4].map((id) => scheduler.add(id, () => void ran.push(id)));
    for (const wakeup of wakeups) wakeup.wake();
    for (const id of [1, 0, 2]) wakeups[id]?.release();
    await turns(3);
    expect(ran).toEqual([3, 4]);
    scheduler.stop();
  });

  it('nactScheduler() runs the others of a turn when one of them throws, then and later', async () => {
    const failures: unknown[] = [];
    const scheduler = nactScheduler((thrown) => void failures.push(thrown));
    const ran: string[] = [];
    const error = new Error('cannot run');
    const wakeups = ['a', 'b', 'c'].map((name, id) =>
      scheduler.add(id, () => {
        ran.push(name);
        if (name !== 'c') throw error;
      }),
    );
    for (let round = 0; round < 2; round += 1) {
      for (const wakeup of wakeups) wakeup.wake();
      await turns(3);
    }
    expect(ran).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(failures).toEqual([error, error, error, error]);
    scheduler.stop();
  });

  it('nactScheduler() keeps two systems apart', async () => {
    const [first, second] = [nactScheduler(), nactScheduler()];
    const ran: string[] = [];
    const [a, b] = [first.add(1, () => void ran.push('a')), second.add(1, () => void ran.push('b'))];
    first.stop();
    b.wake();
    await turns(3);
    expect(ran).toEqual(['b']);
    a.release();
    second.stop();
  });
});
