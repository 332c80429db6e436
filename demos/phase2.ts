/**
 * Phase 2: the identifier circle.
 *
 * Eight nodes form a ring. Where they stand on the circle, which arc each owns, what their finger
 * tables say and which way a lookup takes is shown, and each is compared with what comes out when
 * one simply looks at all nodes at once. Then keys are stored through one of them, and each lands
 * where it belongs.
 */
import { createHash } from 'node:crypto';
import type { LookupInfo, RingInfo } from '../src/admin/answers';
import { betweenOpen, betweenRightClosed, type Id, keyId, nodeId } from '../src/chord/id';
import { drawFingers, drawLookup, drawStatus } from '../src/cli/ring-drawing';
import { FINGERS } from '../src/chord/finger-table';
import { fromUtf8 } from '../src/octets';
import { type NodeUnderShow, startProgram } from './node-under-show';
import { RingShow } from './ring-show';
import { inRingOrder, keysByOwner, nameOf, RingUnderShow, ringProblem, short, type StartNode } from './ring-under-show';
import { type Out, type Problem, runAsProgram, sameProblem, type Stage } from './stage';

const NODES = 8;
const LOOKUPS = 200;
const KEYS = 1000;

/** Shows all of it, in a ring of so many nodes; true where every claim held. */
export function run(out: Out, startNode: StartNode = startProgram, size = NODES): Promise<boolean> {
  const show = new RingShow(out, new RingUnderShow(startNode));
  const forming = () => showRing(show, size);
  return show.play('phase 2: the identifier circle', [
    showIdentifiers,
    forming,
    showFingers,
    showLookups,
    showPlacement,
  ]);
}

// Scenes

function showIdentifiers({ stage }: RingShow): void {
  stage.scene('Nodes and keys share one circle of 2^160 points');
  const node = nodeId('127.0.0.1', 9001);
  const key = keyId(fromUtf8('user:alice'));
  stage.show(`node 127.0.0.1:9001 stands at  ${node}`, `key user:alice belongs at     ${key}`);
  stage.check("a node's place is the SHA-1 of its address", sameProblem('it', node, sha1('127.0.0.1:9001')));
  stage.check("a key's place is the SHA-1 of its bytes", sameProblem('it', key, sha1('user:alice')));
  const [a, b, c] = ['1', '8', 'f'].map((digit) => digit.repeat(40) as Id) as [Id, Id, Id];
  const inside = [betweenRightClosed(b, a, c), betweenRightClosed(c, a, c), betweenRightClosed(a, a, c)];
  stage.check('an arc (a, b] has its end and not its beginning', sameProblem('it', inside.join(), 'true,true,false'));
  const round = [betweenOpen(a, c, b), betweenOpen(b, c, a), betweenRightClosed(b, a, a)];
  stage.check('arcs go on behind the end of the circle', sameProblem('it', round.join(), 'true,false,true'));
}

async function showRing({ stage, ring }: RingShow, size: number): Promise<void> {
  stage.scene(`${size} nodes form a ring: the first creates it, the others join it at once`);
  await ring.startAll(size);
  const { tookMs, problem } = await ring.untilSettled();
  const seen = await ring.seenBy(nodeAt(ring, 0));
  stage.show(`whole ${Math.round(tookMs)} ms after the last one was ready`, '', ...drawStatus(seen), '');
  stage.check('every node sees the same ring, in the order of the identifiers', problem);
  const ids = ring.nodes.map((node) => sameProblem('an identifier', node.id, sha1(nameOf(node))));
  stage.check(
    'each stands at the SHA-1 of its address',
    ids.find((wrong) => wrong !== undefined),
  );
  stage.check('predecessors and successors are each other', ringProblem(seen, ring.nodes));
  showArcs(stage, seen);
}

function showArcs(stage: Stage, { nodes }: RingInfo): void {
  stage.scene('Each node owns the arc from its predecessor to itself');
  stage.show(
    ...inRingOrder(nodes).map(
      ({ addr, arcs: [arc] }) => `${addr} owns (${short(arc?.lo ?? '-')}, ${short(arc?.hi ?? '-')}]`,
    ),
  );
  stage.check('every point of the circle has exactly one owner', arcsProblem(nodes));
}

async function showFingers({ stage, ring }: RingShow): Promise<void> {
  stage.scene(`Finger i of a node is the first node at or behind its own place + 2^i: ${FINGERS} shortcuts`);
  const { tookMs, wrong } = await ring.untilFingersRight();
  stage.show(...drawFingers(await ring.fingers(nodeAt(ring, 0))), '', `right after ${Math.round(tookMs)} ms`);
  stage.check(
    `all ${FINGERS * ring.nodes.length} fingers are right`,
    sameProblem('the number that is wrong', wrong, 0),
  );
}

async function showLookups({ stage, ring }: RingShow): Promise<void> {
  stage.scene(`${LOOKUPS} lookups, each from one node after the other`);
  const keys = Array.from({ length: LOOKUPS }, (_none, index) => `lookup-${index}`);
  const found: LookupInfo[] = [];
  for (const [index, key] of keys.entries()) found.push(await lookUp(ring, index, key));
  const longest = [...found].sort((a, b) => b.hops - a.hops)[0];
  if (longest !== undefined) stage.show('the longest way:', '', ...drawLookup(longest), '');
  const mean = found.reduce((sum, { hops }) => sum + hops, 0) / found.length;
  const size = ring.nodes.length;
  stage.show(`${mean.toFixed(2)} hops on average; half of log2 ${size} is ${(Math.log2(size) / 2).toFixed(2)}`);
  const wrong = found.filter(({ owner }, index) => owner.id !== ring.ownerOf(keys[index] ?? '').id).length;
  stage.check('each finds the node that comes first behind the key', sameProblem('the number that does not', wrong, 0));
  const doubted = found.filter(({ confirmed }) => !confirmed).length;
  stage.check('each owner says that it is', sameProblem('the number that does not', doubted, 0));
  stage.check('none takes more than log2 N hops and one to the owner', hopsProblem(found, Math.log2(size) + 1));
}

/** On a busy machine a node may be taken for dead for a moment, and another leads its arc: then it is looked up again. */
async function lookUp(ring: RingUnderShow, index: number, key: string): Promise<LookupInfo> {
  const found = await ring.lookup(nodeAt(ring, index), key);
  if (found.confirmed) return found;
  await ring.untilSettled();
  return await ring.lookup(nodeAt(ring, index), key);
}

async function showPlacement(show: RingShow): Promise<void> {
  const { stage, ring } = show;
  stage.scene(`${KEYS} keys are stored, all of them through the first node`);
  await show.store(KEYS);
  const right = keysByOwner(ring, show.acknowledged.keys());
  const { problem } = await ring.until(async () => placementProblem(await ring.seenBy(show.node(0)), right));
  const seen = await ring.seenBy(show.node(0));
  stage.show(
    ...seen.nodes.map(({ addr, id, keys }) => `${addr} leads ${keys} keys, and ${right.get(id) ?? 0} belong to it`),
  );
  stage.check('each node leads what belongs to it', problem);
  await show.checkAllFound('another node finds every one', nodeAt(ring, ring.nodes.length - 1));
}

// What is a problem

/** A problem where the arcs of these nodes leave a gap or overlap. They come in ring order. */
export function arcsProblem(nodes: RingInfo['nodes']): Problem {
  const wrong = nodes.find(({ id, arcs: [arc, more] }, index) => {
    return arc?.hi !== id || arc.lo !== nodes.at(index - 1)?.id || more !== undefined;
  });
  return wrong && `what ${wrong.addr} owns is not the arc from its predecessor to itself`;
}

/** A problem where a lookup took more steps than this. */
export function hopsProblem(found: readonly { readonly hops: number }[], mostHops: number): Problem {
  const most = Math.max(0, ...found.map(({ hops }) => hops));
  return most <= mostHops ? undefined : `one took ${most}`;
}

/** A problem where a node does not have as many keys as belong to it. */
export function placementProblem({ nodes }: RingInfo, right: ReadonlyMap<string, number>): Problem {
  const wrong = nodes.find(({ id, keys }) => keys !== (right.get(id) ?? 0));
  return wrong && `${wrong.addr} has ${wrong.keys} keys, not ${right.get(wrong.id) ?? 0}`;
}

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

const nodeAt = ({ nodes }: RingUnderShow, index: number) => nodes[index % nodes.length] as NodeUnderShow;

if (require.main === module) runAsProgram(run);
