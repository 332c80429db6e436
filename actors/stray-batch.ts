/**
 * Stray batch: records on their way to whoever is to have them, before they are dropped here.
 */
import type { Range } from '../src/chord/range';
import type { BinaryString } from '../src/octets';
import type { Version } from '../src/replication/version';
import type { Record } from '../src/store/record';

/** Mutable: it lives for as long as it is under way, in one process. */
export class StrayBatch {
  /** What is there by now, with all of the arc that earlier batches have brought. */
  readonly given: Map<BinaryString, Version>;
  private open: number;
  private failed = 0;

  constructor(
    readonly arc: Range,
    private readonly records: readonly Record[],
    before: StrayBatch | undefined,
  ) {
    this.open = records.length;
    this.given = before?.arc.hi === arc.hi && before.arc.lo === arc.lo ? before.given : new Map();
  }

  get isUnderWay(): boolean {
    return this.open > 0;
  }

  get areAllThere(): boolean {
    return this.open === 0 && this.failed === 0;
  }

  /** Takes note of what has become of one of them; once for each. */
  settle(index: number, isThere: boolean): void {
    this.open -= 1;
    const record = this.records[index];
    if (isThere && record) this.given.set(record.key, record.version);
    else this.failed += 1;
  }
}
