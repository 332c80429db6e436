/**
 * Surplus drop: how records are dropped that this node need not keep any longer, a slice at a time.
 *
 * What may be nowhere else is given to those who keep the arc first (src/replication/leftovers.ts). Nothing is dropped
 * in a later turn than that in which it was decided that it may be: once a slice is known to be safe, the primary's
 * leave is looked at again, and whatever has come meanwhile is looked at before it goes.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import type { SyncAnswer, SyncQuestion } from '../src/protocol/rpc-sync';
import { beginRound, goOn, leftoversIn, type Round, type Turn, type Versions } from '../src/replication/leftovers';
import { DROP_SLICE, type ViewsEffect, type ViewsEvent } from '../src/replication/views-protocol';
import type { KvTable } from '../src/store/kv-table';

/** Which round an answer belongs to. */
export interface LeftoversTag {
  readonly type: 'leftovers';
  readonly round: number;
}

/** What carries records may take longer than a peer's usual answer. */
const TIMEOUT_MS = 5000;

/** Mutable: it belongs to handoff. Each arc is dropped by itself. */
export class SurplusDrop {
  private readonly rounds = new Map<number, Round>();
  /** What has just been found to be safe of a slice. */
  private safe: { readonly arc: Range; readonly records: Versions } | undefined;
  private lastRound = 0;

  constructor(
    private readonly ask: (
      to: Peer,
      question: SyncQuestion,
      options: { readonly tag: LeftoversTag; readonly timeoutMs: number },
    ) => void,
  ) {}

  /** Drops a slice of an arc, or begins to give away what may be nowhere else; then how that has ended comes later. */
  drop({ arc, view }: Extract<ViewsEffect, { type: 'drop' }>, table: KvTable): ViewsEvent | undefined {
    this.end(arc);
    const safe = this.safe && isSame(this.safe.arc, arc) ? this.safe.records : NOTHING;
    const leftovers = leftoversIn(table, arc, safe);
    if (leftovers.size > 0) {
      this.lastRound += 1;
      return this.turn(this.lastRound, arc, beginRound(table, arc, view, leftovers));
    }
    this.safe = undefined;
    return { type: 'dropped', arc, isAll: table.dropRange(arc, DROP_SLICE) < DROP_SLICE };
  }

  /** A member has answered, or has not (undefined). Without a table nothing can be decided. */
  answered(tag: LeftoversTag, answer: SyncAnswer | undefined, table: KvTable | undefined): ViewsEvent | undefined {
    const round = this.rounds.get(tag.round);
    if (round === undefined) return undefined;
    this.rounds.delete(tag.round);
    return this.turn(tag.round, round.arc, table === undefined ? FAILED : goOn(round, answer, table));
  }

  private turn(number: number, arc: Range, turn: Turn): ViewsEvent | undefined {
    if (turn.type === 'asks') {
      this.rounds.set(number, turn.round);
      const options = { tag: { type: 'leftovers', round: number }, timeoutMs: TIMEOUT_MS } as const;
      for (const { to, question } of turn.asks) this.ask(to, question, options);
      return undefined;
    }
    if (turn.type === 'failed') return { type: 'not_dropped', arc };
    this.safe = { arc, records: turn.records };
    return { type: 'dropped', arc, isAll: false };
  }

  /** An older order about this arc is forgotten, with whatever is answered to it. */
  private end(arc: Range): void {
    for (const [number, round] of this.rounds) if (isSame(round.arc, arc)) this.rounds.delete(number);
  }
}

// Internal

const NOTHING: Versions = new Map();
const FAILED: Turn = { type: 'failed' };

const isSame = (a: Range, b: Range) => a.lo === b.lo && a.hi === b.hi;
