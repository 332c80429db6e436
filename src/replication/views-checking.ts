/**
 * Views, checking: whether a member of a view that somebody else leads has missed the next one.
 *
 * Whoever makes a view tells the old members for a while. A member that was cut off for longer, or that was asked for
 * a promise and never told what had become of it, would go by the old view for good: it would serve nobody, send
 * requests the wrong way, and keep what it need not keep. So every member asks now and then which views there are. And a
 * learner that has promised something newer than the view in which it is to learn says so, for only a newer view helps it.
 */
import type { Peer } from '../chord/peer';
import { type Holding, isSealed } from './holding';
import { primaryOf, type View } from './view';
import type { Views } from './views';
import { andEach, ask, isOut, type Now, type Outcome, quiet } from './views-changes';
import { BEAT_INTERVAL_MS } from './views-protocol';

/** How often a member asks, on average: by chance, so that not all of them ask at once. */
export const CHECK_MS = 10_000;

/** How often a node says that it cannot learn, on average. */
const BLOCKED_MS = 1000;

/** Asks now and then about everything that this node is a member of and does not lead. To be called once a beat. */
export function checkNowAndThen(before: Views, now: Now): Outcome {
  if (now.random() * CHECK_MS >= BEAT_INTERVAL_MS) return quiet(before);
  return andEach(quiet(before), before.holdings, (state, holding) => {
    const { view, role, arc } = holding;
    if (view === undefined || role === 'none' || view.primary === state.self.id) return quiet(state);
    const peers = whoMayKnow(state, holding, view).filter((peer) => peer.id !== state.self.id && !isOut(state, peer));
    const to = peers[Math.floor(now.random() * peers.length)];
    return to ? ask(state, to, { type: 'view_get', arc }, { type: 'look', to, arc }) : quiet(state);
  });
}

/**
 * Says of what this node is to learn and cannot, since it has promised something newer of which nothing has come. Its own attempt
 * may have been overtaken, or somebody else's have ended with him; and whoever votes is fine, and does not know.
 */
export function sayWhatIsBlocked(before: Views, now: Now): Outcome {
  const blocked = before.holdings.filter(
    (piece) => piece.role === 'learner' && isSealed(piece) && piece.view?.primary !== before.self.id,
  );
  if (blocked.length === 0 || now.random() * BLOCKED_MS >= BEAT_INTERVAL_MS) return quiet(before);
  return andEach(quiet(before), blocked, (state, { arc, view, promised }) => {
    if (view === undefined) return quiet(state);
    const to = primaryOf(view);
    const { epoch } = view;
    return ask(state, to, { type: 'view_blocked', arc, epoch, promised }, { type: 'vote', to, arc, epoch });
  });
}

/** Whoever leads the arc, or was promised something newer, and as many others, for those may have gone without a trace. */
function whoMayKnow({ ring }: Views, holding: Holding, view: View): readonly Peer[] {
  const rest = [...view.members, ...ring.successors.slice(0, 1)];
  if (!isSealed(holding)) return [primaryOf(view), ...rest];
  return [...holding.pending.flatMap(({ members }) => members), ...rest];
}
