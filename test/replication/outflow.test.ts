/** Outflow: two at a time, and everybody's turn comes. */
import { NO_OUTFLOW, type Outflow, SERVED_MAX, withAsking, withServed } from '../../src/replication/outflow';
import { peer, randomOf } from './replicas';

const idOf = (port: number) => peer(port).id;
const [A, B, C, D] = [idOf(1), idOf(2), idOf(3), idOf(4)];

/** Somebody asks at this time; whether it was served. */
class Source {
  private outflow: Outflow = NO_OUTFLOW;

  ask(id: typeof A, nowMs: number): boolean {
    const [isServed, outflow] = withAsking(this.outflow, id, nowMs);
    this.outflow = outflow;
    return isServed;
  }

  end(id: typeof A): void {
    this.outflow = withServed(this.outflow, id);
  }

  get size(): number {
    return this.outflow.serving.length;
  }
}

describe('withAsking() and withServed()', () => {
  it('serve two at a time, and the next when one has got everything', () => {
    const source = new Source();
    expect([A, B, C].map((id) => source.ask(id, 0))).toEqual([true, true, false]);
    expect([A, B, C].map((id) => source.ask(id, 500))).toEqual([true, true, false]);
    source.end(A);
    expect([C, A].map((id) => source.ask(id, 600))).toEqual([true, false]);
  });

  it('let nobody pass who has not waited, not even those who have just been served', () => {
    const source = new Source();
    expect([A, B, C, D].map((id) => source.ask(id, 0))).toEqual([true, true, false, false]);
    source.end(A);
    expect([A, D, C].map((id) => source.ask(id, 100))).toEqual([false, false, true]);
    source.end(B);
    expect([A, D].map((id) => source.ask(id, 200))).toEqual([false, true]);
    source.end(C);
    expect(source.ask(A, 300)).toBe(true);
  });

  it('forget who does not come back, whether it was served or waited', () => {
    const source = new Source();
    expect([A, B, C, D].map((id) => source.ask(id, 0))).toEqual([true, true, false, false]);
    source.end(A);
    // C, whose turn it is, has found another source.
    expect(source.ask(D, 900)).toBe(false);
    expect(source.ask(D, 1100)).toBe(true);
    // B has died.
    expect(source.ask(C, 1900)).toBe(false);
    expect(source.ask(C, 2100)).toBe(true);
  });

  it('give everybody a turn who keeps asking, whatever the order', () => {
    const random = randomOf(7);
    const source = new Source();
    const peers = Array.from({ length: 9 }, (_none, n) => peer(n + 1).id);
    const left = new Map(peers.map((id) => [id, 40]));
    let nowMs = 0;
    const lastServedMs = new Map(peers.map((id) => [id, 0]));
    let longestMs = 0;
    for (; [...left.values()].some((count) => count > 0) && nowMs < 1_000_000; nowMs += 50) {
      for (const id of peers.toSorted(() => random() - 0.5)) {
        const count = left.get(id) ?? 0;
        if (count === 0 || !source.ask(id, nowMs)) continue;
        longestMs = Math.max(longestMs, nowMs - (lastServedMs.get(id) ?? 0));
        lastServedMs.set(id, nowMs);
        left.set(id, count - 1);
        // An arc is four chunks.
        if (count % 4 === 1) source.end(id);
      }
      expect(source.size).toBeLessThanOrEqual(SERVED_MAX);
    }
    expect([...left.values()]).toEqual(peers.map(() => 0));
    // Nine nodes, two at a time, four turns each: nobody has waited for more than one round of the others.
    expect(longestMs).toBeLessThanOrEqual(4 * 50 * 5);
  });
});
