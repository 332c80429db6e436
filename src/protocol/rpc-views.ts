/**
 * RPC views: how nodes agree who keeps copies of an arc.
 *
 *   request      body                                        response
 *   seal         [epoch, arc, members: peers, since: epoch]  ["sealed", pieces, clock: version] | nack
 *   view_new     [view]                                      ["adopted"] | nack
 *   view_get     [arc]                                       ["views", views]
 *   view_voter   [arc, epoch]                                ["noted"] | stale
 *   view_blocked [arc, epoch, promised: epoch]               ["noted"] | stale
 *   invite       [arc, epoch]                                ["accepted"] | ["busy"]
 *   depart       nil                                         ["noted"]
 *   death_of     peer                                        ["dead"] | ["unknown"]
 *   clean_up     [arc, epoch]                                ["clean"] | ["wait"] | stale
 *
 *   nack         ["nack", promised: epoch, view | nil]
 *   stale        ["stale", view | nil]
 *   view         [epoch, arc, members: peers, primary: id, voters: bin, syncs, floor: version]
 *   piece        [arc, view | nil, role: "voter" | "learner" | "none", pending: [[epoch, members: peers], ...]]
 *
 * `voters` is their identifiers, 20 bytes each. A view whose primary does not vote, or whose voters are no members, is
 * none; so whoever has read one can rely on it.
 */
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import type { Epoch } from '../replication/epoch';
import type { Pending, Piece, Role } from '../replication/holding';
import type { Version, Writers } from '../replication/version';
import { restricted, type View } from '../replication/view';
import { unreachable } from '../unreachable';
import {
  arcIn,
  arcValue,
  countIn,
  epochIn,
  epochValue,
  idBytes,
  idIn,
  listIn,
  nodeIdsIn,
  nodeIdsValue,
  peerIn,
  peersIn,
  peerValue,
  peerValues,
  type Place,
  type Places,
  placesIn,
  versionIn,
  versionValue,
} from './rpc-parts';
import type { RpcValue } from './rpc-values';

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

/** I have promised something newer than this view of yours, of which nothing has come: I can only learn in one that is newer still. */
export interface ViewBlocked {
  readonly type: 'view_blocked';
  readonly arc: Range;
  readonly epoch: Epoch;
  readonly promised: Epoch;
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
export type ViewQuestion = Seal | ViewNew | ViewGet | ViewVoter | ViewBlocked | Invite | Depart | DeathOf | CleanUp;

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
  readonly view_blocked: { readonly type: 'noted' } | Stale;
  readonly invite: { readonly type: 'accepted' } | { readonly type: 'busy' };
  readonly depart: { readonly type: 'noted' };
  readonly death_of: { readonly type: 'dead' } | { readonly type: 'unknown' };
  readonly clean_up: { readonly type: 'clean' } | { readonly type: 'wait' } | Stale;
}

/** What a question about views is answered with. */
export type ViewAnswer = ViewAnswersTo[ViewQuestion['type']];

/** Most members of a view that is understood; views have far fewer. */
export const MEMBERS_MAX = 32;

/** Most pieces, or views, that one answer may tell about. */
export const PIECES_MAX = 1024;

/** Most intentions to make a view that one piece may have. */
export const PENDING_MAX = 256;

// Questions

/** The body of such a question. */
export function viewQuestionBody(question: ViewQuestion): RpcValue {
  switch (question.type) {
    case 'seal': {
      const { epoch, arc, members, since } = question;
      return [epochValue(epoch), arcValue(arc), peerValues(members), epochValue(since)];
    }
    case 'view_new':
      return [viewValue(question.view)];
    case 'view_get':
      return [arcValue(question.arc)];
    case 'view_voter':
    case 'invite':
    case 'clean_up':
      return [arcValue(question.arc), epochValue(question.epoch)];
    case 'view_blocked':
      return [arcValue(question.arc), epochValue(question.epoch), epochValue(question.promised)];
    case 'depart':
      return null;
    case 'death_of':
      return peerValue(question.target);
    default:
      return unreachable(question);
  }
}

/** The question that a body holds; undefined where it holds none of this type. */
export function viewQuestionIn(type: ViewQuestion['type'], body: RpcValue, writers: Writers): ViewQuestion | undefined {
  const [first, second, third] = placesIn(body) ?? [];
  switch (type) {
    case 'seal':
      return sealIn(placesIn(body) ?? []);
    case 'view_new': {
      const view = viewIn(first, writers);
      return view && { type, view };
    }
    case 'view_get': {
      const arc = arcIn(first);
      return arc && { type, arc };
    }
    case 'view_voter':
    case 'invite':
    case 'clean_up': {
      const arc = arcIn(first);
      const epoch = epochIn(second);
      return arc && epoch && { type, arc, epoch };
    }
    case 'view_blocked': {
      const arc = arcIn(first);
      const [epoch, promised] = [epochIn(second), epochIn(third)];
      return arc && epoch && promised && { type, arc, epoch, promised };
    }
    case 'depart':
      return body === null ? { type } : undefined;
    case 'death_of': {
      const target = peerIn(body);
      return target && { type, target };
    }
    default:
      return unreachable(type);
  }
}

function sealIn([first, second, third, fourth]: Places): Seal | undefined {
  const [epoch, since] = [epochIn(first), epochIn(fourth)];
  const arc = arcIn(second);
  const members = membersIn(third);
  return epoch && arc && members && since && { type: 'seal', epoch, arc, members, since };
}

// Answers

/** The body of such an answer. */
export function viewAnswerBody(answer: ViewAnswer): RpcValue {
  switch (answer.type) {
    case 'sealed':
      return [answer.type, answer.pieces.map(pieceValue), versionValue(answer.clock)];
    case 'nack':
      return [answer.type, epochValue(answer.promised), answer.view ? viewValue(answer.view) : null];
    case 'views':
      return [answer.type, answer.views.map(viewValue)];
    case 'stale':
      return staleBody(answer);
    case 'adopted':
    case 'noted':
    case 'accepted':
    case 'busy':
    case 'dead':
    case 'unknown':
    case 'clean':
    case 'wait':
      return [answer.type];
    default:
      return unreachable(answer);
  }
}

/** How the places of a body become one of the answers that such a question can have. */
export const VIEW_ANSWERS: {
  readonly [Method in keyof ViewAnswersTo]: (
    type: Place,
    places: Places,
    writers: Writers,
  ) => ViewAnswersTo[Method] | undefined;
} = {
  seal: (type, places, writers) => (type === 'nack' ? nackIn(places, writers) : sealedIn(type, places, writers)),
  view_new(type, places, writers) {
    if (type === 'adopted') return { type };
    return type === 'nack' ? nackIn(places, writers) : undefined;
  },
  view_get(type, [first], writers) {
    const views = type === 'views' ? listIn(first, PIECES_MAX, (each) => viewIn(each, writers)) : undefined;
    return views && { type: 'views', views };
  },
  view_voter: notedIn,
  view_blocked: notedIn,
  invite: (type) => (type === 'accepted' || type === 'busy' ? { type } : undefined),
  depart: (type) => (type === 'noted' ? { type } : undefined),
  death_of: (type) => (type === 'dead' || type === 'unknown' ? { type } : undefined),
  clean_up(type, places, writers) {
    if (type === 'clean' || type === 'wait') return { type };
    return type === 'stale' ? staleIn(places, writers) : undefined;
  },
};

function notedIn(type: Place, places: Places, writers: Writers): { readonly type: 'noted' } | Stale | undefined {
  if (type === 'noted') return { type };
  return type === 'stale' ? staleIn(places, writers) : undefined;
}

function sealedIn(type: Place, [first, second]: Places, writers: Writers): Sealed | undefined {
  const pieces = type === 'sealed' ? listIn(first, PIECES_MAX, (each) => pieceIn(each, writers)) : undefined;
  const clock = versionIn(second, writers);
  return pieces && clock && { type: 'sealed', pieces, clock };
}

function nackIn([first, second]: Places, writers: Writers): Nack | undefined {
  const promised = epochIn(first);
  const view = viewIn(second, writers);
  return promised === undefined || (view === undefined && second !== null)
    ? undefined
    : { type: 'nack', promised, view };
}

/** The body of the answer that says which view there is instead. */
export function staleBody({ type, view }: Stale): RpcValue {
  return [type, view ? viewValue(view) : null];
}

/** What such an answer says, but for its type. */
export function staleIn([first]: Places, writers: Writers): Stale | undefined {
  const view = viewIn(first, writers);
  return view === undefined && first !== null ? undefined : { type: 'stale', view };
}

// Parts

/** A view as an array. */
export function viewValue({ epoch, arc, members, primary, voters, syncs, floor }: View): RpcValue {
  return [
    epochValue(epoch),
    arcValue(arc),
    peerValues(members),
    idBytes(primary),
    nodeIdsValue(new Set(voters)),
    syncs,
    versionValue(floor),
  ];
}

/** The view in a place. */
export function viewIn(value: Place, writers: Writers): View | undefined {
  const [first, second, third, fourth, fifth, sixth, seventh] = placesIn(value) ?? [];
  const epoch = epochIn(first);
  const arc = arcIn(second);
  const members = membersIn(third);
  const voters = [...(nodeIdsIn(fifth) ?? [])];
  const primaryId = idIn(fourth);
  const primary = voters.find((id) => id === primaryId);
  const syncs = countIn(sixth);
  const floor = versionIn(seventh, writers);
  if (!epoch || !arc || !members || primary === undefined || !floor) return undefined;
  if (syncs === undefined || syncs < 1 || syncs > members.length) return undefined;
  if (!voters.every((voter) => members.some(({ id }) => id === voter))) return undefined;
  return { epoch, arc, members, primary, voters, syncs, floor };
}

function membersIn(value: Place): readonly Peer[] | undefined {
  const members = peersIn(value);
  if (members === undefined || members.length === 0 || members.length > MEMBERS_MAX) return undefined;
  return new Set(members.map(({ id }) => id)).size === members.length ? members : undefined;
}

function pieceValue({ arc, view, role, pending }: Piece): RpcValue {
  return [
    arcValue(arc),
    view ? viewValue(view) : null,
    role,
    pending.map(({ epoch, members }) => [epochValue(epoch), peerValues(members)]),
  ];
}

function pieceIn(value: Place, writers: Writers): Piece | undefined {
  const [first, second, role, fourth] = placesIn(value) ?? [];
  const arc = arcIn(first);
  const view = viewIn(second, writers);
  const pending = listIn(fourth, PENDING_MAX, pendingIn);
  if (!arc || !pending || !isRole(role)) return undefined;
  if (view === undefined) return second === null && role === 'none' ? { arc, view, role, pending } : undefined;
  return { arc, view: restricted(view, arc), role, pending };
}

function pendingIn(value: Place): Pending | undefined {
  const [first, second] = placesIn(value) ?? [];
  const epoch = epochIn(first);
  const members = membersIn(second);
  return epoch && members && { epoch, members };
}

function isRole(value: Place): value is Role {
  return value === 'voter' || value === 'learner' || value === 'none';
}
