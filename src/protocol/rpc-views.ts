/**
 * RPC views: how nodes agree who keeps copies of an arc.
 *
 *   request      body                             response
 *   seal         [epoch, arc, members: peers, since: epoch]   ["sealed", pieces, clock: version] | ["nack", promised: epoch, view | nil]
 *   view_new     [view]                           ["adopted"] | nack
 *   view_get     [arc]                            ["views", views]
 *   view_voter   [arc, epoch]                     ["noted"] | stale
 *   invite       [arc, epoch]                     ["accepted"] | ["busy"]
 *   depart       nil                              ["noted"]
 *   death_of     peer                             ["dead"] | ["unknown"]
 *   clean_up     [arc, epoch]                     ["clean"] | ["wait"] | stale
 *
 *   stale        ["stale", view | nil]
 *   view         [epoch, arc, members: peers, primary: id, voters: ids, syncs, floor: version]
 *   piece        [arc, view | nil, role: "voter" | "learner" | "none", pending: [[epoch, members: peers], ...]]
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Epoch } from '../replication/epoch';
import type { Piece } from '../replication/holding';
import type { Version } from '../replication/version';
import type { View } from '../replication/view';

/** Promise me that you serve nothing older in this arc: I am about to make a view with these members. */
export interface Seal {
  readonly type: 'seal';
  readonly epoch: Epoch;
  readonly arc: Range;
  readonly members: readonly Peer[];
  /** Of all views that I was about to make between this epoch and the new one, none has come about, and none will. */
  readonly since: Epoch;
}

/** This is the view now; with the epoch of the one you have: somebody votes who did not, or fewer need be merged. */
export interface ViewNew {
  readonly type: 'view_new';
  readonly view: View;
}

/** Which views do you know that have a part in this arc? */
export interface ViewGet {
  readonly type: 'view_get';
  readonly arc: Range;
}

/** I have all of this arc: I vote from now on. */
export interface ViewVoter {
  readonly type: 'view_voter';
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** Come and fetch this arc from me, so that you can become a member of its next view. */
export interface Invite {
  readonly type: 'invite';
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** I am leaving: make your next views without me. */
export interface Depart {
  readonly type: 'depart';
}

/** Does this one refuse every connection from you as well? */
export interface DeathOf {
  readonly type: 'death_of';
  readonly target: Peer;
}

/** I am no member of this view and still have records of its arc: may I forget them? */
export interface CleanUp {
  readonly type: 'clean_up';
  readonly arc: Range;
  readonly epoch: Epoch;
}

/** What nodes ask each other about views. */
export type ViewQuestion = Seal | ViewNew | ViewGet | ViewVoter | Invite | Depart | DeathOf | CleanUp;

/** A promise, and all that this node knows about the arc; parts of which it knows nothing are left out. */
export interface Sealed {
  readonly type: 'sealed';
  readonly pieces: readonly Piece[];
  /** The latest version that this node has minted or seen. */
  readonly clock: Version;
}

/** It has promised more than that, or adopted it. */
export interface Nack {
  readonly type: 'nack';
  readonly promised: Epoch;
  readonly view?: View | undefined;
}

/** The views that it knows, restricted to the arc. */
export interface KnownViews {
  readonly type: 'views';
  readonly views: readonly View[];
}

/** That is not the view here; this is, if any. */
export interface Stale {
  readonly type: 'stale';
  readonly view?: View | undefined;
}

/** Which answers a question about views can have. */
export interface ViewAnswersTo {
  readonly seal: Sealed | Nack;
  readonly view_new: { readonly type: 'adopted' } | Nack;
  readonly view_get: KnownViews;
  readonly view_voter: { readonly type: 'noted' } | Stale;
  readonly invite: { readonly type: 'accepted' } | { readonly type: 'busy' };
  readonly depart: { readonly type: 'noted' };
  readonly death_of: { readonly type: 'dead' } | { readonly type: 'unknown' };
  readonly clean_up: { readonly type: 'clean' } | { readonly type: 'wait' } | Stale;
}

/** What a question about views is answered with. */
export type ViewAnswer = ViewAnswersTo[ViewQuestion['type']];
