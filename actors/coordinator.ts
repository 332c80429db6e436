/**
 * Coordinator: brings requests for single keys to the node that has the key, and the answers back.
 *
 * No process but an object in the process of a connection, as an Erlang library call runs in its
 * caller: where the key is this node's, a request is answered in the turn in which it has come, without
 * a hop and without a promise. How any other request goes its way is decided in src/replication/route.ts;
 * here its effects become questions to other nodes, and their outcomes its events. When the process
 * ends, all of it ends with it.
 *
 * Requests of one connection for one key take effect in the order in which they came, even where
 * one had to be sent twice: while one is under way, the next waits for it. Only gets run beside gets.
 *
 * Bounds: `isFull` says when to stop decoding. Each request ends by its deadline; one alarm, for the
 * request that is due first, wakes those whose answer was lost with the process that should have sent it.
 */
import type { KeyId, NodeId } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import type { Self, TimerRef } from '../src/otp';
import type { Request } from '../src/protocol/client-protocol';
import type { DataQuestion, Done, NotOwner } from '../src/protocol/rpc-data';
import { isAwake, type Ownership, ownsWholeRing, standingOf, waitedMs } from '../src/replication/ownership';
import { type Place, routeOf, type RouteEffect, type RouteEvent, stepRoute } from '../src/replication/route';
import { carryOut } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import { unreachable } from '../src/unreachable';
import { Allowance } from './allowance';
import {
  type Asker,
  bytesOf,
  doneOf,
  type Errand,
  idOf,
  isDataAnswer,
  isOutcome,
  type KeyRequest,
  questionOf,
  type Tag,
} from './errand';
import { KeyOrder } from './key-order';
import type { Lookups } from './lookups';
import type { RpcOutcome } from './peer-link';

// API

/** What a coordinator sees of its node, and what it can ask of it. The real one is in surroundings.ts. */
export interface Surroundings {
  /** Who this node is. */
  readonly self: NodeId;
  /** The key-value table; undefined while it is being restarted. */
  store(): Target | undefined;
  /** What this node owns; undefined while that is not known. */
  arcs(): { readonly ownership: Ownership; readonly beatMs: number } | undefined;
  /** Who has the key, by all that is known without asking. */
  primaryOf(key: KeyId): Peer | undefined;
  /** Whether a node is not worth asking just now. @default none is */
  isSuspect?(peer: Peer): boolean;
  /** Asks another node; the outcome comes to the running process. */
  ask(to: Peer, question: DataQuestion, options: { readonly tag: Tag; readonly timeoutMs: number }): void;
  /** A write could not be brought to the node that takes the arc over. */
  mirrorFailed(to: Peer): void;
  /** Lookups for the process that is given. */
  lookups(self: Self<unknown>): Pick<Lookups, 'begin' | 'handle' | 'expire'>;
  /** From 0 up to 1. */
  random(): number;
}

// State

/** An answer that has not come by then was lost on its way inside this node. */
const LOST_MS = 100;
/** How often it is seen to that a lookup goes on. */
const LOOKUP_CARE_MS = 250;
/** The requests of one process. */
export class Coordinator {
  private readonly errands = new Map<number, Errand>();
  private readonly order = new KeyOrder<Errand>();
  private readonly lookups: ReturnType<Surroundings['lookups']>;
  private lastNumber = 0;
  private readonly allowance = new Allowance();
  private alarmAtMs = Number.POSITIVE_INFINITY;
  private alarmTimer: TimerRef | undefined;
  private readonly alarm = { type: 'coordinator_alarm' };
  /** Those that waited for another one for their key, which has ended. */
  private readonly ready: Errand[] = [];
  private isStarting = false;

  // What this turn has found in the tables.
  private target: Target | undefined;
  private ownership: Ownership | undefined;
  private isAwake = false;
  /** How long a write that is read now may have waited already. */
  private waitedMs = 0;
  private nowMs = 0;
  private systemMs = 0;

  constructor(
    private readonly self: Self<unknown>,
    private readonly around: Surroundings,
  ) {
    this.lookups = around.lookups(self);
  }

  /** How many requests are under way. */
  get underWay(): number {
    return this.errands.size;
  }

  /** How many bytes of keys and values they hold. */
  get bytesHeld(): number {
    return this.allowance.bytesHeld;
  }

  /** Whether no more should be begun: too many are under way, or too much. */
  get isFull(): boolean {
    return this.allowance.isFull;
  }

  /** The time of day of this turn, in Unix milliseconds. */
  get unixMs(): number {
    return this.systemMs;
  }

  /** The key-value table, as this turn has found it. */
  get table(): Target | undefined {
    return this.target;
  }

  /**
   * Looks at the node's tables: to be called at the beginning of every turn, before anything else.
   *
   * @returns the table from which every request may be answered in this turn; undefined where each key needs a look
   */
  look(): Target | undefined {
    const { self, around } = this;
    const arcs = around.arcs();
    this.target = around.store();
    this.ownership = arcs?.ownership;
    this.nowMs = self.nowMs();
    this.systemMs = self.systemMs();
    this.isAwake = arcs !== undefined && isAwake(arcs.beatMs, this.nowMs);
    this.waitedMs = arcs === undefined ? 0 : waitedMs(arcs.ownership, arcs.beatMs, this.nowMs);
    const isSole = arcs && this.waitedMs === 0 && this.errands.size === 0 && ownsWholeRing(arcs.ownership);
    return isSole ? this.target : undefined;
  }

  /** The table, where a request for this key may be answered from it in this turn. */
  tableFor({ op, key }: Request): Target | undefined {
    const { target, ownership } = this;
    if (target === undefined || ownership === undefined || !this.isAwake) return undefined;
    if (this.waitedMs > 0 && op !== 'get') return undefined;
    if (this.order.has(key)) return undefined;
    const standing = standingOf(ownership, idOf(key, target));
    if (standing.type !== 'mine' || (op !== 'get' && standing.mirror !== undefined)) return undefined;
    return target;
  }

  /** Begins what cannot be answered at once. */
  begin(request: KeyRequest, asker: Asker): void {
    const errand = this.newErrand(request, asker);
    this.errands.set(errand.number, errand);
    this.allowance.began(errand.isGet, bytesOf(request));
    if (this.order.add(errand)) this.advance(errand, { type: 'begun' });
    else this.wakeAt(errand, errand.route.deadlineMs);
  }

  /** Serves what another node asks: at once, as far as it can be. */
  serve(request: KeyRequest, asker: Asker): void {
    const target = this.tableFor(request);
    if (target === undefined) this.begin(request, asker);
    else asker.answer(doneOf(carryOut(request, target, this.systemMs, false)), 0);
  }

  /** A message that is for one of the requests. False: it is for somebody else. */
  handle(message: unknown): boolean {
    if (message === this.alarm) {
      this.look();
      this.onAlarm();
      return true;
    }
    if (isOutcome(message)) {
      this.look();
      this.onOutcome(message);
      return true;
    }
    return this.lookups.handle(message);
  }

  /** Forgets everything: whoever waits for it is told nothing. */
  abandon(): void {
    for (const errand of this.errands.values()) errand.stage = 'ended';
    this.errands.clear();
    this.order.clear();
    this.allowance.clear();
  }

  // Events

  private advance(errand: Errand, event: RouteEvent): void {
    if (errand.stage === 'ended') return;
    const [route, effect] = stepRoute(errand.route, event, this.nowMs, this.around.random());
    errand.route = route;
    errand.attempt += 1;
    errand.stage = 'moving';
    this.perform(errand, effect);
  }

  private onOutcome(outcome: RpcOutcome<Tag>): void {
    const { errand: number, attempt } = outcome.tag;
    const errand = this.errands.get(number);
    if (errand === undefined || errand.attempt !== attempt || errand.stage !== 'sending') return;
    const to = errand.route.sentTo;
    const isStored = outcome.type === 'rpc_answered' && outcome.answer.type === 'stored';
    if (errand.record && to && !isStored) this.around.mirrorFailed(to);
    if (outcome.type === 'rpc_failed') {
      if (outcome.failure.code === 'overloaded') this.allowance.overloaded(this.nowMs);
      return this.advance(errand, { type: 'failed', failure: outcome.failure });
    }
    this.allowance.answered();
    const { answer } = outcome;
    if (!isDataAnswer(answer)) return this.advance(errand, NONSENSE);
    if (answer.type === 'done' && errand.isGet) this.allowance.learn(answer.value.length);
    this.advance(errand, { type: 'answered', answer });
  }

  private onAlarm(): void {
    this.alarmTimer = undefined;
    this.alarmAtMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const errand of this.errands.values()) {
      if (errand.wakeAtMs <= this.nowMs) this.wake(errand);
      else nextMs = Math.min(nextMs, errand.wakeAtMs);
    }
    this.setAlarm(nextMs);
  }

  private wake(errand: Errand): void {
    if (errand.route.deadlineMs <= this.nowMs) return this.advance(errand, { type: 'expired' });
    switch (errand.stage) {
      case 'sending':
        return this.advance(errand, { type: 'failed', failure: { code: 'timeout', wasSent: true } });
      case 'resting':
        return this.advance(errand, { type: 'rested' });
      case 'looking_up':
        this.wakeAt(errand, this.nowMs + LOOKUP_CARE_MS);
        return this.lookups.expire();
      case 'queued':
      case 'moving':
      case 'ended':
        return undefined;
      default:
        return unreachable(errand.stage);
    }
  }

  // Effects

  private perform(errand: Errand, effect: RouteEffect): void {
    switch (effect.type) {
      case 'place':
        return this.advance(errand, { type: 'placed', place: this.placeOf(errand) });
      case 'serve':
        return this.serveHere(errand, effect.mirror);
      case 'send':
        return this.send(errand, effect);
      case 'look_up':
        return this.lookUp(errand);
      case 'rest':
        errand.stage = 'resting';
        return this.wakeAt(errand, this.nowMs + effect.ms);
      case 'finish':
        return this.end(errand, effect.answer, effect.hops);
      default:
        return unreachable(effect);
    }
  }

  private placeOf({ keyId: id }: Errand): Place {
    const { ownership, target } = this;
    if (ownership === undefined || target === undefined) return NOT_YET;
    const standing = standingOf(ownership, id);
    switch (standing.type) {
      case 'mine':
        return this.isAwake ? { type: 'here', mirror: standing.mirror, sealed: standing.sealed } : NOT_YET;
      case 'arriving':
        return NOT_YET;
      case 'elsewhere':
        return this.elsewhere(standing.hint, ownership, id);
      default:
        return unreachable(standing);
    }
  }

  private elsewhere(hint: Peer | undefined, ownership: Ownership, id: KeyId): Place {
    const primary = this.around.primaryOf(id);
    // Whoever was given the key may have passed it on since, or have died: the list of members knows, once it names others.
    const isOfUse = hint !== undefined && this.around.isSuspect?.(hint) !== true;
    const peer = isOfUse && (primary === undefined || primary.id === this.around.self) ? hint : primary;
    if (peer === undefined && !ownership.ring.isMember) return { type: 'outside' };
    return { type: 'elsewhere', peer };
  }

  private serveHere(errand: Errand, mirror: Peer | undefined): void {
    const { request } = errand;
    // It was placed here in this turn: the table is there.
    if (this.target === undefined) return this.advance(errand, { type: 'placed', place: NOT_YET });
    const answer = carryOut(request, this.target, this.systemMs, false);
    const done = doneOf(answer);
    const isDone = answer.record !== undefined && request.op !== 'get';
    if (mirror === undefined || !isDone) return this.advance(errand, { type: 'served', done });
    errand.record = answer.record;
    this.advance(errand, { type: 'written', done, mirror });
  }

  private send(errand: Errand, { what, to, timeoutMs }: RouteEffect & { type: 'send' }): void {
    const { request, record, number, attempt } = errand;
    const question: DataQuestion = what === 'record' && record ? { type: 'put_replica', record } : questionOf(request);
    errand.stage = 'sending';
    this.wakeAt(errand, this.nowMs + timeoutMs + LOST_MS);
    this.around.ask(to, question, { tag: { errand: number, attempt }, timeoutMs });
  }

  private lookUp(errand: Errand): void {
    const { attempt } = errand;
    errand.stage = 'looking_up';
    this.wakeAt(errand, this.nowMs + LOOKUP_CARE_MS);
    const done: Parameters<Lookups['begin']>[1] = (outcome) => {
      if (errand.attempt !== attempt) return;
      this.look();
      this.advance(errand, { type: 'looked_up', owner: outcome.ok ? outcome.owner : undefined });
    };
    this.lookups.begin(errand.keyId, done, { timeoutMs: Math.max(1, errand.route.deadlineMs - this.nowMs) });
  }

  /** Sees to the request at this moment, or at its deadline, if that is sooner. */
  private wakeAt(errand: Errand, atMs: number): void {
    errand.wakeAtMs = Math.min(atMs, errand.route.deadlineMs);
    this.setAlarm(errand.wakeAtMs);
  }

  /** One alarm is enough: that of the earliest. */
  private setAlarm(atMs: number): void {
    if (atMs >= this.alarmAtMs) return;
    if (this.alarmTimer) this.self.cancelTimer(this.alarmTimer);
    this.alarmAtMs = atMs;
    this.alarmTimer = this.self.sendAfter(Math.max(0, Math.ceil(atMs - this.nowMs)), this.self.pid, this.alarm);
  }

  // Beginnings and ends

  private newErrand(request: KeyRequest, asker: Asker): Errand {
    const { op, key, value, direct } = request;
    this.lastNumber += 1;
    const route = routeOf({
      op,
      self: this.around.self,
      isDirect: direct,
      isForwarded: asker.isForwarded,
      deadlineMs: op === 'get' ? asker.deadlineAtMs : asker.deadlineAtMs - this.waitedMs,
      valueBytes: value.length,
    });
    return {
      number: this.lastNumber,
      request,
      key,
      isGet: op === 'get',
      keyId: idOf(key, this.target),
      asker,
      route,
      attempt: 0,
      stage: 'queued',
      wakeAtMs: Number.POSITIVE_INFINITY,
      record: undefined,
    };
  }

  private end(errand: Errand, answer: Done | NotOwner, hops: number): void {
    errand.stage = 'ended';
    this.errands.delete(errand.number);
    this.allowance.ended(errand.isGet, bytesOf(errand.request));
    errand.asker.answer(answer, hops);
    for (const next of this.order.remove(errand)) if (next.stage === 'queued') this.ready.push(next);
    this.startReady();
  }

  /** One after the other, not one inside the other: a thousand may have waited for the same key. */
  private startReady(): void {
    if (this.isStarting) return;
    this.isStarting = true;
    for (let next = this.ready.shift(); next !== undefined; next = this.ready.shift()) {
      if (next.stage === 'queued') this.advance(next, { type: 'begun' });
    }
    this.isStarting = false;
  }
}

// Internal

const NOT_YET: Place = { type: 'not_yet' };
const NONSENSE: RouteEvent = { type: 'failed', failure: { code: 'bad_answer', wasSent: true } };
