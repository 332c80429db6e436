/** Surplus drop: what only an ex-member has, those who keep the arc have before it drops anything. */
import { type LeftoversTag, SurplusDrop } from '../../actors/surplus-drop';
import type { Peer } from '../../src/chord/peer';
import { type Range, splitRange } from '../../src/chord/range';
import { CHUNK_BYTES, CHUNK_RECORDS_MAX, RANGES_MAX, type SyncQuestion } from '../../src/protocol/rpc-sync';
import { recordsBytes } from '../../src/protocol/rpc-sync-bytes';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { answerSync, type SourceQuestion } from '../../src/replication/sync-source';
import type { View } from '../../src/replication/view';
import { DROP_SLICE, type ViewsEvent } from '../../src/replication/views-protocol';
import { MemoryTable } from '../../src/store/memory-table';
import type { Record } from '../../src/store/record';
import {
  contentsOf,
  MEMBER,
  NOW_MS,
  OTHER_WRITER,
  peer,
  recordOf,
  SOURCE,
  STRANGER,
  tableOf,
  VIEW,
  viewsOf,
  WHOLE,
} from '../replication/replicas';

/** Three nodes keep the arc; EX has kept it before. */
const EX = peer(9);
const MEMBERS = [SOURCE, MEMBER, STRANGER] as const;
const THREE: View = { ...VIEW, members: MEMBERS, voters: MEMBERS.map(({ id }) => id) };

const ev = (n: number, ms = 1000, value = 'v') => recordOf(n, { value, ms, ev: true });
const quorum = (n: number, ms = 1000) => recordOf(n, { value: 'v', ms });
const many = (count: number, make: (n: number) => Record) => Array.from({ length: count }, (_none, n) => make(n));

/** An ex-member with its table, among members that answer from theirs as soon as {@link Stage.play} lets them. */
class Stage {
  readonly table = new MemoryTable();
  readonly asked: { readonly to: Peer; readonly question: SyncQuestion; readonly tag: LeftoversTag }[] = [];
  readonly open: Stage['asked'] = [];
  readonly dead = new Set<string>();
  readonly tables: ReadonlyMap<string, MemoryTable>;
  private readonly surplus = new SurplusDrop((to, question, { tag }) => {
    this.asked.push({ to, question, tag });
    this.open.push({ to, question, tag });
  });

  constructor(
    mine: readonly Record[],
    theirs: readonly Record[],
    private readonly view = THREE,
  ) {
    for (const record of mine) this.table.merge(record);
    this.tables = new Map(MEMBERS.map(({ id }) => [id, tableOf(theirs)]));
  }

  drop(arc: Range = WHOLE): ViewsEvent | undefined {
    return this.surplus.drop({ type: 'drop', arc, view: this.view }, this.table);
  }

  /** One question is answered. */
  answerNext(): ViewsEvent | undefined {
    const next = this.open.shift();
    if (next === undefined) throw new Error('Nothing was asked');
    const { to, question, tag } = next;
    const table = this.tables.get(to.id) ?? new MemoryTable();
    const target = { table, clock: new HybridClock(OTHER_WRITER) };
    const answer = answerSync(viewsOf(to, [THREE]), target, question as SourceQuestion, EX, NOW_MS);
    return this.surplus.answered(tag, this.dead.has(to.id) ? undefined : answer, this.table);
  }

  /** Until all that was asked is answered; what has come of it. */
  play(): ViewsEvent | undefined {
    let event: ViewsEvent | undefined;
    while (this.open.length > 0) event = this.answerNext() ?? event;
    return event;
  }

  /** Drops all of an arc, slice by slice, as handoff does; how that has ended, and how many turns it took. */
  dropAll(arc: Range = WHOLE): ViewsEvent | undefined {
    for (let turns = 0; turns < 1000; turns += 1) {
      const event = this.drop(arc) ?? this.play();
      if (event?.type !== 'dropped' || event.isAll) return event;
    }
    throw new Error('It does not end');
  }

  questions<Type extends SyncQuestion['type']>(type: Type) {
    const found = this.asked.filter((each) => each.question.type === type);
    return found as (Stage['asked'][number] & { readonly question: Extract<SyncQuestion, { type: Type }> })[];
  }
}

const ALL: ViewsEvent = { type: 'dropped', arc: WHOLE, isAll: true };
const NOT_DROPPED: ViewsEvent = { type: 'not_dropped', arc: WHOLE };

describe('SurplusDrop', () => {
  it('drops what was written by quorum without a question, a slice at a time', () => {
    const stage = new Stage(many(DROP_SLICE + 1, quorum), []);
    expect(stage.drop()).toEqual({ ...ALL, isAll: false });
    expect(stage.table.stats().keys).toBe(1);
    expect(stage.drop()).toEqual(ALL);
    expect(stage.table.stats().keys).toBe(0);
    expect(stage.asked).toEqual([]);
  });

  it('asks one small question where the primary has the same, and sends nothing', () => {
    const records = [...many(300, ev), ...many(600, quorum).slice(300)];
    const stage = new Stage(records, records);
    expect(stage.dropAll()).toEqual(ALL);
    expect(stage.asked.map(({ to, question }) => [to, question.type])).toEqual([[SOURCE, 'ranges']]);
    expect(stage.table.stats().keys).toBe(0);
  });

  it('gives all members what only it has or has newer, if it was written in eventual mode, and nothing else', () => {
    const theirs = [ev(1, 2000), ev(2, 1000), ev(3, 3000), quorum(4)];
    const stage = new Stage([ev(1, 2000), ev(2, 5000), ev(3, 1000), quorum(4, 9000), ev(5), quorum(6)], theirs);
    expect(stage.dropAll()).toEqual(ALL);
    const given = stage.questions('push').map(({ question }) => question.records.map(({ key }) => key).sort());
    expect(given).toEqual([1, 2, 3].map(() => ['k2', 'k5']));
    expect(stage.table.stats().keys).toBe(0);
    const expected = contentsOf(tableOf([ev(1, 2000), ev(2, 5000), ev(3, 3000), quorum(4), ev(5)]));
    for (const table of stage.tables.values()) expect(contentsOf(table)).toEqual(expected);
  });

  it('drops nothing before a majority has what only it has', () => {
    const stage = new Stage([ev(1), quorum(2)], []);
    stage.dead.add(MEMBER.id).add(STRANGER.id);
    expect(stage.dropAll()).toEqual(NOT_DROPPED);
    expect(stage.table.stats().keys).toBe(2);
    stage.dead.delete(MEMBER.id);
    expect(stage.dropAll()).toEqual(ALL);
    expect(stage.table.stats().keys).toBe(0);
    expect(stage.tables.get(MEMBER.id)?.stats().keys).toBe(1);
  });

  it('drops nothing where the primary does not answer, or has another view by now', () => {
    const unanswered = new Stage([ev(1)], [ev(1)]);
    unanswered.dead.add(SOURCE.id);
    expect(unanswered.dropAll()).toEqual(NOT_DROPPED);
    const stale = new Stage([ev(1)], [ev(1)], { ...THREE, epoch: { n: 6, by: SOURCE.inc } });
    expect(stale.dropAll()).toEqual(NOT_DROPPED);
    expect([unanswered, stale].map(({ table }) => table.stats().keys)).toEqual([1, 1]);
  });

  it('looks again at what was written meanwhile', () => {
    const stage = new Stage([ev(1)], [ev(1)]);
    expect(stage.drop()).toBeUndefined();
    stage.table.merge(ev(1, 7000));
    stage.table.merge(ev(2));
    expect(stage.answerNext()).toEqual({ ...ALL, isAll: false });
    expect(stage.table.stats().keys).toBe(2);
    expect(stage.dropAll()).toEqual(ALL);
    for (const table of stage.tables.values())
      expect(contentsOf(table)).toEqual(contentsOf(tableOf([ev(1, 7000), ev(2)])));
  });

  it('asks and gives no more at a time than one message carries', () => {
    const stage = new Stage([...many(700, ev), ...many(40, (n) => ev(1000 + n, 1000, 'x'.repeat(20_000)))], []);
    expect(stage.dropAll()).toEqual(ALL);
    const asked = stage.questions('ranges').map(({ question }) => question.ranges.length);
    expect(Math.max(...asked)).toBeLessThanOrEqual(RANGES_MAX);
    const given = stage.questions('push').map(({ question }) => question.records);
    expect(Math.max(...given.map((records) => recordsBytes(records)))).toBeLessThanOrEqual(CHUNK_BYTES);
    expect(Math.max(...given.map(({ length }) => length))).toBe(CHUNK_RECORDS_MAX);
    for (const table of stage.tables.values()) expect(table.stats().keys).toBe(740);
  });

  it('drops each of two arcs by itself, at the same time', () => {
    const stage = new Stage(many(20, ev), []);
    const halves = splitRange(WHOLE, 2);
    expect(halves.map((half) => stage.drop(half))).toEqual([undefined, undefined]);
    const events: ViewsEvent[] = [];
    while (stage.open.length > 0) {
      const event = stage.answerNext();
      const next = event?.type === 'dropped' ? stage.drop(event.arc) : undefined;
      if (next) events.push(next);
    }
    expect(events).toEqual(halves.map((arc) => ({ type: 'dropped', arc, isAll: true })));
    expect(stage.table.stats().keys).toBe(0);
  });

  it('forgets the answers to an order that was given again', () => {
    const stage = new Stage([ev(1)], []);
    stage.drop();
    stage.drop();
    expect(stage.answerNext()).toBeUndefined();
    expect(stage.play()).toEqual({ ...ALL, isAll: false });
  });
});
