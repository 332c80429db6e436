/**
 * Copy quorums: how a simulated node carries a request out together with the other members of a view.
 */
import type { Peer } from '../../chord/peer';
import { EMPTY } from '../../octets';
import type { DataAnswer, DataQuestion, Done } from '../../protocol/rpc-data';
import { fetchEventOf, readEventOf, writeEventOf } from '../../replication/quorum-answers';
import {
  type Answer as Answered,
  beginRead,
  HEDGE_MS,
  type QuorumRead,
  type ReadEffect,
  type ReadEvent,
  stepRead,
} from '../../replication/quorum-read';
import {
  type QuorumWrite,
  type Reminder,
  stepWrite,
  whyUnavailable,
  type WriteEffect,
  type WriteEvent,
  writeOf,
} from '../../replication/quorum-write';
import type { RouteEvent } from '../../replication/route';
import { copyOf } from '../../replication/sync-source';
import { isOfView } from '../../replication/testimony';
import { ABSENT, compareVersions, type Version } from '../../replication/version';
import { isSameView, type View } from '../../replication/view';
import { standingOf } from '../../replication/views';
import { foundLatest } from '../../store/local-coordinator';
import { Record } from '../../store/record';
import type { AskOutcome } from '../packet';
import { serveAlone } from './copy-alone';
import { doneOf, liveIn, refusedOf, writeHere } from './copy-answers';
import type { CopyErrand } from './copy-errand';
import type { KeptNode } from './copy-world';

const PATIENCE_MS = 1000;
const STUCK: RouteEvent = { type: 'stuck', written: undefined };
const SKEWED: RouteEvent = { type: 'unavailable', why: "this node's clock is too far from the others'" };

/** What this node does for one errand. */
interface Work {
  readonly errand: CopyErrand;
  /** Counts rounds: an answer to an earlier one says nothing. */
  round: number;
  record: Record | undefined;
  write: QuorumWrite | undefined;
  read: QuorumRead | undefined;
}

/** Reports what has become of an errand. */
export type Report = (errand: CopyErrand, event: RouteEvent) => void;

/** Those of one node. */
export class CopyQuorums {
  private readonly works = new WeakMap<CopyErrand, Work>();

  constructor(
    private readonly keeper: KeptNode,
    private readonly report: Report,
  ) {}

  /** Serves a request, or goes on with it. */
  serve(errand: CopyErrand): void {
    const { keeper } = this;
    const standing = standingOf(keeper.views, errand.keyId);
    const view = 'view' in standing ? standing.view : undefined;
    if (view === undefined) return this.report(errand, STUCK);
    const work = this.workOf(errand);
    const { op, consistency } = errand.request;
    const isRead = op === 'get' || (errand.route.written !== undefined && work.write === undefined);
    if (!isRead && work.write === undefined && keeper.isSkewed) return this.report(errand, SKEWED);
    const listeners = standing.type === 'primary' ? standing.listeners : [];
    if (consistency === 'eventual') return this.serveAlone(errand, view, listeners);
    if (standing.type !== 'primary') return this.report(errand, STUCK);
    if (work.write) return this.place(work, view, listeners);
    const why = whyUnavailable(view, keeper.host.self.id, 1, (peer) => keeper.host.isAlive(peer));
    if (why !== undefined) return this.report(errand, { type: 'unavailable', why });
    if (isRead) this.beginRead(work, view);
    else this.beginWrite(work, view, listeners);
  }

  /** What to tell of a write that was made here, if it turns out to be done; undefined: there was none. */
  begun(errand: CopyErrand): Done | undefined {
    const work = this.works.get(errand);
    return work?.write && doneOf({ status: 'success', value: EMPTY, record: work.record });
  }

  private serveAlone(errand: CopyErrand, view: View, listeners: readonly Peer[]): void {
    const answer = serveAlone(this.keeper, errand, view, listeners);
    this.report(errand, { type: 'served', done: answer ? doneOf(answer) : refusedOf('the clock is behind') });
  }

  private workOf(errand: CopyErrand): Work {
    const known = this.works.get(errand);
    if (known) return known;
    const work: Work = { errand, round: 0, record: undefined, write: undefined, read: undefined };
    this.works.set(errand, work);
    return work;
  }

  // Writes

  private beginWrite(work: Work, view: View, listeners: readonly Peer[]): void {
    const { keeper } = this;
    const isSoleHolder = view.members.length === 1 && listeners.length === 0;
    const written = writeHere(keeper, work.errand.request, isSoleHolder);
    if (!('record' in written)) return this.report(work.errand, { type: 'served', done: written });
    const { record } = written;
    work.record = record;
    work.write = writeOf(keeper.host.self.id, record.writer);
    this.place(work, view, listeners);
  }

  private place(work: Work, view: View, listeners: readonly Peer[]): void {
    const { record, write } = work;
    // Since it was made this node may have begun anew as a learner, and dropped what it had.
    if (record !== undefined && write?.view !== undefined) this.keeper.target.table.merge(record);
    work.round += 1;
    const isAlive = (peer: Peer) => this.keeper.host.isAlive(peer);
    this.stepWrite(work, { type: 'placed', view, listeners, isAlive });
  }

  private stepWrite(work: Work, event: WriteEvent): void {
    if (work.write === undefined) return;
    const [write, effects] = stepWrite(work.write, event);
    work.write = write;
    for (const effect of effects) this.doForWrite(work, effect);
  }

  private doForWrite(work: Work, effect: WriteEffect): void {
    const { errand, record } = work;
    switch (effect.type) {
      case 'send': {
        const epoch = work.write?.view?.epoch;
        if (!epoch || !record) return undefined;
        return this.ask(work, effect.to, { type: 'put_replica', epoch, record, isNew: true }, (from, answer) =>
          this.stepWrite(work, writeEventOf(from, answer)),
        );
      }
      case 'mint_above':
        return this.mintAbove(work, effect.version);
      case 'confirmed':
        return this.report(errand, { type: 'served', done: doneOf({ status: 'success', value: EMPTY, record }) });
      case 'stuck':
        return this.report(errand, {
          type: 'stuck',
          written: doneOf({ status: 'success', value: EMPTY, record }),
        });
      case 'hint':
        return this.keeper.hint(effect.to, errand.keyId);
      default:
        return this.remind(effect);
    }
  }

  private mintAbove(work: Work, version: Version): void {
    const { target, systemMs } = this.keeper;
    const { record, errand } = work;
    if (record === undefined || errand.isOver) return;
    // Others may have read it and written since, if there is another view by now.
    if (!this.leads(work))
      return this.report(errand, { type: 'stuck', written: doneOf({ status: 'success', value: EMPTY, record }) });
    const current = target.table.get(record.key);
    const floor = current && compareVersions(current, version) > 0 ? current : version;
    const minted = target.clock.mint(floor, systemMs);
    if (!minted.ok)
      return this.report(errand, { type: 'stuck', written: doneOf({ status: 'success', value: EMPTY, record }) });
    work.record = new Record(record.keyId, record.key, minted.value, record.value, record.expireAtMs, record.ev);
    target.table.merge(work.record, current);
    work.round += 1;
    this.stepWrite(work, { type: 'minted' });
  }

  /** Whether this node serves the view still under which it writes. */
  private leads({ errand, write }: Work): boolean {
    const standing = standingOf(this.keeper.views, errand.keyId);
    return standing.type === 'primary' && write?.view !== undefined && isSameView(standing.view, write.view);
  }

  // Reads

  private beginRead(work: Work, view: View): void {
    const { target, host, world } = this.keeper;
    const stored = target.table.get(work.errand.request.key);
    work.record = stored && copyOf(stored);
    work.round += 1;
    const { round } = work;
    host.after(HEDGE_MS, () => {
      if (work.round === round) this.stepRead(work, { type: 'slow' });
    });
    const isTrusted = (peer: Peer) => host.isTrusted(peer);
    const witness = witnessIn(work, view);
    const random = world.random();
    const [read, effects] = beginRead({ view, self: host.self, own: work.record, witness, isTrusted, random });
    work.read = read;
    for (const effect of effects) this.doForRead(work, effect);
  }

  private stepRead(work: Work, event: ReadEvent): void {
    if (work.read === undefined) return;
    const [read, effects] = stepRead(work.read, event);
    work.read = read;
    for (const effect of effects) this.doForRead(work, effect);
  }

  private doForRead(work: Work, effect: ReadEffect): void {
    switch (effect.type) {
      case 'ask':
        return this.look(work, effect.to, false);
      case 'fetch':
        return this.look(work, [effect.from], true);
      case 'write_back':
        work.record = this.bringInLine(work, effect.to);
        return undefined;
      case 'repair':
        return void this.bringInLine(work, [effect.to]);
      case 'answer':
        return this.tell(work);
      case 'stuck':
        return this.report(work.errand, STUCK);
      default:
        return this.remind(effect);
    }
  }

  private tell({ errand, record }: Work): void {
    if (errand.route.written === undefined) {
      return this.report(errand, { type: 'served', done: doneOf(foundLatest(record, liveIn(record) !== undefined)) });
    }
    this.report(errand, { type: 'answered', answer: doneOf({ status: 'success', value: EMPTY, record }) });
  }

  private look(work: Work, to: readonly Peer[], wantsValue: boolean): void {
    if (work.read === undefined) return;
    const { epoch } = work.read.view;
    const { key } = work.errand.request;
    this.ask(work, to, { type: 'get_replica', epoch, key, wantsValue }, (from, answer) =>
      this.stepRead(
        work,
        wantsValue ? fetchEventOf(from, answer, key, this.keeper.target.table) : readEventOf(from, answer),
      ),
    );
  }

  private bringInLine(work: Work, to: readonly Peer[]): Record | undefined {
    const stored = this.keeper.target.table.get(work.errand.request.key);
    if (stored === undefined || work.read === undefined) return undefined;
    const record = copyOf(stored);
    this.ask(work, to, { type: 'put_replica', epoch: work.read.view.epoch, record }, (from, answer) =>
      this.stepRead(work, readEventOf(from, answer)),
    );
    return record;
  }

  // Both

  private ask(work: Work, to: readonly Peer[], question: DataQuestion, done: Heard): void {
    const { round } = work;
    const { keeper } = this;
    for (const peer of to)
      keeper.host.askKeeper(peer, question, PATIENCE_MS, (outcome) => {
        const answer = answerIn(outcome);
        this.observe(answer);
        if (work.round === round) done(outcome.type === 'failed' ? outcome.to : outcome.from, answer);
      });
  }

  private observe(answer: DataAnswer | undefined): void {
    const version = answer?.type === 'superseded' || answer?.type === 'replica' ? answer.version : undefined;
    if (version) this.keeper.target.clock.observe(version, this.keeper.systemMs);
  }

  private remind(reminder: Reminder): void {
    const { keeper } = this;
    if (reminder.type === 'heard_of') return keeper.happened(reminder);
    return keeper.happened({ type: 'unaware', peer: reminder.peer, arc: reminder.view.arc });
  }
}

// Internal

/** Who has answered what; undefined: nothing. */
type Heard = (from: Peer, answer: DataAnswer | undefined) => void;

/** The answer that a get has brought along: it is of use once, for whoever gave it may be gone when it is tried again. */
function witnessIn({ errand: { witness }, round }: Work, view: View): Answered | undefined {
  if (witness === undefined || round > 1 || !isOfView(witness, view)) return undefined;
  return { peer: witness.peer, version: witness.testimony.version ?? ABSENT };
}

/** A link lets nothing through but an answer to what was asked. */
function answerIn(outcome: AskOutcome): DataAnswer | undefined {
  if (outcome.type === 'failed' || outcome.answering.type !== 'copies') return undefined;
  return outcome.answering.answer as DataAnswer;
}
