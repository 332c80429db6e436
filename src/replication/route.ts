/**
 * Route: the way of one request to the node that has its key. Pure: an event in, the next state and one thing
 * to do out.
 *
 * Whoever was asked looks at its own tables first (`place`). A request for a key whose quorum operations it
 * leads, or of which it has a copy that is good enough, it serves; while the views of the key's arc are
 * just changing, it waits; any other request it passes on to whom it takes for the primary, follows that node's
 * hints, and looks the key up in the ring when they lead nowhere. Nobody passes on what was passed
 * on to him, so that no request can go round.
 *
 * Until the deadline everything is tried again that may be. A get always may. A put or a delete may as
 * long as it has certainly not been carried out; after that only its end is unknown, and so the
 * client is told (`timeout`), for a second attempt could come in after somebody else's write.
 *
 * A write that this node has made and could not bring to a majority (`stuck`) it goes on with for as long as it leads the
 * key's arc: a record may be sent any number of times, for merging keeps the newest. Once another node
 * leads the arc, only that one knows what has become of it: where a quorum read there finds the very
 * version, the write has been done, and where it finds another, that is unknown for good.
 */
import type { NodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { DataAnswer, Done, NotOwner } from '../protocol/rpc-data';
import { unreachable } from '../unreachable';
import { answer, confirmedEnd, notOwner, obstacleOf, refusal, unknownEnd } from './route-ends';

/** What does not change on the way. */
export interface Asked {
  readonly op: 'get' | 'put' | 'delete';
  /** Who was asked: this node. */
  readonly self: NodeId;
  /** The client wants to know the owner instead of being routed to it. */
  readonly isDirect: boolean;
  /** Another node has passed it on: it is served here or sent back. */
  readonly isForwarded: boolean;
  /** When nobody waits for an answer any more, in monotonic milliseconds. */
  readonly deadlineMs: number;
  /** How long the value is: a long one takes its time. */
  readonly valueBytes: number;
}

/** Where a request can be served, by the tables of this node. */
export type Place =
  | { readonly type: 'here' }
  /** Here any moment, or as soon as it is known who leads the arc. */
  | { readonly type: 'not_yet' }
  /** Here or at a neighbour, once enough of those who have the key are alive again. */
  | { readonly type: 'unavailable'; readonly why: string }
  /** At another node; who that is may have to be looked up. */
  | { readonly type: 'elsewhere'; readonly peer: Peer | undefined }
  /** This node is in no ring and knows nobody to ask. */
  | { readonly type: 'outside' };

/** Why a node that was sent something has not answered. */
export interface Failure {
  /** `timeout`, `unreachable`, `disconnected`, what the node itself has said, or the like. */
  readonly code: string;
  /** False: it has certainly not seen it. */
  readonly wasSent: boolean;
}

/** What happens to a request. */
export type RouteEvent =
  | { readonly type: 'begun' | 'rested' }
  /** Its time is over. `written`: what to tell of a write that was made here and waits for other members, if it is done after all. */
  | { readonly type: 'expired'; readonly written?: Done | undefined }
  | { readonly type: 'placed'; readonly place: Place }
  /** Carried out here, or refused here. */
  | { readonly type: 'served'; readonly done: Done }
  /** Refused here for now, before anything was done: too few members of the view can be reached. */
  | { readonly type: 'unavailable'; readonly why: string }
  /** Too few members have answered. `written`: what to tell if a write that was made, here or there, is done after all. */
  | { readonly type: 'stuck'; readonly written: Done | undefined; readonly why?: string }
  | { readonly type: 'answered'; readonly answer: DataAnswer }
  | { readonly type: 'failed'; readonly failure: Failure }
  /** A lookup has ended; without an owner: nobody knew the way. */
  | { readonly type: 'looked_up'; readonly owner: Peer | undefined };

/** What is to be done next. */
export type RouteEffect =
  /** Look where the key is by this node's own tables. */
  | { readonly type: 'place' }
  /** Carry it out here, or go on with it; then `served`, `unavailable` or `stuck`. */
  | { readonly type: 'serve' }
  /** Send the request, or a quorum get that tells whether the write was done, and wait for the answer no longer than this. */
  | { readonly type: 'send'; readonly what: 'request' | 'check'; readonly to: Peer; readonly timeoutMs: number }
  | { readonly type: 'look_up' }
  | { readonly type: 'rest'; readonly ms: number }
  /** This is the end: what to answer, and how often the request was passed on. */
  | { readonly type: 'finish'; readonly answer: Done | NotOwner; readonly hops: number };

/** A request on its way. */
export interface Route extends Asked {
  /** Whom it was sent to, while that node has not answered. */
  readonly sentTo: Peer | undefined;
  /** What to tell of a write that was made here, if it turns out to be done. */
  readonly written: Done | undefined;
  /** How often it was passed on. */
  readonly hops: number;
  /** How many hints it has followed since its last rest: at most {@link REDIRECTS_MAX}. */
  readonly redirects: number;
  /** How often a node has let it wait for nothing. */
  readonly timeouts: number;
  /** How often it has rested: so long are the rests. At most {@link RESTS_MAX}. */
  readonly rests: number;
  /** Who was the last that could not help: what else leads to him is not to be trusted. */
  readonly avoided: NodeId | undefined;
  /** Since when it has waited to be served here. */
  readonly waitsSinceMs: number | undefined;
  /** What has stood in its way last, as a phrase. */
  readonly obstacle: string;
}

type Step = [Route, RouteEffect];

/** Most hints that are followed one after the other. */
export const REDIRECTS_MAX = 3;

/** How long a request waits to be served here before the ring is asked who else may do it, or the client is refused. */
export const HERE_WAIT_MS = 500;

/**
 * How long a request waits for enough members that can be reached: longer than it takes to do without one that has
 * died, and shorter than whoever passed it on is patient.
 */
export const OTHERS_WAIT_MS = 1500;

/**
 * A ring that is mending needs a moment, and mostly a short one: a request rests for so long at first, then half as
 * long again each time, and up to as long again, so that not all come back together. To look at this node's own
 * tables again costs little: no more than `here` lies between.
 */
export const REST_MS = { least: 4, here: 8, most: 25 };
const REST_GROWTH = 1.5;

/** How long another node may take to answer a get; twice as long after each time that was too short, up to a bound. */
export const GET_PATIENCE_MS = 500;
const PATIENCE_FACTOR_MAX = 8;

/** The same for writes, which are not tried again. */
export const WRITE_PATIENCE_MS = 3000;

/** What a slow network carries in a millisecond. */
const BYTES_PER_MS = 10_000;

/** Refusals after which nothing has been done, although the node has seen the request. */
const DEFINITE_REFUSALS: ReadonlySet<string> = new Set([
  'unknown_method',
  'bad_request',
  'overloaded',
  'deadline_passed',
  'not_a_member',
  'refused',
]);

/** A request at its beginning. Its first event is `begun`. */
export function routeOf({ op, self, isDirect, isForwarded, deadlineMs, valueBytes }: Asked): Route {
  // Field by field: there is one for each request, and spreading them takes ten times as long.
  return {
    op,
    self,
    isDirect,
    isForwarded,
    deadlineMs,
    valueBytes,
    sentTo: undefined,
    written: undefined,
    hops: 0,
    redirects: 0,
    timeouts: 0,
    rests: 0,
    avoided: undefined,
    waitsSinceMs: undefined,
    obstacle: 'the node that has the key was not found in time',
  };
}

/**
 * Goes on after an event, which must be one that is waited for: an answer to the last send, and so on.
 *
 * @param random from 0 up to 1
 */
export function stepRoute(route: Route, event: RouteEvent, nowMs: number, random: number): Step {
  switch (event.type) {
    case 'begun':
      if (nowMs >= route.deadlineMs) return expired({ ...route, obstacle: 'its time was over before it was read' });
      return [route, { type: 'place' }];
    case 'rested':
      return [route, { type: 'place' }];
    case 'placed':
      return route.written ? confirm(route, event.place, nowMs, random) : placed(route, event.place, nowMs, random);
    case 'served':
      return finish(route, event.done);
    case 'unavailable':
      return unavailable(route, event.why, nowMs, random);
    case 'stuck':
      return stuck({ ...route, obstacle: event.why ?? UNANSWERED }, event.written, random);
    case 'answered':
      return answered(passed(route, undefined, route.hops), event.answer, route.sentTo, nowMs, random);
    case 'failed':
      return failed({ ...route, sentTo: undefined }, event.failure, route.sentTo, random);
    case 'looked_up':
      return lookedUp(route, event.owner, nowMs, random);
    case 'expired':
      return expired(event.written ? { ...route, written: event.written, obstacle: UNANSWERED } : route);
    default:
      return unreachable(event);
  }
}

const isWrite = ({ op }: Route) => op !== 'get';

// By this node's own tables

function placed(route: Route, place: Place, nowMs: number, random: number): Step {
  switch (place.type) {
    case 'here':
      return [route, SERVE];
    case 'not_yet':
      return waitHere(route, nowMs, random);
    case 'unavailable':
      return unavailable(route, place.why, nowMs, random);
    case 'elsewhere':
      if (route.isForwarded) return finish(route, notOwner(place.peer));
      return isUseful(route, place.peer) ? goTo(route, place.peer, nowMs) : [route, { type: 'look_up' }];
    case 'outside':
      if (route.isForwarded) return finish(route, notOwner(undefined));
      return finish(route, refusal(route, 'not_responsible', 'this node is in no ring'));
    default:
      return unreachable(place);
  }
}

/** A write that was made here: goes on with it, or asks whoever leads the arc now whether it is there. */
function confirm(route: Route, place: Place, nowMs: number, random: number): Step {
  switch (place.type) {
    case 'here':
      return [route, SERVE];
    case 'elsewhere':
      return isUseful(route, place.peer) ? send(route, place.peer, nowMs) : [route, { type: 'look_up' }];
    case 'not_yet':
    case 'unavailable':
    case 'outside':
      return rest(route, random, REST_MS.here);
    default:
      return unreachable(place);
  }
}

/** Whether it makes sense to go to whom the tables name. Whoever could not help a moment ago is only gone to if the ring names him. */
function isUseful({ self, avoided }: Route, peer: Peer | undefined): peer is Peer {
  return peer !== undefined && peer.id !== self && peer.id !== avoided;
}

function waitHere(route: Route, nowMs: number, random: number): Step {
  const waitsSinceMs = route.waitsSinceMs ?? nowMs;
  const waiting = { ...route, waitsSinceMs, obstacle: 'it is being settled who keeps the key' };
  if (nowMs - waitsSinceMs < HERE_WAIT_MS) return rest(waiting, random, REST_MS.here);
  return route.isForwarded ? finish(waiting, notOwner(undefined)) : [waiting, { type: 'look_up' }];
}

function unavailable(route: Route, why: string, nowMs: number, random: number): Step {
  const waitsSinceMs = route.waitsSinceMs ?? nowMs;
  const isLong = nowMs - waitsSinceMs >= OTHERS_WAIT_MS && route.written === undefined;
  const waiting = { ...route, waitsSinceMs, obstacle: why };
  return isLong ? finish(waiting, refusal(route, 'server_error', why)) : rest(waiting, random, REST_MS.here);
}

/** For a get, too, time was lost with waiting for others: at its deadline it is told so. */
function stuck(route: Route, written: Done | undefined, random: number): Step {
  const next = { ...route, written: written ?? route.written, sentTo: undefined, timeouts: route.timeouts + 1 };
  return rest(next, random);
}

// By other nodes

function lookedUp(route: Route, owner: Peer | undefined, nowMs: number, random: number): Step {
  if (owner === undefined) return rest({ ...route, obstacle: 'nobody knows the way to the node that has it' }, random);
  // The ring takes this node for the owner, and its own tables do not say so yet.
  if (owner.id === route.self) return rest(route, random);
  return route.written ? send(route, owner, nowMs) : goTo(route, owner, nowMs);
}

function goTo(route: Route, owner: Peer, nowMs: number): Step {
  return route.isDirect ? finish(route, answer('not_responsible', owner.addr)) : send(route, owner, nowMs);
}

function send(route: Route, to: Peer, nowMs: number): Step {
  const leftMs = Math.floor(route.deadlineMs - nowMs);
  if (leftMs <= 0) return expired(route);
  const what = route.written ? 'check' : 'request';
  const hops = route.hops + (what === 'request' ? 1 : 0);
  const timeoutMs = Math.min(leftMs, patienceMs(route));
  return [passed(route, to, hops), { type: 'send', what, to, timeoutMs }];
}

/** It is with this node now. Field by field, as in {@link routeOf}. */
function passed(route: Route, sentTo: Peer | undefined, hops: number): Route {
  const { op, self, isDirect, isForwarded, deadlineMs, valueBytes, written } = route;
  const { redirects, timeouts, rests, avoided, waitsSinceMs, obstacle } = route;
  return {
    op,
    self,
    isDirect,
    isForwarded,
    deadlineMs,
    valueBytes,
    sentTo,
    written,
    hops,
    redirects,
    timeouts,
    rests,
    avoided,
    waitsSinceMs,
    obstacle,
  };
}

function patienceMs({ op, timeouts, valueBytes, written }: Route): number {
  const baseMs =
    op === 'get' || written ? GET_PATIENCE_MS * Math.min(PATIENCE_FACTOR_MAX, 2 ** timeouts) : WRITE_PATIENCE_MS;
  return Math.ceil(baseMs + valueBytes / BYTES_PER_MS);
}

function answered(route: Route, reply: DataAnswer, from: Peer | undefined, nowMs: number, random: number): Step {
  switch (reply.type) {
    case 'done':
      if (route.written) return checked(route, route.written, reply, random);
      // It had no longer than this node was going to wait for it.
      return reply.status === 'timeout' && !isWrite(route)
        ? stuck({ ...route, obstacle: UNANSWERED }, undefined, random)
        : finish(route, reply);
    case 'not_owner':
      return redirected({ ...route, avoided: from?.id }, reply.hint, nowMs, random);
    default:
      return finish(route, unknownEnd(route, 'the node that has the key makes no sense'));
  }
}

/** Whoever leads the arc now has looked at what a majority has. */
function checked(route: Route, written: Done, found: Done, random: number): Step {
  const isThere = found.version !== undefined && found.version === written.version;
  if (isThere) return finish(route, confirmedEnd(written, found));
  const isKnown = found.status === 'success' || found.status === 'not_found';
  return isKnown ? finish(route, unknownEnd(route, 'another node has led its arc since')) : rest(route, random);
}

function redirected(route: Route, hint: Peer | undefined, nowMs: number, random: number): Step {
  const isOfHelp = hint !== undefined && hint.id !== route.avoided && route.redirects < REDIRECTS_MAX;
  if (!isOfHelp) return rest({ ...route, obstacle: 'the ring does not agree on who has the key' }, random);
  const followed = { ...route, redirects: route.redirects + 1 };
  return hint.id === route.self ? [followed, { type: 'place' }] : send(followed, hint, nowMs);
}

function failed(route: Route, { code, wasSent }: Failure, to: Peer | undefined, random: number): Step {
  const obstacle = obstacleOf(code, to);
  const isDefinite = !wasSent || DEFINITE_REFUSALS.has(code);
  if (isWrite(route) && !route.written && !isDefinite) return finish(route, unknownEnd(route, obstacle));
  // Whoever has too much to do is still the one to ask, a little later.
  const avoided = code === 'overloaded' ? route.avoided : to?.id;
  const next = { ...route, avoided, obstacle };
  // Waiting in vain was rest enough.
  if (code === 'timeout') return [{ ...next, timeouts: route.timeouts + 1 }, { type: 'place' }];
  return rest(code === 'overloaded' ? { ...next, rests: RESTS_MAX } : next, random);
}

function rest(route: Route, random: number, mostMs: number = REST_MS.most): Step {
  const baseMs = Math.min(mostMs, REST_MS.least * REST_GROWTH ** route.rests);
  const rests = Math.min(route.rests + 1, RESTS_MAX);
  return [
    { ...route, redirects: 0, rests },
    { type: 'rest', ms: Math.floor(baseMs + baseMs * random) },
  ];
}

// Ends

function expired(route: Route): Step {
  if (route.written) return finish(route, unknownEnd(route, route.obstacle));
  if (route.sentTo) return finish(route, unknownEnd(route, obstacleOf('timeout', route.sentTo)));
  // Where others have let it wait, nobody else will do better.
  if (route.isForwarded && route.timeouts === 0) return finish(route, notOwner(undefined));
  const status = !isWrite(route) && route.timeouts > 0 ? 'timeout' : 'server_error';
  return finish(route, refusal(route, status, route.obstacle));
}

function finish(route: Route, end: Done | NotOwner): Step {
  const next = route.sentTo === undefined ? route : passed(route, undefined, route.hops);
  return [next, { type: 'finish', answer: end, hops: route.hops }];
}

/** After so many rests they get no longer; so it goes on with whoever has too much to do. */
const RESTS_MAX = Math.ceil(Math.log(REST_MS.most / REST_MS.least) / Math.log(REST_GROWTH));

const UNANSWERED = 'too few of the nodes that have the key have answered';

const SERVE: RouteEffect = { type: 'serve' };
