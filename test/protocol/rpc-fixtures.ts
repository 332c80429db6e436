/** What the tests of messages between nodes share: a peer and its bytes, arbitrary questions, answers and tales. */
import * as fc from 'fast-check';
import { hashOf, type Id, keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Tale } from '../../src/chord/ring-protocol';
import { type BinaryString, copyOctets, fromUtf8, toBinaryString } from '../../src/octets';
import type { Consistency, Status } from '../../src/protocol/client-protocol';
import type { AnswersTo, RpcQuestion } from '../../src/protocol/rpc-messages';
import { type Compared, PARTS, type SyncPurpose, type SyncQuestion } from '../../src/protocol/rpc-sync';
import type { ViewQuestion } from '../../src/protocol/rpc-views';
import { packValue, type RpcValue, unpackValue } from '../../src/protocol/rpc-values';
import { type Version, versionOf, Writers } from '../../src/replication/version';
import type { Role } from '../../src/replication/holding';
import { restricted, type View } from '../../src/replication/view';
import { Record } from '../../src/store/record';
import { hex } from './fixtures';

/** Those of the node that reads. */
export const writers = new Writers();

const peerAt = (host: string, port: number, inc: bigint): Peer => ({
  id: nodeId(host, port),
  addr: `${host}:${port}`,
  inc,
});
export const P = peerAt('127.0.0.1', 9001, 7n);
export const P_VALUE: readonly RpcValue[] = [hex(P.id), P.addr, P.inc];
export const P_BYTES =
  '93 c414 2c927f3d9c0e1fea287055d88c0d5b369564e67a ae3132372e302e302e313a39303031 d30000000000000007';

/** A record and its bytes: key "k", value "v". */
export const R = recordOf('k', 'v', versionOf(0x0102_0304_0506, 0x0708, writers.intern('writer-1' as BinaryString)));
export const R_VALUE: readonly RpcValue[] = [
  Buffer.from('k'),
  hex('0102030405060708 7772697465722d31'),
  Buffer.from('v'),
  null,
  false,
];
export const R_BYTES = '95 c4016b c410 0102030405060708 7772697465722d31 c40176 c0 c2';

function recordOf(key: string, value: string, version: Version): Record {
  return new Record(keyId(fromUtf8(key)), fromUtf8(key), version, fromUtf8(value), undefined, false);
}

/** The value as it arrives: through bytes. */
export function travelled(value: RpcValue): RpcValue {
  const unpacked = unpackValue(Buffer.from(packValue(value)));
  if (!unpacked.ok) throw new Error(unpacked.error);
  return unpacked.value;
}

/** The bytes of a value as digits. */
export const digitsOf = (value: RpcValue) => Buffer.from(packValue(value)).toString('hex');

export const badRequest = {
  ok: false,
  error: { code: 'bad_request', message: expect.stringMatching(/^Cannot read /) },
};
export const unknownMethod = {
  ok: false,
  error: { code: 'unknown_method', message: expect.stringMatching(/^Cannot serve /) },
};

// Parts

const type = <const Type extends string>(name: Type) => fc.constant(name);
const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
const uint64s = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
export const peers = fc
  .record({ host: hosts, port: fc.integer({ min: 1, max: 65_535 }), inc: uint64s })
  .map(({ host, port, inc }) => peerAt(host, port, inc));
const lists = fc.array(peers, { maxLength: 12 });
const ids = fc.string().map((text) => hashOf(fromUtf8(text)) as Id);
const keyIds = fc.string().map((text) => keyId(fromUtf8(text)));
const arcs = fc.record({ lo: ids, hi: ids });
const counts = fc.oneof(fc.nat(200), fc.maxSafeNat());
const epochs = fc.record({ n: counts, by: uint64s });
const keys = fc.uint8Array({ maxLength: 40 }).map(toBinaryString);
const values = fc
  .oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1000, maxLength: 1100 }))
  .map((bytes) => copyOctets(bytes));
const versions = fc
  .record({
    ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    ctr: fc.integer({ min: 0, max: 65_535 }),
    writer: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  })
  .map(({ ms, ctr, writer }) => versionOf(ms, ctr, writers.intern(toBinaryString(writer))));
export const records = fc
  .record({
    key: keys,
    version: versions,
    value: fc.option(values, { nil: undefined }),
    expireAtMs: fc.option(counts, { nil: undefined }),
    ev: fc.boolean(),
  })
  .map(({ key, version, value, expireAtMs, ev }) => new Record(keyId(key), key, version, value, expireAtMs, ev));
const int32s = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const digests = fc.record({ count: counts, fp0: int32s, fp1: int32s });
const consistencies = fc.constantFrom<Consistency>('default', 'eventual', 'quorum');
const statuses = fc.constantFrom<Status>('success', 'not_found', 'server_error', 'timeout', 'not_responsible');

const members = fc.uniqueArray(peers, { minLength: 1, maxLength: 5, selector: ({ id }) => id });

/** A view of some of these members. */
export const views: fc.Arbitrary<View> = fc
  .record({
    epoch: epochs,
    arc: arcs,
    members,
    votes: fc.nat(4),
    syncs: fc.integer({ min: 1, max: 5 }),
    floor: versions,
  })
  .map(({ votes, syncs, ...view }) => {
    const voters = view.members.slice(0, votes + 1).map(({ id }) => id);
    const [primary = view.members[0]?.id] = voters;
    if (primary === undefined) throw new Error('A view has members');
    return { ...view, voters, primary, syncs: Math.min(syncs, view.members.length) };
  });

// Questions

const under = { arc: arcs, epoch: epochs };
const syncQuestions: fc.Arbitrary<SyncQuestion> = fc.oneof(
  fc.record({
    type: type('sync_open'),
    ...under,
    purpose: fc.constantFrom<SyncPurpose>('listen', 'learn', 'rescue'),
  }),
  fc.record({ type: type('sync_ready'), ...under }),
  fc.oneof(
    fc.record({ type: type('sync_next'), ...under, bytesMax: counts }),
    fc.record({ type: type('sync_next'), ...under, after: ids, bytesMax: counts }),
  ),
  fc.record({
    type: type('ranges'),
    ...under,
    horizonMs: counts,
    ranges: fc.array(fc.record({ range: arcs, digest: digests }), { minLength: 1, maxLength: 5 }),
  }),
  fc.record({ type: type('fetch'), ...under, ids: fc.array(keyIds, { maxLength: 5 }) }),
  fc.record({ type: type('push'), ...under, records: fc.array(records, { maxLength: 5 }) }),
);

const viewQuestions: fc.Arbitrary<ViewQuestion> = fc.oneof(
  fc.record({ type: type('seal'), epoch: epochs, arc: arcs, members, since: epochs }),
  fc.record({ type: type('view_new'), view: views }),
  fc.record({ type: type('view_get'), arc: arcs }),
  fc.record({
    type: fc.constantFrom<'view_voter' | 'invite' | 'clean_up'>('view_voter', 'invite', 'clean_up'),
    ...under,
  }),
  fc.record({ type: type('view_blocked'), arc: arcs, epoch: epochs, promised: epochs }),
  fc.constant<ViewQuestion>({ type: 'depart' }),
  fc.record({ type: type('death_of'), target: peers }),
);

const testimonies = fc.record({ epoch: epochs, version: fc.option(versions, { nil: undefined }) });
const passedOn = {
  key: keys,
  consistency: consistencies,
  testimony: fc.option(testimonies, { nil: undefined }),
};

export const questions: fc.Arbitrary<RpcQuestion> = fc.oneof(
  fc.constantFrom<RpcQuestion>({ type: 'ping' }, { type: 'get_state' }, { type: 'join' }, { type: 'describe' }),
  fc.record({ type: type('ping_for'), target: peers }),
  fc.record({
    type: type('find_next'),
    key: ids,
    excluded: lists.map((list) => new Set(list.map(({ id }) => id))),
  }),
  fc.record({ type: type('get'), ...passedOn }),
  fc.record({ type: type('put'), value: values, ...passedOn }),
  fc.record({ type: type('delete'), ...passedOn }),
  fc.record({
    type: type('put_replica'),
    epoch: epochs,
    record: records,
    isNew: fc.boolean(),
  }),
  fc.record({ type: type('get_replica'), epoch: epochs, key: keys, wantsValue: fc.boolean() }),
  syncQuestions,
  viewQuestions,
);

// Answers

const busy = fc.constant({ type: 'busy' as const });
const declined = fc.oneof(
  busy,
  fc.record({
    type: type('refused'),
    reason: fc.constantFrom<'id_taken' | 'not_a_member'>('id_taken', 'not_a_member'),
  }),
);
const notOwner = fc.record({ type: type('not_owner'), hint: fc.option(peers, { nil: undefined }) });
const stale = fc.record({ type: type('stale'), view: fc.option(views, { nil: undefined }) });
const nack = fc.record({ type: type('nack'), promised: epochs, view: fc.option(views, { nil: undefined }) });
const pieces = fc
  .record({
    arc: arcs,
    view: views,
    role: fc.constantFrom<Role>('voter', 'learner', 'none'),
    pending: fc.array(fc.record({ epoch: epochs, members }), { maxLength: 3 }),
  })
  .map((piece) => ({ ...piece, view: restricted(piece.view, piece.arc) }));
const unknownPieces = fc.record({
  arc: arcs,
  view: fc.constant(undefined),
  role: fc.constant('none' as const),
  pending: fc.array(fc.record({ epoch: epochs, members }), { maxLength: 3 }),
});
const compared: fc.Arbitrary<Compared> = fc.oneof(
  fc.constant(undefined),
  fc.record({ type: type('split'), digests: fc.array(digests, { minLength: PARTS, maxLength: PARTS }) }),
  fc.record({ type: type('items'), items: fc.array(fc.record({ id: keyIds, version: versions }), { maxLength: 5 }) }),
);
const done = fc.oneof(
  notOwner,
  fc.record({
    type: type('done'),
    status: statuses,
    value: values,
    version: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBinaryString), { nil: undefined }),
    acks: counts,
    copies: counts,
    degraded: fc.boolean(),
  }),
);
const written = fc.oneof(
  done,
  fc.record({ type: type('minted'), version: versions, copies: counts, degraded: fc.boolean() }),
);

export const answers: { readonly [Method in keyof AnswersTo]: fc.Arbitrary<AnswersTo[Method]> } = {
  ping: fc.record({ type: type('pong'), systemMs: fc.nat(2 ** 48) }),
  ping_for: fc.constantFrom({ type: 'pong' as const }, { type: 'silent' as const }),
  describe: fc.record({
    type: type('described'),
    self: peers,
    state: fc.constantFrom<'joining' | 'active' | 'leaving'>('joining', 'active', 'leaving'),
    predecessor: fc.option(peers, { nil: undefined }),
    successors: lists,
    fingers: lists,
    arcs: fc.array(arcs, { maxLength: 4 }),
    keys: counts,
    bytes: counts,
    tombstones: counts,
    copies: fc.record({
      records: counts,
      led: counts,
      member: counts,
      learner: counts,
      newcomers: counts,
      least: counts,
      most: counts,
      unsettled: counts,
      fetching: counts,
      hints: counts,
    }),
  }),
  get_state: fc.oneof(declined, fc.record({ type: type('state'), predecessor: peers, successors: lists })),
  join: fc.oneof(
    declined,
    fc.record({ type: type('admitted'), successors: lists }),
    fc.record({ type: type('redirect'), to: peers }),
  ),
  find_next: fc.oneof(
    fc.record({ type: type('owner'), owner: peers, rest: lists }),
    fc.record({ type: type('candidates'), peers: lists }),
  ),
  get: done,
  put: written,
  delete: written,
  put_replica: fc.oneof(
    stale,
    fc.constantFrom({ type: 'stored' as const }, { type: 'skewed' as const }),
    fc.record({ type: type('superseded'), version: versions }),
  ),
  get_replica: fc.oneof(
    stale,
    fc.record({ type: type('replica'), isVoter: fc.boolean(), version: fc.constant(undefined) }),
    fc.record({ type: type('replica'), isVoter: fc.boolean(), version: versions }),
    fc
      .record({ isVoter: fc.boolean(), record: records })
      .map((each) => ({ type: 'replica' as const, ...each, version: each.record.version })),
  ),
  sync_open: fc.oneof(
    busy,
    stale,
    fc.record({
      type: type('opened'),
      floor: versions,
      digest: digests,
      bytes: counts,
      horizons: fc.array(fc.record({ arc: arcs, horizonMs: counts }), { maxLength: 3 }),
    }),
  ),
  sync_ready: fc.oneof(stale, fc.constant({ type: 'noted' as const })),
  sync_next: fc.oneof(
    busy,
    stale,
    fc.record({
      type: type('chunk'),
      records: fc.array(records, { maxLength: 5 }),
      after: fc.option(ids, { nil: undefined }),
    }),
  ),
  ranges: fc.oneof(busy, stale, fc.record({ type: type('compared'), ranges: fc.array(compared, { maxLength: 5 }) })),
  fetch: fc.oneof(
    busy,
    stale,
    fc.record({ type: type('records'), records: fc.array(records, { maxLength: 5 }), left: counts }),
  ),
  push: fc.oneof(busy, stale, fc.constant({ type: 'pushed' as const })),
  seal: fc.oneof(
    nack,
    fc.record({
      type: type('sealed'),
      pieces: fc.array(fc.oneof(pieces, unknownPieces), { maxLength: 4 }),
      clock: versions,
    }),
  ),
  view_new: fc.oneof(nack, fc.constant({ type: 'adopted' as const })),
  view_get: fc.record({ type: type('views'), views: fc.array(views, { maxLength: 4 }) }),
  view_voter: fc.oneof(stale, fc.constant({ type: 'noted' as const })),
  view_blocked: fc.oneof(stale, fc.constant({ type: 'noted' as const })),
  invite: fc.constantFrom({ type: 'accepted' as const }, { type: 'busy' as const }),
  depart: fc.constant({ type: 'noted' as const }),
  death_of: fc.constantFrom({ type: 'dead' as const }, { type: 'unknown' as const }),
  clean_up: fc.oneof(stale, fc.constantFrom({ type: 'clean' as const }, { type: 'wait' as const })),
};

/** Every method that is asked. */
export const asked = Object.keys(answers) as (keyof AnswersTo)[];

// Tales

export const tales: fc.Arbitrary<Tale> = fc.oneof(
  fc.constant({ type: 'notify' as const }),
  fc.record({ type: type('hint'), between: peers }),
  fc.record({ type: type('leaving_before'), successors: lists }),
  fc.record({ type: type('leaving_after'), predecessor: peers }),
);
