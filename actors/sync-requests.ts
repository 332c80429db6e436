/**
 * Sync requests: what other nodes ask about the records of an arc, answered from the tables in the process of
 * their connection.
 */
import type { Peer } from '../src/chord/peer';
import type { Range } from '../src/chord/range';
import { holdingAt } from '../src/replication/holding';
import { answerSync, type SourceAnswer, type SourceQuestion } from '../src/replication/sync-source';
import { isMember } from '../src/replication/view';
import type { Views } from '../src/replication/views';
import type { Target } from '../src/store/local-write';
import * as handoff from './handoff';
import * as kvStore from './kv-store';

// API

/** What answering needs of the node. */
export interface SyncAround {
  views(): Views | undefined;
  store(): Target | undefined;
  raiseHorizon(arc: Range, horizonMs: number): void;
  listenerSeen(peer: Peer, arc: Range): void;
}

/** The tables of the running node. */
export const SYNC_AROUND: SyncAround = {
  views: () => handoff.read()?.views,
  store: kvStore.open,
  raiseHorizon: kvStore.raiseHorizon,
  listenerSeen: handoff.listenerSeen,
};

/** Answers one question; `busy` while a table is being restarted. */
export function answerSyncRequest(question: SourceQuestion, from: Peer, around = SYNC_AROUND): SourceAnswer {
  const [views, target] = [around.views(), around.store()];
  if (views === undefined || target === undefined) return { type: 'busy' };
  const answer = answerSync(views, target, question, from);
  if (answer.type === 'stale') return answer;
  const { arc } = question;
  if (question.type === 'ranges') around.raiseHorizon(arc, question.horizonMs);
  const view = holdingAt(views.holdings, arc.hi)?.view;
  if (view && !isMember(view, from)) around.listenerSeen(from, arc);
  return answer;
}
