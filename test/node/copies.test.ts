/** How the copies of a ring of real nodes come and stay equal. */
import * as handoff from '../../actors/handoff';
import * as kvStore from '../../actors/kv-store';
import * as replicaSyncer from '../../actors/replica-syncer';
import { open } from '../../actors/replica-window';
import { keyId } from '../../src/chord/id';
import { inRange, type Range } from '../../src/chord/range';
import { fromUtf8 } from '../../src/octets';
import type { View } from '../../src/replication/view';
import { versionOf, Writers } from '../../src/replication/version';
import { digestsEqual } from '../../src/store/digest';
import { Record } from '../../src/store/record';
import { closeAll, type TestNode, until } from '../support/node';
import { startMember, startRing, untilWhole } from '../support/ring';

afterEach(closeAll);

const WRITER = new Writers().intern('a-writer' as never);
const NOW_MS = Date.now();
const OPTIONS = { antiEntropyIntervalMs: 1000 };

const recordsOf = (count: number, from = 0, ageMs = 60_000) =>
  Array.from({ length: count }, (_none, n) => {
    const key = fromUtf8(`key ${from + n}`);
    return new Record(keyId(key), key, versionOf(NOW_MS - ageMs, 0, WRITER), fromUtf8(`value ${n}`), undefined, false);
  });

const tableOf = (node: TestNode) => {
  const table = node.runtime.run(kvStore.open)?.table;
  if (table === undefined) throw new Error('There is no table');
  return table;
};

const viewsOf = (node: TestNode) => node.runtime.run(handoff.read)?.views;
const rowOf = (node: TestNode) => node.runtime.run(replicaSyncer.read);

/** The views that these nodes lead. */
const ledBy = (nodes: readonly TestNode[]): readonly View[] =>
  nodes.flatMap((node) =>
    (viewsOf(node)?.holdings ?? []).flatMap(({ view, role }) =>
      view && role === 'voter' && view.primary === node.node.self.id ? [view] : [],
    ),
  );

/** Whether every arc has three members that vote, and have the same. */
function areSettled(nodes: readonly TestNode[], copies = 3): boolean {
  const led = ledBy(nodes);
  const isSame = ({ arc, members }: { arc: Range; members: View['members'] }) => {
    const digests = members.map(({ id }) => {
      const node = nodes.find((each) => each.node.self.id === id);
      return node && tableOf(node).digest(arc);
    });
    const [first] = digests;
    return first !== undefined && digests.every((digest) => digest && digestsEqual(digest, first));
  };
  return (
    led.length >= nodes.length &&
    led.every((view) => view.members.length === copies && view.voters.length === copies && isSame(view))
  );
}

describe('the copies of a ring', () => {
  it('are all there soon after a node has joined, with nothing that had to be mended', async () => {
    const nodes = await startRing(3, OPTIONS);
    await untilWhole(nodes);
    await until('three copies', () => areSettled(nodes));
    for (const node of nodes) for (const record of recordsOf(10_000)) tableOf(node).merge(record);
    const fourth = await startMember(nodes, OPTIONS);
    const all = [...nodes, fourth];
    await untilWhole(all, 10_000);
    await until('three copies among four', () => areSettled(all), 20_000);
    expect(all.flatMap((node) => rowOf(node)?.members ?? []).every(({ repaired }) => repaired === 0)).toBe(true);
    await until('the end of all fetching', () => all.every((node) => rowOf(node)?.jobs.length === 0));
  }, 60_000);

  it('are given away before they are dropped, where only one that need not keep them has an eventual write', async () => {
    const nodes = await startRing(3, { ...OPTIONS, cleanupDelayMs: 3000 });
    await untilWhole(nodes);
    await until('three copies', () => areSettled(nodes));
    nodes.push(await startMember(nodes, { ...OPTIONS, cleanupDelayMs: 3000 }));
    const surplusOf = (node: TestNode) => viewsOf(node)?.surplus[0]?.arc;
    await until('somebody that has one copy too many', () => nodes.some((node) => surplusOf(node) !== undefined));
    const former = nodes.find((node) => surplusOf(node) !== undefined);
    const arc = former && surplusOf(former);
    if (former === undefined || arc === undefined) throw new Error('There is none');
    const [only, leftover] = recordsOf(1000).filter((record) => inRange(record.keyId, arc));
    if (only === undefined || leftover === undefined) throw new Error('No key is there');
    const { keyId: id, key, version, value } = only;
    tableOf(former).merge(new Record(id, key, version, value, undefined, true));
    tableOf(former).merge(leftover);
    await until('nothing left over', () => nodes.every((node) => surplusOf(node) === undefined), 20_000);
    const holders = (record: Record) => nodes.filter((node) => tableOf(node).get(record.key) !== undefined);
    await until('three copies of what it had', () => holders(only).length === 3);
    expect(holders(only)).not.toContain(former);
    // What somebody wanted to write by quorum, and no member has, was never written.
    expect(holders(leftover)).toEqual([]);
  }, 60_000);

  it('are mended wherever they differ', async () => {
    const nodes = await startRing(3, OPTIONS);
    await untilWhole(nodes);
    await until('three copies', () => areSettled(nodes));
    const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
    for (const node of nodes) for (const record of recordsOf(1000)) tableOf(node).merge(record);
    for (const record of recordsOf(50)) tableOf(a).forget(record.key, record);
    for (const record of recordsOf(50, 200, 30_000)) tableOf(b).merge(record);
    for (const record of recordsOf(50, 5000)) tableOf(c).merge(record);
    await until('equal copies', () => areSettled(nodes));
    expect(nodes.flatMap((node) => rowOf(node)?.members ?? []).some(({ repaired }) => repaired > 0)).toBe(true);
    for (const node of nodes) expect(tableOf(node).stats().keys).toBe(1050);
    const outcome = await open(a.runtime).repair();
    expect(outcome).toMatchObject({ differences: 0, failed: 0 });
  }, 30_000);
});
