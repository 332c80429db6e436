/**
 * Rings of nodes in this process, and whether they are whole: judged from the tables in which each
 * node publishes its pointers, which no node could.
 */
import * as handoff from '../../actors/handoff';
import * as ringState from '../../actors/ring-state';
import { Snapshot } from '../../src/chord/invariants';
import type { RingMember } from '../../src/chord/ring-member';
import type { NodeSettings } from '../../src/config';
import { ledArc, viewsLed } from '../../src/replication/led-arc';
import { allVote } from '../../src/replication/view';
import { closeLater, TestNode, until } from './node';

/** How long a ring may take to become whole: far longer than it does, for how long that is is measured by `make bench`. */
export const WHOLE_MS = 10_000;

/** The pointers that a node has published. */
export const pointersOf = (node: TestNode): RingMember | undefined =>
  node.runtime.isStopped ? undefined : node.runtime.run(ringState.read);

/** `host:port` of a node. */
export const addrOf = (node: TestNode): string => `${node.node.settings.host}:${node.port}`;

/** Whether every pointer of these nodes, and of no others, is what it should be. */
export function isWhole(nodes: readonly TestNode[]): boolean {
  const members = nodes.map(pointersOf);
  if (!members.every((member) => member?.phase === 'member')) return false;
  if (members.length === 1) return members[0]?.successors[0]?.id === members[0]?.self.id;
  const snapshot = new Snapshot(
    members.flatMap((member) =>
      member === undefined
        ? []
        : {
            id: member.self.id,
            predecessor: member.predecessor.id,
            successors: member.successors.map(({ id }) => id),
          },
    ),
  );
  return snapshot.isIdeal(members[0]?.successorsMax ?? 0);
}

/** Resolves when these nodes are one ring and whole; with how long that took. */
export async function untilWhole(nodes: readonly TestNode[], boundMs: number = WHOLE_MS): Promise<number> {
  const startMs = performance.now();
  await until(`a whole ring of ${nodes.length}`, () => isWhole(nodes), boundMs).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${nodes.map(told).join('\n')}`);
  });
  return performance.now() - startMs;
}

/** Starts a node of a ring. It ends with the test, and leaves nobody waiting for its goodbyes. */
export async function startMember(join: readonly TestNode[], options: Partial<NodeSettings> = {}): Promise<TestNode> {
  const node = await TestNode.start({ join: join.map(addrOf).join(','), ...options });
  closeLater(() => node.crash());
  return node;
}

/** A ring of so many, started one after the other, each through the first. */
export async function startRing(count: number, options: Partial<NodeSettings> = {}): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  while (nodes.length < count) nodes.push(await startMember(nodes.slice(0, 1), options));
  return nodes;
}

/** A node's pointers for a person who has to find out why a ring is not whole. */
function told(node: TestNode): string {
  const member = pointersOf(node);
  if (member === undefined) return `${addrOf(node)}: ended`;
  const { phase, predecessor, successors, step } = member;
  const list = successors.map(({ addr }) => addr).join(' ');
  return `${addrOf(node)}: ${phase}, ${predecessor.addr} <- -> ${list}${step ? ` (${step.type})` : ''}`;
}

/** What a node owns of the circle. */
export function arcOf(node: TestNode) {
  const row = node.runtime.run(handoff.read);
  return row && ledArc(row.views);
}

/** How many nodes keep what a node leads and vote: with two, a majority is both, and nobody may be slow. */
function copiesOf(node: TestNode): number {
  const row = node.runtime.run(handoff.read);
  return Math.min(...(row ? viewsLed(row.views) : []).map((view) => (allVote(view) ? view.members.length : 0)));
}

/** Resolves when the nodes lead the whole circle between them, each what Chord gives it, and have all copies. */
export async function untilOwned(nodes: readonly TestNode[]): Promise<void> {
  await untilWhole(nodes);
  const sorted = nodes.toSorted((a, b) => (a.node.id < b.node.id ? -1 : 1));
  await until('every node leads its arc', () =>
    sorted.every((node, i) => arcOf(node)?.lo === sorted.at(i - 1)?.node.id),
  );
  await until('there are all copies', () => nodes.every((node) => copiesOf(node) === Math.min(3, nodes.length)));
}
