/**
 * Copy drop: how a simulated node drops what it need not keep any longer. What may be nowhere else is given to those
 * who keep the arc first (src/replication/leftovers.ts).
 */
import type { Range } from '../../chord/range';
import type { SyncAnswer } from '../../protocol/rpc-sync';
import { beginRound, goOn, leftoversIn, type Round, type Turn, type Versions } from '../../replication/leftovers';
import { DROP_SLICE, type ViewsEffect, type ViewsEvent } from '../../replication/views-protocol';
import type { AskOutcome } from '../packet';
import type { KeptNode } from './copy-world';

const PATIENCE_MS = 5000;
const NOTHING: Versions = new Map();

/** That of one node. */
export class CopyDrop {
  /** Of each arc that is being dropped, by its end. */
  private readonly rounds = new Map<string, Round>();
  /** What has just been found to be safe of a slice. */
  private safe: { readonly arc: Range; readonly records: Versions } | undefined;

  constructor(private readonly keeper: KeptNode) {}

  /** Drops a slice of an arc, or begins to give away what must not be lost; then how that has ended comes later. */
  drop({ arc, view }: Extract<ViewsEffect, { type: 'drop' }>): ViewsEvent | undefined {
    const { table } = this.keeper.target;
    this.rounds.delete(nameOf(arc));
    const safe = this.safe && nameOf(this.safe.arc) === nameOf(arc) ? this.safe.records : NOTHING;
    const leftovers = leftoversIn(table, arc, safe);
    if (leftovers.size > 0) return this.turn(arc, beginRound(table, arc, view, leftovers));
    this.safe = undefined;
    return { type: 'dropped', arc, isAll: table.dropRange(arc, DROP_SLICE) < DROP_SLICE };
  }

  private turn(arc: Range, turn: Turn): ViewsEvent | undefined {
    if (turn.type === 'failed') return { type: 'not_dropped', arc };
    if (turn.type === 'safe') {
      this.safe = { arc, records: turn.records };
      return { type: 'dropped', arc, isAll: false };
    }
    this.rounds.set(nameOf(arc), turn.round);
    for (const { to, question } of turn.asks)
      this.keeper.host.askKeeper(to, question, PATIENCE_MS, (outcome) => this.goOn(turn.round, answerIn(outcome)));
    return undefined;
  }

  private goOn({ arc, records }: Round, answer: SyncAnswer | undefined): void {
    const round = this.rounds.get(nameOf(arc));
    // What is answered to an older order about this arc comes too late.
    if (round?.records !== records) return;
    this.rounds.delete(nameOf(arc));
    const event = this.turn(arc, goOn(round, answer, this.keeper.target.table));
    if (event) this.keeper.happened(event);
  }
}

// Internal

const nameOf = ({ lo, hi }: Range) => `${lo} ${hi}`;

/** A link lets nothing through but an answer to what was asked. */
function answerIn(outcome: AskOutcome): SyncAnswer | undefined {
  if (outcome.type === 'failed' || outcome.answering.type !== 'copies') return undefined;
  return outcome.answering.answer as SyncAnswer;
}
