/**
 * Coordinator: brings requests for single keys to the node that has the key, and the answers back.
 *
 * No process but an object in the process of a connection, as an Erlang library call runs in its
 * caller: where nobody else need be asked, a request is answered in the turn in which it has come, without
 * a hop and without a promise. How any other request goes its way is decided in src/replication/route.ts;
 * here its effects become questions to other nodes, and their outcomes its events. What this node serves
 * together with other members of a view is done in quorums.ts. When the process ends, all of it ends with it.
 *
 * Requests of one connection for one key take effect in the order in which they came, even where
 * one had to be sent twice: while one is under way, the next waits for it. Only gets run beside gets.
 *
 * Bounds: `isFull` says when to stop decoding. Each request ends by its deadline; one alarm, for the
 * request that is due first, wakes those whose answer was lost with the process that should have sent it.
 */
import type { BinaryString } from '../src/octets';
import type { Self, TimerRef } from '../src/otp';
import type { Request } from '../src/protocol/client-protocol';
import type { Done, NotOwner } from '../src/protocol/rpc-data';
import { asksAll } from '../src/replication/quorum-read';
import { routeOf, type RouteEffect, type RouteEvent, stepRoute } from '../src/replication/route';
import type { Witness } from '../src/replication/testimony';
import { holdsWholeRing } from '../src/replication/views';
import { carryOut, type Copies, isEventual } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import { unreachable } from '../src/unreachable';
import { Allowance } from './allowance';
import {
  areOutcomes,
  type Asker,
  bytesOf,
  doneOf,
  type Errand,
  errandOf,
  type Forwarder,
  isOutcome,
  type KeyRequest,
  questionOf,
  Tag,
} from './errand';
import { KeyOrder } from './key-order';
import type { Lookups } from './lookups';
import type { RpcOutcome } from './peer-link';
import { LOST_MS, Quorums } from './quorums';
import type { Replicas } from './replicas';
import { type Neighbourhood, placeOf } from './placing';
import { isCopyHere, type Tables, Turn } from './turn';
import { answerWitnessed, keepMinted } from './witnessed';

// API

/** What a coordinator sees of its node, and what it can ask of it. The real one is in surroundings.ts. */
export interface Surroundings extends Tables, Replicas, Neighbourhood {
  /** Lookups for the process that is given. */
  lookups(self: Self<unknown>): Pick<Lookups, 'begin' | 'handle' | 'expire'>;
}

// State

/** How often it is seen to that a lookup goes on. */
const LOOKUP_CARE_MS = 250;
/** The requests of one process. */
export class Coordinator {
  private readonly errands = new Set<Errand>();
  private readonly order = new KeyOrder<Errand>();
  private readonly lookups: ReturnType<Surroundings['lookups']>;
  private readonly allowance = new Allowance();
  private readonly turn: Turn;
  private readonly quorums: Quorums;
  private alarmAtMs = Number.POSITIVE_INFINITY;
  private alarmTimer: TimerRef | undefined;
  private readonly alarm = { type: 'coordinator_alarm' };
  /** Those that waited for another one for their key, which has ended. */
  private readonly ready: Errand[] = [];
  private isStarting = false;

  constructor(
    private readonly self: Self<unknown>,
    private readonly around: Surroundings,
  ) {
    this.lookups = around.lookups(self);
    this.turn = new Turn(self, around);
    this.quorums = new Quorums(this.turn, around, this.allowance, {
      report: (errand, event) => this.advance(errand, event),
      wakeAt: (errand, atMs) => this.wakeAt(errand, atMs),
    });
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
    return this.turn.systemMs;
  }

  /** The key-value table, as this turn has found it. */
  get table(): Target | undefined {
    return this.turn.target;
  }

  /** How keys are kept while `look` has given a table. */
  get alone(): Copies {
    return this.turn.copiesOf(1);
  }

  /**
   * Looks at the node's tables: to be called at the beginning of every turn, before anything else.
   *
   * @returns the table from which every request may be answered in this turn; undefined where each key needs a look
   */
  look(): Target | undefined {
    const { turn, errands } = this;
    turn.look();
    const { views, waitedMs, target } = turn;
    const isSole = views !== undefined && waitedMs === 0 && errands.size === 0 && holdsWholeRing(views);
    return isSole ? target : undefined;
  }

  /** Whether a request may be answered from the table in this turn, and how its key is kept then. */
  copiesFor(request: Request): Copies | undefined {
    const { turn, around } = this;
    const { op, key } = request;
    if (op !== 'get' && (turn.waitedMs > 0 || around.isSkewed?.() === true)) return undefined;
    if (this.order.has(key)) return undefined;
    const standing = turn.standingOf(turn.idOf(key));
    if (standing === undefined || !('view' in standing) || standing.view === undefined) return undefined;
    const { members } = standing.view;
    const isSole = standing.type === 'primary' && members.length === 1 && standing.listeners.length === 0;
    const isGood = isSole || (op === 'get' && isEventual(request) && isCopyHere(request, standing, turn));
    return isGood ? turn.copiesOf(members.length) : undefined;
  }

  /** Begins what cannot be answered at once. */
  begin(request: KeyRequest, asker: Asker): void {
    const errand = this.newErrand(request, asker);
    this.errands.add(errand);
    this.allowance.began(errand.isGet, bytesOf(request));
    if (this.order.add(errand)) this.advance(errand, { type: 'begun' });
    else this.wakeAt(errand, errand.route.deadlineMs);
  }

  /** Serves a request that nobody else has to be told of: at once, as far as it can be. */
  serve(request: KeyRequest, asker: Asker): void {
    const { target, systemMs } = this.turn;
    const copies = this.copiesFor(request);
    if (target === undefined || copies === undefined) return this.begin(request, asker);
    asker.answer(doneOf(carryOut(request, target, systemMs, copies.copies === 1), copies, 1), 0);
  }

  /** Serves what another node has passed on, and may keep too. */
  serveFor(request: KeyRequest, forwarder: Forwarder): void {
    const isNext = request.op !== 'get' && !this.order.has(request.key);
    const made = isNext ? this.quorums.mint(this.newErrand(request, forwarder)) : undefined;
    if (made) forwarder.answer(made, 0);
    else this.serve(request, forwarder);
  }

  /** Answers a get at once to which nothing is to be added, if there is one; see witnessed.ts. */
  confirm(key: BinaryString, witness: Witness): Done | undefined {
    // What is under way for the key goes first, and now and then everybody is to be asked.
    const isForLater = this.order.has(key) || asksAll(this.around.random());
    return isForLater ? undefined : answerWitnessed(this.turn, key, witness);
  }

  /** A message that is for one of the requests. False: it is for somebody else. */
  handle(message: unknown): boolean {
    if (message === this.alarm) {
      this.look();
      this.onAlarm();
      return true;
    }
    if (areOutcomes(message)) {
      this.look();
      for (const outcome of message.outcomes) this.onOutcome(outcome);
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
    for (const errand of this.errands) errand.stage = 'ended';
    this.errands.clear();
    this.order.clear();
    this.allowance.clear();
  }

  // Events

  private advance(errand: Errand, event: RouteEvent): void {
    if (errand.stage === 'ended') return;
    const [route, effect] = stepRoute(errand.route, event, this.turn.nowMs, this.around.random());
    errand.route = route;
    errand.attempt += 1;
    errand.stage = 'moving';
    this.perform(errand, effect);
  }

  private onOutcome(outcome: RpcOutcome<Tag>): void {
    const { errand, turn: attempt, purpose } = outcome.tag;
    if (purpose !== 'request') return this.quorums.handle(outcome);
    if (errand.attempt !== attempt || errand.stage !== 'sending') return;
    if (outcome.type === 'rpc_failed') {
      if (outcome.failure.code === 'overloaded') this.allowance.overloaded(this.turn.nowMs);
      return this.advance(errand, { type: 'failed', failure: outcome.failure });
    }
    this.allowance.answered();
    const { answer, from } = outcome;
    if (answer.type === 'minted') return this.advance(errand, keepMinted(this.turn, errand, answer, from));
    if (answer.type !== 'done' && answer.type !== 'not_owner') return this.advance(errand, NONSENSE);
    if (answer.type === 'done' && errand.isGet) this.allowance.learn(answer.value.length);
    this.advance(errand, { type: 'answered', answer });
  }

  private onAlarm(): void {
    this.alarmTimer = undefined;
    this.alarmAtMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    const { nowMs } = this.turn;
    for (const errand of this.errands) {
      if (errand.wakeAtMs <= nowMs) this.wake(errand);
      else nextMs = Math.min(nextMs, errand.wakeAtMs);
    }
    this.setAlarm(nextMs);
  }

  private wake(errand: Errand): void {
    const { nowMs } = this.turn;
    if (errand.route.deadlineMs <= nowMs)
      return this.advance(errand, { type: 'expired', written: this.quorums.begun(errand) });
    switch (errand.stage) {
      case 'sending':
        return this.advance(errand, { type: 'failed', failure: { code: 'timeout', wasSent: true } });
      case 'serving':
        return this.quorums.wake(errand);
      case 'resting':
        return this.advance(errand, { type: 'rested' });
      case 'looking_up':
        this.wakeAt(errand, nowMs + LOOKUP_CARE_MS);
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
        return this.advance(errand, { type: 'placed', place: placeOf(errand, this.turn, this.around) });
      case 'serve':
        return this.quorums.serve(errand);
      case 'send':
        return this.send(errand, effect);
      case 'look_up':
        return this.lookUp(errand);
      case 'rest':
        errand.stage = 'resting';
        return this.wakeAt(errand, this.turn.nowMs + effect.ms);
      case 'finish':
        return this.end(errand, effect.answer, effect.hops);
      default:
        return unreachable(effect);
    }
  }

  private send(errand: Errand, { what, to, timeoutMs }: RouteEffect & { type: 'send' }): void {
    const { request, attempt } = errand;
    // Whether a write has been done is for a majority to say.
    const asked: KeyRequest = what === 'check' ? { ...request, op: 'get', consistency: 'quorum' } : request;
    // A clock that is wrong must not say what may be kept.
    const isWitness = !isEventual(asked) && (asked.op === 'get' || this.around.isSkewed?.() !== true);
    const testimony = isWitness ? this.turn.testimonyOf(errand) : undefined;
    errand.testimony = testimony;
    errand.stage = 'sending';
    this.wakeAt(errand, this.turn.nowMs + timeoutMs + LOST_MS);
    const options = { tag: new Tag(errand, attempt, 'request'), timeoutMs, isBatched: true };
    this.around.ask(to, questionOf(asked, testimony), options);
  }

  private lookUp(errand: Errand): void {
    const { attempt } = errand;
    errand.stage = 'looking_up';
    this.wakeAt(errand, this.turn.nowMs + LOOKUP_CARE_MS);
    const done: Parameters<Lookups['begin']>[1] = (outcome) => {
      if (errand.attempt !== attempt) return;
      this.look();
      this.advance(errand, { type: 'looked_up', owner: outcome.ok ? outcome.owner : undefined });
    };
    this.lookups.begin(errand.keyId, done, { timeoutMs: Math.max(1, errand.route.deadlineMs - this.turn.nowMs) });
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
    this.alarmTimer = this.self.sendAfter(Math.max(0, Math.ceil(atMs - this.turn.nowMs)), this.self.pid, this.alarm);
  }

  // Beginnings and ends

  private newErrand(request: KeyRequest, asker: Asker): Errand {
    const { op, key, value, direct } = request;
    const route = routeOf({
      op,
      self: this.around.self,
      isDirect: direct,
      isForwarded: asker.isForwarded,
      deadlineMs: op === 'get' ? asker.deadlineAtMs : asker.deadlineAtMs - this.turn.waitedMs,
      valueBytes: value.length,
    });
    return errandOf(request, asker, route, this.turn.idOf(key));
  }

  private end(errand: Errand, answer: Done | NotOwner, hops: number): void {
    errand.stage = 'ended';
    this.errands.delete(errand);
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

const NONSENSE: RouteEvent = { type: 'failed', failure: { code: 'bad_answer', wasSent: true } };
