/**
 * Key locate: who keeps a key, and what each of them has of it.
 *
 * Any node may be asked. It begins with the newest view that it knows, or that the owner on the ring does, and goes on
 * to whoever that names as primary, until nobody knows a newer one. Then every member is asked for its copy.
 */
import type { Id, KeyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { inRange, type Range } from '../chord/range';
import type { BinaryString } from '../octets';
import { compareEpochs } from '../replication/epoch';
import { holdingAt } from '../replication/holding';
import { compareVersions, type VersionWords } from '../replication/version';
import { primaryOf, type View } from '../replication/view';
import { dataBytes, type Record } from '../store/record';
import { versionInfo } from './keys-page';
import type { ReplicaView } from './node-view';
import type { CopyInfo, LocateInfo } from './replica-answers';
import { peerInfo } from './ring-view';
import { epochInfo } from './views-report';

/** How often a view may turn out to be out of date. */
const STEPS_MAX = 8;

/** What is found about a key, without the key. */
export type Located = Omit<LocateInfo, 'key64' | 'keyId'>;

/** Where a key is; undefined where nobody who answers knows a view of it. `owner`: who should know, by the ring. */
export async function locate(
  view: ReplicaView,
  key: BinaryString,
  id: KeyId,
  owner: Peer | undefined,
): Promise<Located | undefined> {
  const found = await newestView(view, id, owner);
  if (found === undefined) return undefined;
  const copies = await Promise.all(found.members.map((member) => copyAt(view, found, member, { key, id })));
  return {
    arc: found.arc,
    epoch: epochInfo(found.epoch),
    copies: copies.map(({ info }) => info),
    agreed: copies.every((copy) => copy.info.state === 'answered' && isSame(copy, copies[0])),
  };
}

async function newestView(view: ReplicaView, id: KeyId, owner: Peer | undefined): Promise<View | undefined> {
  const asked = new Set<Id>();
  const self = view.views()?.self.id;
  let newest = holdingAt(view.views()?.holdings ?? [], id)?.view;
  let next = owner ?? (newest && primaryOf(newest));
  for (let step = 0; step < STEPS_MAX && next !== undefined && !asked.has(next.id); step += 1) {
    asked.add(next.id);
    const answer = next.id === self ? undefined : await view.ask(next, { type: 'view_get', arc: circleFrom(next) });
    const told = answer?.type === 'views' ? answer.views.filter(({ arc }) => inRange(id, arc)) : [];
    newest = [...told, ...(newest ? [newest] : [])].reduce<View | undefined>(newer, undefined);
    next = newest && primaryOf(newest);
  }
  return newest;
}

/** All of the circle, which is cut where arcs end anyway. */
const circleFrom = ({ id }: Peer): Range => ({ lo: id, hi: id });

const newer = (a: View | undefined, b: View): View => (a && compareEpochs(a.epoch, b.epoch) >= 0 ? a : b);

/** What a member has: `version` undefined is nothing. */
interface Copy {
  readonly info: CopyInfo;
  readonly version: VersionWords | undefined;
}

/** A key and where it stands on the circle. */
interface PlacedKey {
  readonly key: BinaryString;
  readonly id: KeyId;
}

async function copyAt(replicas: ReplicaView, view: View, member: Peer, placed: PlacedKey): Promise<Copy> {
  const nothing = { kind: null, version: null, bytes: null } as const;
  const who = { ...peerInfo(member), role: roleIn(view, member) };
  if (member.id === replicas.views()?.self.id) return ownCopy(replicas, view, who, placed);
  const { epoch } = view;
  const { key } = placed;
  const answer = await replicas.ask(member, { type: 'get_replica', epoch, key, wantsValue: true });
  if (answer?.type === 'replica') return answered(who, answer.record);
  const state = answer?.type === 'stale' ? 'stale' : 'silent';
  return { info: { ...who, state, ...nothing }, version: undefined };
}

type Who = Pick<CopyInfo, 'id' | 'addr' | 'role'>;

function ownCopy(replicas: ReplicaView, { epoch }: View, who: Who, { key, id }: PlacedKey): Copy {
  const table = replicas.table();
  const own = holdingAt(replicas.views()?.holdings ?? [], id)?.view;
  const isCurrent = own !== undefined && compareEpochs(own.epoch, epoch) === 0;
  if (table !== undefined && isCurrent) return answered(who, table.get(key));
  const state = table === undefined ? 'silent' : 'stale';
  return { info: { ...who, state, kind: null, version: null, bytes: null }, version: undefined };
}

function answered(who: Who, record: Record | undefined): Copy {
  if (record === undefined) {
    return { info: { ...who, state: 'answered', kind: 'absent', version: null, bytes: null }, version: undefined };
  }
  const { kind, version } = record;
  return {
    info: { ...who, state: 'answered', kind, version: versionInfo(record), bytes: dataBytes(record) },
    version,
  };
}

function isSame({ version: a }: Copy, other: Copy | undefined): boolean {
  const b = other?.version;
  return a === undefined || b === undefined ? a === b : compareVersions(a, b) === 0;
}

function roleIn({ primary, voters }: View, { id }: Peer): CopyInfo['role'] {
  if (id === primary) return 'primary';
  return voters.includes(id) ? 'voter' : 'learner';
}
