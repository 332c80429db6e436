/** The ring as lines of text: what `funnelkvs ring` prints and the interactive client answers. */
import type { FingersInfo, LookupInfo, RingInfo, RingNode } from '../admin/answers';
import { showBytes } from './octet-text';
import { count, drawTable, milliseconds, percent, plural, short } from './table-drawing';

/**
 * The state of the ring on one screen: whether it is whole, who is missing, and what each node has.
 *
 *   The ring is whole: 2 nodes, 1,000 keys in 2 copies
 *
 *   NODE            STATE   OWNS    KEYS   BYTES  COPIES  LEARNERS  REPAIR
 *   127.0.0.1:8001  active  61.3 %   613  10,000       2         0  agreed
 *   127.0.0.1:8002  active  38.7 %   387  10,000       2         0  agreed
 */
export function drawStatus(ring: RingInfo): readonly string[] {
  const rows = ring.nodes.map((node) => [
    node.addr,
    node.state,
    percent(shareOf(node)),
    ...(node.state === 'unreachable' ? [] : heldBy(node)),
  ]);
  return [...drawSummary(ring), '', ...drawTable(STATUS_HEAD, rows, STATUS_ALIGNS)];
}

const STATUS_HEAD = ['NODE', 'STATE', 'OWNS', 'KEYS', 'BYTES', 'COPIES', 'LEARNERS', 'REPAIR'];

const STATUS_ALIGNS = ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'] as const;

function heldBy({ keys, bytes, copies }: RingNode): readonly string[] {
  return [count(keys), count(bytes), rangeText(copies) || '-', count(copies.learner), repairState(copies)];
}

/** What a node does to bring copies in line, in a word or two; the most urgent first. */
export function repairState({ fetching, unsettled, newcomers, hints, led, member }: RingNode['copies']): string {
  if (fetching > 0) return 'fetching';
  if (newcomers > 0) return 'growing';
  if (unsettled > 0) return 'comparing';
  if (hints > 0) return `${plural(hints, 'record')} to send`;
  return led + member === 0 ? '-' : 'agreed';
}

const rangeText = ({ least, most }: Pick<RingNode['copies'], 'least' | 'most'>) => {
  if (most === 0) return '';
  return least === most ? count(most) : `${count(least)}-${count(most)}`;
};

/** Every node with its place in the ring. */
export function drawNodes({ nodes }: RingInfo): readonly string[] {
  const rows = nodes.map(({ addr, id, state, predecessor, successorList }) => [
    addr,
    short(id),
    state,
    predecessor?.addr ?? '-',
    successorList.map((peer) => peer.addr).join(' ') || '-',
  ]);
  return drawTable(['NODE', 'ID', 'STATE', 'PREDECESSOR', 'SUCCESSORS'], rows);
}

/** The fingers of one node, a line for each peer. */
export function drawFingers({ addr, id, fingers }: FingersInfo): readonly string[] {
  const rows = fingers.map(({ first, last, target, peer }) => [
    first === last ? `${first}` : `${first}-${last}`,
    short(target),
    peer.addr,
    short(peer.id),
  ]);
  return [
    `Fingers of ${addr}, id ${short(id)}`,
    '',
    ...drawTable(['FINGER', 'FROM', 'NODE', 'ID'], rows, ['right', 'left', 'left', 'left']),
  ];
}

/** The way to a key, a line for each node on it. */
export function drawLookup({ key64, keyId, owner, confirmed, path, hops, tookMs }: LookupInfo): readonly string[] {
  const key = key64 === '' ? '""' : showBytes(Buffer.from(key64, 'base64'));
  const rows = path.map((hop, index) => [`${index}`, hop.addr, short(hop.id), milliseconds(hop.tookMs)]);
  const doubt = confirmed
    ? []
    : [`${owner.addr} does not say so itself: it does not answer, or is about to take it over`];
  return [
    `Key ${key}, id ${short(keyId)}, belongs to ${owner.addr}`,
    ...doubt,
    '',
    ...drawTable(['HOP', 'NODE', 'ID', 'TOOK'], rows, ['right', 'left', 'left', 'right']),
    '',
    `${plural(hops, 'hop')}, ${milliseconds(tookMs)}`,
  ];
}

/** How much of the circle a node leads: 0 to 1. */
export function shareOf({ arcs }: RingNode): number {
  return arcs.reduce((sum, arc) => sum + shareIn(arc), 0);
}

function shareIn(arc: RingNode['arcs'][number]): number {
  if (arc.lo === arc.hi) return 1;
  const [lo, hi] = [arc.lo, arc.hi].map((id) => Number.parseInt(id.slice(0, HEX_DIGITS_EXACT), 16));
  const share = ((hi ?? 0) - (lo ?? 0)) / 16 ** HEX_DIGITS_EXACT;
  return share < 0 ? share + 1 : share;
}

/** So many digits of an identifier a number holds exactly. */
const HEX_DIGITS_EXACT = 13;

function drawSummary({ nodes, consistent, covered, problems }: RingInfo): readonly string[] {
  const missing = nodes.filter(({ state }) => state === 'unreachable');
  const keys = nodes.reduce((sum, node) => sum + node.keys, 0);
  const counts =
    missing.length === 0
      ? plural(nodes.length, 'node')
      : `${nodes.length - missing.length} of ${nodes.length} nodes answer`;
  return [
    `The ring is ${stateOf(consistent, covered)}: ${counts}, ${plural(keys, 'key')}${copiesOf(nodes)}`,
    ...problems.map((why) => `  ${why}`),
  ];
}

/** In how many copies the keys are kept, where anybody leads any. */
function copiesOf(nodes: readonly RingNode[]): string {
  const leaders = nodes.flatMap(({ copies }) => (copies.led > 0 ? [copies] : []));
  if (leaders.length === 0) return '';
  const least = Math.min(...leaders.map((copies) => copies.least));
  const most = Math.max(...leaders.map((copies) => copies.most));
  return ` in ${rangeText({ least, most })} ${most === 1 ? 'copy' : 'copies'}`;
}

function stateOf(consistent: boolean, covered: boolean): string {
  if (consistent) return covered ? 'whole' : 'not whole, for not every key has one owner';
  return covered ? 'not whole' : 'not whole, and not every key has one owner';
}
