/** What a replica answers about single keys, and what a learner does with what it had before. */
import type { Peer } from '../../src/chord/peer';
import type { PutReplica } from '../../src/protocol/rpc-data';
import type { Holding } from '../../src/replication/holding';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { answerReplicaFrom } from '../../src/replication/replica-answers';
import type { SourceQuestion } from '../../src/replication/sync-source';
import type { Views } from '../../src/replication/views';
import { stepViews } from '../../src/replication/views-step';
import { MemoryTable } from '../../src/store/memory-table';
import type { Record } from '../../src/store/record';
import {
  EPOCH,
  FLOOR,
  MEMBER,
  NOW_MS,
  OTHER_WRITER,
  recordOf,
  SOURCE,
  SOURCE_WRITER,
  STRANGER,
  VIEW,
  viewsOf,
  WHOLE,
} from './replicas';

const LEARNING: Holding = { arc: WHOLE, view: VIEW, role: 'learner', promised: EPOCH, pending: [] };
const AFTER = FLOOR.ms + 10;

/** As the core sees it, with whatever follows from these pieces. */
function learner(piece: Holding): Views {
  const views = { ...viewsOf(MEMBER, []), holdings: [piece] };
  return stepViews(views, { type: 'tick' }, 1, () => 0.5, FLOOR)[0];
}

class Learner {
  readonly target = { table: new MemoryTable(), clock: new HybridClock(OTHER_WRITER) };

  constructor(
    private readonly views: Views,
    ...leftovers: readonly Record[]
  ) {
    for (const record of leftovers) this.target.table.merge(record);
  }

  put(record: Record, change: Partial<PutReplica> = {}) {
    return this.ask({ type: 'put_replica', epoch: EPOCH, record, ...change });
  }

  ask(question: PutReplica | SourceQuestion) {
    return this.askFrom(SOURCE, question);
  }

  /** Whatever it has nothing of may have been forgotten where it is older than a second. */
  askFrom(from: Peer, question: PutReplica | SourceQuestion) {
    const isForgotten = ({ version: { ms } }: Record) => ms < 1000;
    return answerReplicaFrom(this.views, this.target, question, { from, systemMs: NOW_MS, isForgotten });
  }

  has(record: Record) {
    return this.target.table.get(record.key)?.version.ms;
  }
}

describe('a learner that has not compared anything with the primary', () => {
  const views = learner(LEARNING);

  it('stores what is written under its view, in the place of a leftover, however new that is', () => {
    const written = recordOf(1, { value: 'new', ms: AFTER, writer: SOURCE_WRITER });
    const one = new Learner(views, recordOf(1, { value: 'old', ms: AFTER + 500, writer: OTHER_WRITER }));
    expect(one.put(written)).toEqual({ type: 'stored' });
    expect(one.has(written)).toBe(AFTER);
  });

  it('does not count for what was written earlier, which it could not tell from a leftover', () => {
    const earlier = recordOf(1, { value: 'v', ms: FLOOR.ms - 10, writer: SOURCE_WRITER });
    const one = new Learner(views);
    expect(one.put(earlier)).toMatchObject({ type: 'stale', view: { epoch: EPOCH } });
    const late = new Learner(views, recordOf(1, { value: 'later', ms: FLOOR.ms - 5 }));
    expect(late.put(earlier).type).toBe('stale');
  });

  it('says of what was written under its view, or in eventual mode, that it has something newer', () => {
    for (const change of [{ writer: SOURCE_WRITER }, { ev: true }]) {
      const newer = recordOf(1, { value: 'newer', ms: AFTER + 5, ...change });
      const one = new Learner(views, newer);
      const written = recordOf(1, { value: 'v', ms: AFTER, writer: SOURCE_WRITER });
      expect(one.put(written)).toEqual({ type: 'superseded', version: newer.version });
    }
  });
});

describe('a member that is given what was written in eventual mode', () => {
  const [old, young] = [999, 1000].map((ms) => recordOf(1, { value: 'v', ms, ev: true }));
  const put = (record: Record | undefined, change: Partial<PutReplica> = {}): PutReplica => {
    if (record === undefined) throw new Error('There is none');
    return { type: 'put_replica', epoch: EPOCH, record, ...change };
  };
  const voter = learner({ ...LEARNING, role: 'voter' });
  const others = { n: EPOCH.n - 1, by: EPOCH.by };

  it.each<[string, Peer, PutReplica, boolean]>([
    ['what is too old, by somebody who was away', STRANGER, put(old), false],
    ['the same under the view that he knows', STRANGER, put(old, { epoch: others }), false],
    ['what is young enough', STRANGER, put(young, { epoch: others }), true],
    ['what is old, by the primary of its own view', SOURCE, put(old), true],
    ['what was written just now by a clock that is late', STRANGER, put(old, { isNew: true }), true],
    ['what a quorum has written', STRANGER, put(recordOf(1, { value: 'v', ms: 999 })), true],
  ])('takes %s: %#', (_what, from, question, isTaken) => {
    const one = new Learner(voter);
    const { record } = question;
    expect(one.askFrom(from, question).type).toBe(isTaken ? 'stored' : 'superseded');
    expect(one.has(record)).toBe(isTaken ? record.version.ms : undefined);
  });

  it('takes it where the key is there still, in whatever age', () => {
    const one = new Learner(voter, recordOf(1, { value: 'older', ms: 5 }));
    expect(one.askFrom(STRANGER, put(old)).type).toBe('stored');
  });
});

describe('a learner that is asked for what it has, to save it', () => {
  const rescue = { n: EPOCH.n + 1, by: SOURCE.inc };
  const leftover = recordOf(1, { value: 'old', ms: AFTER + 500, writer: OTHER_WRITER });
  const written = recordOf(2, { value: 'new', ms: AFTER, writer: SOURCE_WRITER });
  const eventual = recordOf(3, { value: 'ev', ms: 5, ev: true });
  const under = { arc: WHOLE, epoch: rescue };
  const questions: readonly SourceQuestion[] = [
    { type: 'sync_next', ...under, bytesMax: 1000 },
    { type: 'fetch', ...under, ids: [leftover, written, eventual].map(({ keyId }) => keyId) },
  ];
  const given = (views: Views, question: SourceQuestion) => {
    const answer = new Learner(views, leftover, written, eventual).ask(question);
    return 'records' in answer ? answer.records.map(({ key }) => key).toSorted() : answer;
  };

  it.each(questions)('gives ($type) nothing that may be a leftover', (question) => {
    const views = learner({ ...LEARNING, promised: rescue });
    expect(given(views, question)).toEqual([written.key, eventual.key].toSorted());
  });

  it.each(questions)('gives ($type) everything, once it has compared it with the primary', (question) => {
    const views = learner({ ...LEARNING, isChecked: true, promised: rescue });
    expect(given(views, question)).toEqual([leftover.key, written.key, eventual.key].toSorted());
  });

  it('has compared it when a job that adopts the arc of the primary has ended, and remembers that when it is sealed', () => {
    const learning = { ...VIEW, voters: [SOURCE.id], syncs: 2 };
    const step = (views: Views, event: Parameters<typeof stepViews>[1]) =>
      stepViews(views, event, 1, () => 0.5, FLOOR)[0];
    const begun = learner({ ...LEARNING, view: learning });
    const [lesson] = begun.lessons;
    const done = step(begun, { type: 'synced', job: lesson?.job?.id ?? 0, outcome: 'done' });
    expect(done.holdings).toMatchObject([{ role: 'learner', isChecked: true }]);
    const seal = { type: 'seal', ...under, members: [SOURCE], since: EPOCH } as const;
    const sealed = step(done, { type: 'asked', from: SOURCE, question: seal });
    expect(sealed.holdings).toMatchObject([{ role: 'learner', isChecked: true, promised: rescue }]);
    const anew = { ...VIEW, epoch: { ...rescue, n: rescue.n + 1 }, voters: [SOURCE.id] };
    const again = step(sealed, { type: 'asked', from: SOURCE, question: { type: 'view_new', view: anew } });
    expect(again.holdings).toMatchObject([{ role: 'learner' }]);
    expect(again.holdings[0]?.isChecked).toBeUndefined();
  });
});
