/** Ring words: what the interactive client asks about the ring and its copies, and the lines that it answers. */
import { ok, type Result } from '../result';
import { unreachable } from '../unreachable';
import { type AdminFailure, type AdminQuestion, askAdmin } from './admin-request';
import type { ReplAnswer, RingWord } from './repl-language';
import { drawLocation, drawRepair, drawStop, drawViews } from './replica-drawing';
import { locateQuestion, REPAIR_MS, REPAIR_QUESTION, STOP_QUESTION, VIEWS_QUESTION } from './replica-questions';
import { drawFingers, drawLookup, drawNodes, drawStatus } from './ring-drawing';
import { FINGERS_QUESTION, lookupQuestion, RING_QUESTION, TREE_QUESTION } from './ring-questions';
import type { Target } from './target';
import { drawTree } from './tree-drawing';

/** Asks the admin server; where it cannot be reached, the failure says that it is this port that is meant. */
export async function askRing(word: RingWord, servers: Target): Promise<Result<ReplAnswer, AdminFailure>> {
  switch (word.type) {
    case 'ring':
      return answer(word, servers, RING_QUESTION, drawStatus);
    case 'nodes':
      return answer(word, servers, RING_QUESTION, drawNodes);
    case 'fingers':
      return answer(word, servers, FINGERS_QUESTION, drawFingers);
    case 'lookup':
      return answer(word, servers, lookupQuestion(word.key), drawLookup);
    case 'views':
      return answer(word, servers, VIEWS_QUESTION, drawViews);
    case 'locate':
      return answer(word, servers, locateQuestion(word.key), drawLocation);
    case 'tree':
      return answer(word, servers, TREE_QUESTION, drawTree);
    case 'repair':
      return answer(
        word,
        { ...servers, timeoutMs: Math.max(servers.timeoutMs, REPAIR_MS) },
        REPAIR_QUESTION,
        (repair) => [drawRepair(repair)],
      );
    case 'safe-to-stop':
      return answer(word, servers, STOP_QUESTION, (verdict) => [drawStop(verdict)]);
    default:
      return unreachable(word);
  }
}

async function answer<T>(
  { type }: RingWord,
  servers: Target,
  question: AdminQuestion<T>,
  draw: (document: T) => readonly string[],
): Promise<Result<ReplAnswer, AdminFailure>> {
  const asked = await askAdmin(servers, question);
  if (asked.ok) return ok({ type, lines: draw(asked.value) });
  const { error } = asked;
  if (error.code !== 'not_connected') return asked;
  const message = `${error.message} (the admin port of the node; another one is named with --admin-port)`;
  return { ok: false, error: { ...error, message } };
}
