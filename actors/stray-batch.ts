/**
 * Stray batch: records on their way to whoever owns them, and what has become of each.
 *
 * Only those count as arrived that lie before the first that did not, so that one cursor says
 * what has been dealt with.
 */
import type { Peer } from '../src/chord/peer';
import type { StraysOutcome } from '../src/replication/ownership-protocol';
import type { Slice } from './arc-table';

type Fate =
  | { readonly type: 'stored' }
  | { readonly type: 'failed' }
  | { readonly type: 'not_owner'; readonly hint: Peer | undefined };

/** Mutable: it lives for as long as it is under way, in one process. */
export class StrayBatch {
  private readonly fates = new Map<number, Fate>();

  constructor(
    readonly request: number,
    private readonly slice: Slice,
  ) {}

  get isUnderWay(): boolean {
    return this.fates.size < this.slice.records.length;
  }

  stored(index: number): void {
    this.fates.set(index, { type: 'stored' });
  }

  failed(index: number): void {
    this.fates.set(index, { type: 'failed' });
  }

  refused(index: number, hint: Peer | undefined): void {
    this.fates.set(index, { type: 'not_owner', hint });
  }

  /** What the whole of it amounts to. */
  outcome(): StraysOutcome {
    const { records, after } = this.slice;
    const at = records.findIndex((_record, index) => this.fates.get(index)?.type !== 'stored');
    if (at === -1) return { type: 'stored', after };
    // Two keys of one identifier go together: a cursor could not point between them.
    const last = records[at - 1]?.keyId;
    if (last !== undefined && last !== records[at]?.keyId) return { type: 'stored', after: last };
    const fate = this.fates.get(at);
    return fate === undefined || fate.type === 'stored' ? { type: 'failed' } : fate;
  }
}
