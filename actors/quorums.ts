/**
 * Quorums: serves requests for keys that this node keeps, together with the other members of their view.
 *
 * What makes a write done and a read true is decided in src/replication/quorum-write.ts and quorum-read.ts; here their
 * effects become questions to other members, and outcomes their events. In eventual mode this node's own copy is
 * enough: the client has its answer in the same turn, and what was written is sent to the others behind it.
 *
 * A request may have ended long before the last member has answered. Whoever missed a write is reminded of it later
 * (`hint`), and whoever turns out to have an older record is sent the newer one.
 */
import type { Peer } from '../src/chord/peer';
import { EMPTY } from '../src/octets';
import type { DataQuestion, Done, Minted } from '../src/protocol/rpc-data';
import { packedOnce } from '../src/protocol/rpc-data-packed';
import { fetchEventOf, readEventOf, writeEventOf } from '../src/replication/quorum-answers';
import {
  type Answer,
  beginRead,
  HEDGE_MS,
  type ReadEffect,
  type ReadEvent,
  stepRead,
} from '../src/replication/quorum-read';
import {
  type Reminder,
  stepWrite,
  whyUnavailable,
  type WriteEffect,
  type WriteEvent,
  writeOf,
} from '../src/replication/quorum-write';
import type { RouteEvent } from '../src/replication/route';
import { copyOf } from '../src/replication/sync-source';
import { isOfView } from '../src/replication/testimony';
import { ABSENT, compareVersions, type Version } from '../src/replication/version';
import { isSameView, type View } from '../src/replication/view';
import { carryOut, foundLatest, isEventual } from '../src/store/local-coordinator';
import { isLive, Record } from '../src/store/record';
import type { Allowance } from './allowance';
import { bytesOf, doneOf, type Errand, Tag } from './errand';
import type { RpcOutcome } from './peer-link';
import type { Replicas } from './replicas';
import type { Turn } from './turn';
import { mintWitnessed } from './witnessed';

// API

/** What becomes of an errand. */
export interface Reports {
  /** It has been served, or could not be; `answered`: what the key has where somebody else has made a write of it. */
  report(errand: Errand, event: RouteEvent & { type: 'served' | 'answered' | 'unavailable' | 'stuck' }): void;
  /** Sees to it again at this moment. */
  wakeAt(errand: Errand, atMs: number): void;
}

/** How long another member may take to answer. */
export const REPLICA_PATIENCE_MS = 1000;

/** An answer that has not come by then was lost on its way inside this node. */
export const LOST_MS = 100;

/** What a slow network carries in a millisecond. */
const BYTES_PER_MS = 10_000;

/** Those of one connection. */
export class Quorums {
  constructor(
    private readonly turn: Turn,
    private readonly around: Replicas,
    private readonly allowance: Allowance,
    private readonly reports: Reports,
  ) {}

  /** Serves a request, or goes on with it. Whether it can be served here was looked up in this turn. */
  serve(errand: Errand): void {
    const standing = this.turn.standingOf(errand.keyId);
    errand.stage = 'serving';
    const view = standing && 'view' in standing ? standing.view : undefined;
    if (standing === undefined || view === undefined) return this.reports.report(errand, STUCK);
    // What another one has made, while it led the arc, is not made again: it is looked for.
    const isRead = errand.isGet || (errand.route.written !== undefined && errand.write === undefined);
    const { self, minReplicas = 1, isAlive, isSkewed } = this.around;
    if (!isRead && !errand.write && isSkewed?.() === true) return this.reports.report(errand, SKEWED);
    const listeners = standing.type === 'primary' ? standing.listeners : [];
    if (isEventual(errand.request)) return this.serveAlone(errand, view, listeners);
    if (errand.write !== undefined) return this.place(errand, view, listeners);
    const why = whyUnavailable(view, self, isRead ? 1 : minReplicas, isAlive);
    if (why !== undefined) return this.reports.report(errand, { type: 'unavailable', why });
    if (isRead) this.read(errand, view);
    else this.write(errand, view, listeners);
  }

  /** Makes a write that whoever has passed it on keeps too. Undefined: others must be asked, and nothing was done. */
  mint(errand: Errand): Done | Minted | undefined {
    const made = mintWitnessed(this.turn, this.around, errand);
    if (made === undefined || !('record' in made)) return made;
    this.spread(errand, made.record, made.view, made.others);
    return made.minted;
  }

  /** The outcome of a question to another member. */
  handle(outcome: RpcOutcome<Tag>): void {
    const { errand, turn: round, purpose } = outcome.tag;
    this.observe(outcome);
    if (purpose === 'spread') return this.hasSpread(errand, outcome);
    if (purpose === 'repair' || round !== errand.round) return;
    const from = outcome.type === 'rpc_failed' ? outcome.to : outcome.from;
    const answer = outcome.type === 'rpc_failed' ? undefined : outcome.answer;
    const table = this.turn.target?.table;
    if (purpose === 'write') this.stepWrite(errand, writeEventOf(from, answer));
    else if (purpose === 'fetch') this.stepRead(errand, fetchEventOf(from, answer, errand.key, table));
    else this.stepRead(errand, readEventOf(from, answer));
  }

  /** It is time to see to it again. */
  wake(errand: Errand): void {
    const { read, write } = errand;
    if (write) return this.stepWrite(errand, { type: 'overdue' });
    const isSlow = read?.state === 'asking' && read.unasked.length > 0;
    if (isSlow) this.reports.wakeAt(errand, this.turn.nowMs + this.patienceMs(errand) + LOST_MS);
    this.stepRead(errand, { type: isSlow ? 'slow' : 'overdue' });
  }

  /** What to tell of a write that was made here, if it turns out to be done; undefined: there was none. */
  begun(errand: Errand): Done | undefined {
    return errand.write === undefined ? undefined : this.written(errand);
  }

  // Writes

  private write(errand: Errand, view: View, listeners: readonly Peer[]): void {
    const { turn, around, reports } = this;
    const { target } = turn;
    if (target === undefined) return reports.report(errand, STUCK);
    const isSole = view.members.length === 1 && listeners.length === 0;
    const answer = carryOut(errand.request, target, turn.systemMs, isSole);
    const { record } = answer;
    if (answer.status !== 'success' || record === undefined) {
      return reports.report(errand, { type: 'served', done: doneOf(answer, turn.copiesOf(view.members.length), 1) });
    }
    errand.record = record;
    errand.write = writeOf(around.self, record.writer);
    this.place(errand, view, listeners);
  }

  private place(errand: Errand, view: View, listeners: readonly Peer[]): void {
    const { record, write } = errand;
    // Since it was made this node may have begun anew as a learner, and dropped what it had.
    if (record !== undefined && write?.view !== undefined) this.turn.target?.table.merge(record);
    errand.round += 1;
    this.stepWrite(errand, { type: 'placed', view, listeners, isAlive: this.around.isAlive });
  }

  private stepWrite(errand: Errand, event: WriteEvent): void {
    if (errand.write === undefined) return;
    const [write, effects] = stepWrite(errand.write, event);
    errand.write = write;
    for (const effect of effects) this.doForWrite(errand, effect);
  }

  private doForWrite(errand: Errand, effect: WriteEffect): void {
    switch (effect.type) {
      case 'send':
        return this.send(errand, effect.to);
      case 'mint_above':
        return this.mintAbove(errand, effect.version);
      case 'confirmed':
        return this.reports.report(errand, { type: 'served', done: this.written(errand) });
      case 'stuck':
        return this.reports.report(errand, { type: 'stuck', written: this.written(errand) });
      case 'hint':
        return this.around.hint(effect.to, errand.keyId);
      default:
        return this.remind(effect);
    }
  }

  private send(errand: Errand, to: readonly Peer[]): void {
    const { record, write } = errand;
    if (record === undefined || write?.view === undefined) return;
    const question: DataQuestion = { type: 'put_replica', epoch: write.view.epoch, record, isNew: true };
    this.ask(errand, to, question, 'write');
    this.reports.wakeAt(errand, this.turn.nowMs + this.patienceMs(errand) + LOST_MS);
  }

  private mintAbove(errand: Errand, version: Version): void {
    const { target, systemMs } = this.turn;
    const { record } = errand;
    // Whoever has been told that its end is unknown must not see it begin anew.
    if (record === undefined || errand.stage === 'ended') return;
    // Others may have read it and written since, if there is another view by now.
    if (!this.leads(errand)) return this.reports.report(errand, { type: 'stuck', written: this.written(errand) });
    const current = target?.table.get(errand.key);
    const floor = current !== undefined && compareVersions(current, version) > 0 ? current : version;
    const minted = target?.clock.mint(floor, systemMs);
    if (!minted?.ok) return this.reports.report(errand, { type: 'stuck', written: this.written(errand) });
    errand.record = new Record(record.keyId, record.key, minted.value, record.value, record.expireAtMs, record.ev);
    target?.table.merge(errand.record, current);
    errand.round += 1;
    this.stepWrite(errand, { type: 'minted' });
  }

  /** Whether this node serves the view still under which it writes. */
  private leads({ keyId, write }: Errand): boolean {
    const standing = this.turn.standingOf(keyId);
    return standing?.type === 'primary' && write?.view !== undefined && isSameView(standing.view, write.view);
  }

  private written({ record, write }: Errand) {
    const copies = this.turn.copiesOf(write?.view?.members.length ?? 1);
    return doneOf({ status: 'success', value: EMPTY, record }, copies, write?.holders.length ?? 1);
  }

  // Reads

  private read(errand: Errand, view: View): void {
    const { turn, around } = this;
    const stored = turn.target?.table.get(errand.key);
    const self = turn.views?.self;
    if (self === undefined) return this.reports.report(errand, STUCK);
    // The table's own record may say something else when the answers come.
    errand.record = stored && copyOf(stored);
    errand.round += 1;
    this.reports.wakeAt(errand, turn.nowMs + HEDGE_MS);
    const witness = witnessIn(errand, view);
    const { isTrusted } = around;
    const [read, effects] = beginRead({ view, self, own: errand.record, witness, isTrusted, random: around.random() });
    errand.read = read;
    for (const effect of effects) this.doForRead(errand, effect);
  }

  private stepRead(errand: Errand, event: ReadEvent): void {
    if (errand.read === undefined) return;
    const [read, effects] = stepRead(errand.read, event);
    errand.read = read;
    for (const effect of effects) this.doForRead(errand, effect);
  }

  private doForRead(errand: Errand, effect: ReadEffect): void {
    switch (effect.type) {
      case 'ask':
        return this.look(errand, effect.to, false);
      case 'fetch':
        return this.look(errand, [effect.from], true);
      case 'write_back':
        return this.writeBack(errand, effect.to);
      case 'repair':
        return void this.bringInLine(errand, [effect.to], 'repair');
      case 'answer':
        return this.tell(errand);
      case 'stuck':
        return this.reports.report(errand, STUCK);
      default:
        return this.remind(effect);
    }
  }

  private look(errand: Errand, to: readonly Peer[], wantsValue: boolean): void {
    const { key, read } = errand;
    if (read === undefined) return;
    const { epoch } = read.view;
    this.ask(errand, to, { type: 'get_replica', epoch, key, wantsValue }, wantsValue ? 'fetch' : 'read');
    if (wantsValue) this.reports.wakeAt(errand, this.turn.nowMs + this.patienceMs(errand) + LOST_MS);
  }

  /** What is written back is what is told in the end. */
  private writeBack(errand: Errand, to: readonly Peer[]): void {
    const record = this.bringInLine(errand, to, 'write_back');
    errand.record = record;
    this.reports.wakeAt(errand, this.turn.nowMs + this.patienceMs(errand) + LOST_MS);
  }

  private bringInLine(errand: Errand, to: readonly Peer[], purpose: 'write_back' | 'repair'): Record | undefined {
    const stored = this.turn.target?.table.get(errand.key);
    const { read } = errand;
    if (stored === undefined || read === undefined) return undefined;
    const record = copyOf(stored);
    this.ask(errand, to, { type: 'put_replica', epoch: read.view.epoch, record }, purpose);
    return record;
  }

  private tell(errand: Errand): void {
    const { record, read } = errand;
    const { turn, reports } = this;
    if (read === undefined) return;
    const copies = turn.copiesOf(read.view.members.length);
    const acks = Math.max(read.answers.length, read.holders.length);
    if (errand.route.written !== undefined) {
      const answer = doneOf({ status: 'success', value: EMPTY, record }, copies, acks);
      return reports.report(errand, { type: 'answered', answer });
    }
    const isThere = record !== undefined && isLive(record, turn.systemMs);
    reports.report(errand, { type: 'served', done: doneOf(foundLatest(record, isThere), copies, acks) });
  }

  // One copy

  private serveAlone(errand: Errand, view: View, listeners: readonly Peer[]): void {
    const { turn, reports } = this;
    if (turn.target === undefined) return reports.report(errand, STUCK);
    const isSole = view.members.length === 1 && listeners.length === 0;
    const answer = carryOut(errand.request, turn.target, turn.systemMs, isSole);
    const done = doneOf(answer, turn.copiesOf(view.members.length), 1);
    errand.record = answer.record;
    const others = [...view.members.filter(({ id }) => id !== this.around.self), ...listeners];
    if (!errand.isGet && answer.record !== undefined) this.spread(errand, answer.record, view, others);
    reports.report(errand, { type: 'served', done });
  }

  /** Sends a record to all others, for whom the client does not wait. */
  private spread(errand: Errand, record: Record, view: View, others: readonly Peer[]): void {
    const { around } = this;
    const reached = others.filter((peer) => around.isAlive(peer));
    for (const peer of others) if (!reached.includes(peer)) around.hint(peer, errand.keyId);
    if (reached.length === 0) return;
    // Until all have answered it counts as under way: whoever writes faster than the others take it has to wait.
    errand.spreadTo = reached.length;
    this.allowance.began(false, bytesOf(errand.request));
    this.ask(errand, reached, { type: 'put_replica', epoch: view.epoch, record }, 'spread');
  }

  private hasSpread(errand: Errand, outcome: RpcOutcome<Tag>): void {
    errand.spreadTo -= 1;
    if (errand.spreadTo === 0) this.allowance.ended(false, bytesOf(errand.request));
    const answer = outcome.type === 'rpc_answered' ? outcome.answer : undefined;
    if (answer?.type === 'stored' || answer?.type === 'superseded') return;
    if (answer?.type === 'stale' && answer.view) this.around.heardOf(answer.view);
    this.around.hint(outcome.type === 'rpc_answered' ? outcome.from : outcome.to, errand.keyId);
  }

  // All of them

  private ask(errand: Errand, to: readonly Peer[], question: DataQuestion, purpose: Tag['purpose']): void {
    const tag = new Tag(errand, errand.round, purpose);
    const options = { tag, timeoutMs: this.patienceMs(errand), isBatched: true };
    const asked = to.length > 1 && question.type === 'put_replica' ? packedOnce(question) : question;
    for (const peer of to) this.around.ask(peer, asked, options);
  }

  private patienceMs({ request, route }: Errand): number {
    const leftMs = Math.floor(route.deadlineMs - this.turn.nowMs);
    return Math.max(1, Math.min(leftMs, Math.ceil(REPLICA_PATIENCE_MS + request.value.length / BYTES_PER_MS)));
  }

  private remind(reminder: Reminder): void {
    if (reminder.type === 'heard_of') this.around.heardOf(reminder.view);
    else this.around.unaware(reminder.peer, reminder.view.arc);
  }

  /** What is minted from now on is later than whatever has been seen. */
  private observe(outcome: RpcOutcome<Tag>): void {
    if (outcome.type === 'rpc_failed') {
      if (outcome.failure.code === 'overloaded') this.allowance.overloaded(this.turn.nowMs);
      return;
    }
    this.allowance.answered();
    const { answer } = outcome;
    const version = answer.type === 'superseded' || answer.type === 'replica' ? answer.version : undefined;
    if (version !== undefined) this.turn.target?.clock.observe(version, this.turn.systemMs);
  }
}

// Internal

/** The answer that a get has brought along: it is of use once, for whoever gave it may be gone when it is tried again. */
function witnessIn({ asker: { witness }, round }: Errand, view: View): Answer | undefined {
  if (witness === undefined || round > 1 || !isOfView(witness, view)) return undefined;
  return { peer: witness.peer, version: witness.testimony.version ?? ABSENT };
}

const STUCK: RouteEvent & { type: 'stuck' } = { type: 'stuck', written: undefined };
const SKEWED = { type: 'unavailable', why: "this node's clock is too far from the clocks of its neighbours" } as const;
