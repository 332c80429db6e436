/** What a replica answers another one: which view it is asked under, what it keeps, and what it has. */
import { keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { fromUtf8 } from '../../src/octets';
import type { GetReplica, PutReplica } from '../../src/protocol/rpc-data';
import type { Holding, Role } from '../../src/replication/holding';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { placesAfter } from '../../src/replication/places';
import type { Version } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { noViews, type Views } from '../../src/replication/views';
import type { Target } from '../../src/store/local-write';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';
import { answerReplica } from '../../actors/peer-requests';
import type { Tables } from '../../actors/turn';
import { KEY, peerOf, versionBy, viewOf, writerOf } from '../support/small-view';

const [SELF, PRIMARY, OTHER] = ['self:1', 'a:1', 'b:1'].map((addr) => peerOf(addr)) as [Peer, Peer, Peer];
const NOW_MS = 1_700_000_000_000;
const VIEW = viewOf([PRIMARY, SELF, OTHER], 5);

interface Scene {
  readonly view?: View;
  readonly role?: Role;
  readonly promised?: number;
  readonly surplus?: Views['surplus'];
}

/** A node that is a member of a view. */
class Replica {
  readonly target: Target = { table: new MemoryTable(), clock: new HybridClock(writerOf(SELF.addr)) };
  readonly tables: Tables;

  constructor({ view = VIEW, role = 'voter', promised, surplus = [] }: Scene = {}) {
    const before = noViews(SELF, 3, 0);
    const sealed = promised === undefined ? view.epoch : { n: promised, by: 9n };
    const holding: Holding = { arc: view.arc, view, role, promised: sealed, pending: [] };
    const views = { ...before, holdings: [holding], surplus };
    const arcs = { views: { ...views, places: placesAfter(before, views) }, beatMs: 0 };
    this.tables = { store: () => this.target, arcs: () => arcs };
  }

  put = (version: Version, fields: Partial<PutReplica> & { readonly ev?: boolean } = {}) => {
    const { ev = false, ...rest } = fields;
    const record = new Record(keyId(KEY), KEY, version, fromUtf8('v'), undefined, ev);
    return this.ask({ type: 'put_replica', epoch: VIEW.epoch, record, ...rest });
  };

  get = (fields: Partial<GetReplica> = {}) =>
    this.ask({ type: 'get_replica', epoch: VIEW.epoch, key: KEY, wantsValue: false, ...fields });

  get stored(): Version | undefined {
    return this.target.table.get(KEY)?.version;
  }

  private ask(question: PutReplica | GetReplica) {
    return answerReplica(question, PRIMARY, this.tables, NOW_MS);
  }
}

const at = (ms: number) => versionBy(PRIMARY.addr, NOW_MS + ms);

describe('a replica', () => {
  it('keeps what it is sent, and says what it has', () => {
    const replica = new Replica();
    expect(replica.get()).toEqual({ type: 'replica', isVoter: true, version: undefined });
    expect(replica.put(at(0), { isNew: true })).toEqual({ type: 'stored' });
    expect(replica.get()).toEqual({ type: 'replica', isVoter: true, version: at(0) });
    const answer = replica.get({ wantsValue: true });
    expect(answer).toMatchObject({ type: 'replica', version: at(0), record: { key: KEY, value: 'v' } });
    // The same again changes nothing.
    expect(replica.put(at(0))).toEqual({ type: 'stored' });
  });

  it('says so where it has something newer, and keeps that', () => {
    const replica = new Replica();
    replica.put(at(10));
    expect(replica.put(at(9))).toEqual({ type: 'superseded', version: at(10) });
    expect(replica.stored).toEqual(at(10));
  });

  it('is told that it does not vote, as a learner', () => {
    const replica = new Replica({ role: 'learner', view: { ...VIEW, floor: at(-10) } });
    expect(replica.put(at(0))).toEqual({ type: 'stored' });
    expect(replica.get()).toMatchObject({ type: 'replica', isVoter: false });
  });

  it.each<[string, Scene, number]>([
    ['an older view', {}, 4],
    ['a newer view', {}, 6],
    ['a view that it has promised away', { promised: 6 }, 5],
    ['a view of which it is no member', { role: 'none' }, 5],
  ])('serves nothing under %s, and shows the one that it has', (_what, scene, n) => {
    const replica = new Replica(scene);
    const epoch = { ...VIEW.epoch, n };
    expect(replica.put(at(0), { epoch })).toEqual({ type: 'stale', view: VIEW });
    expect(replica.get({ epoch })).toEqual({ type: 'stale', view: VIEW });
    expect(replica.stored).toBeUndefined();
  });

  it('keeps what was written in eventual mode under whatever view, for as long as it has the arc', () => {
    const epoch = { ...VIEW.epoch, n: 4 };
    const surplus = [{ arc: VIEW.arc, sinceMs: 0, dueAtMs: 0, clearedUnder: undefined, request: undefined }];
    expect(new Replica().put(at(0), { epoch, ev: true })).toEqual({ type: 'stored' });
    expect(new Replica({ role: 'learner', promised: 9 }).put(at(0), { epoch, ev: true })).toEqual({ type: 'stored' });
    expect(new Replica({ role: 'none', surplus }).put(at(0), { epoch, ev: true })).toEqual({ type: 'stored' });
    expect(new Replica({ role: 'none' }).put(at(0), { epoch, ev: true })).toMatchObject({ type: 'stale' });
  });

  it('learns the time from what it keeps', () => {
    const replica = new Replica();
    replica.put(at(700));
    expect(replica.target.clock.latest).toEqual(at(700));
  });

  it('does not keep what was just minted too far ahead, unless the key is there already', () => {
    const replica = new Replica();
    expect(replica.put(at(1000), { isNew: true })).toEqual({ type: 'stored' });
    expect(replica.put(at(1001), { isNew: true })).toEqual({ type: 'skewed' });
    expect(replica.stored).toEqual(at(1000));
    // What others have confirmed already is taken, whatever its time.
    expect(replica.put(at(5000))).toEqual({ type: 'stored' });
    expect(replica.put(at(5001), { isNew: true })).toEqual({ type: 'stored' });
    expect(replica.target.clock.latest).toEqual(at(1000));
  });

  it('answers nothing while its tables are not there, or are not the ones that it has promised for', () => {
    const replica = new Replica();
    const arcs = replica.tables.arcs.bind(replica.tables);
    const question: GetReplica = { type: 'get_replica', epoch: VIEW.epoch, key: KEY, wantsValue: false };
    const asked = (tables: Partial<Tables>) =>
      answerReplica(question, PRIMARY, { ...replica.tables, ...tables }, NOW_MS);
    expect(asked({ store: () => undefined })).toBeUndefined();
    expect(asked({ arcs: () => undefined })).toBeUndefined();
    const withWriter = (addr: string) => () => ({ ...arcs(), writer: writerOf(addr) }) as ReturnType<Tables['arcs']>;
    expect(asked({ arcs: withWriter(SELF.addr) })).toMatchObject({ type: 'replica' });
    expect(asked({ arcs: withWriter(OTHER.addr) })).toBeUndefined();
  });
});
