/**
 * The words of the ring: what its members ask, answer and tell each other to keep it whole.
 *
 * A question has one answer, or none in time; what is told is not answered. Reading a member's
 * pointers and changing one's own because of them is one step of the protocol, and a member that is
 * in the middle of such a step has no state to show: it answers `busy`, which carries no pointers
 * but is a sign of life. Whoever gets it drops his own step and tries again a little later, so
 * nobody ever waits for anybody in a circle.
 */
import type { Peer } from './peer';

/** What one member asks another; whoever does not answer in time is suspected. */
export type Question =
  /** Your pointers, in one piece. */
  | { readonly type: 'get_state' }
  /** Are you there? Answered at once, also in the middle of a step. */
  | { readonly type: 'ping' }
  /** May I come in between you and your successor? */
  | { readonly type: 'join' };

/** What a question is answered with; any answer is a sign of life. */
export type Answer =
  | { readonly type: 'state'; readonly predecessor: Peer; readonly successors: readonly Peer[] }
  | { readonly type: 'pong' }
  /** You are between me and these, in order. */
  | { readonly type: 'admitted'; readonly successors: readonly Peer[] }
  /** Not between me and my successor: ask this one. */
  | { readonly type: 'redirect'; readonly to: Peer }
  /** In the middle of a step: ask again a little later. */
  | { readonly type: 'busy' }
  | { readonly type: 'refused'; readonly reason: Refusal };

/** Why a member does not let somebody in. */
export type Refusal =
  /** Another address has the same identifier. */
  | 'id_taken'
  /** This node is in no ring, or on its way out of one. */
  | 'not_a_member';

/** What one member tells another, which need not believe it: it looks for itself before it acts on it. */
export type Tale =
  /** I think that I am your predecessor. */
  | { readonly type: 'notify' }
  /** This one is between you and me now. */
  | { readonly type: 'hint'; readonly between: Peer }
  /** I am going; to my predecessor: these come after me. */
  | { readonly type: 'leaving_before'; readonly successors: readonly Peer[] }
  /** I am going; to my successor: this one comes before me. */
  | { readonly type: 'leaving_after'; readonly predecessor: Peer };

/** What happens to a member. */
export type RingEvent =
  /** It is time to look whether the successor is still the right one. */
  | { readonly type: 'tick' }
  | { readonly type: 'asked'; readonly from: Peer; readonly question: Question; readonly ref: number }
  | { readonly type: 'answered'; readonly from: Peer; readonly answer: Answer; readonly request: number }
  /** Whoever was asked is dead, as far as the failure detector can tell. */
  | { readonly type: 'silent'; readonly request: number }
  | { readonly type: 'told'; readonly from: Peer; readonly tale: Tale }
  /** This incarnation of a peer is dead: confirmed, not only suspected. */
  | { readonly type: 'dead'; readonly peer: Peer }
  /** This one may be a nearer successor, as a look from elsewhere has shown. */
  | { readonly type: 'consider'; readonly candidate: Peer }
  /** Come into the ring of this one, which is the last before us, as far as a lookup could tell. */
  | { readonly type: 'join'; readonly contact: Peer }
  | { readonly type: 'leave' };

/** What a member wants done. */
export type RingEffect =
  | { readonly type: 'ask'; readonly to: Peer; readonly question: Question; readonly request: number }
  | { readonly type: 'answer'; readonly to: Peer; readonly answer: Answer; readonly ref: number }
  | { readonly type: 'tell'; readonly to: Peer; readonly tale: Tale }
  /** The step was dropped, because somebody was busy or the way in is not clear yet: try again soon, after a random while. */
  | { readonly type: 'retry_soon' }
  /** The pointers have changed. */
  | { readonly type: 'ring_changed' }
  | { readonly type: 'joined' }
  | { readonly type: 'join_failed'; readonly reason: Refusal | 'contact_silent' };
