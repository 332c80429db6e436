/** The ring as lines of text: what `funnelkvs ring` prints and the interactive client answers. */
import Table from 'cli-table3';
import type { FingersInfo, LookupInfo, RingInfo, RingNode } from '../admin/answers';
import { showBytes } from './octet-text';

/**
 * The state of the ring on one screen: whether it is whole, who is missing, and what each node has.
 *
 *   The ring is whole: 2 nodes, 1,000 keys held
 *
 *   NODE            STATE   OWNS    KEYS  BYTES
 *   127.0.0.1:8001  active  61.3 %   613  6,130
 *   127.0.0.1:8002  active  38.7 %   387  3,870
 */
export function drawStatus(ring: RingInfo): readonly string[] {
  const rows = ring.nodes.map((node) => [
    node.addr,
    node.state,
    percent(shareOf(node)),
    ...(node.state === 'unreachable' ? ['', ''] : [count(node.keys), count(node.bytes)]),
  ]);
  return [
    ...drawSummary(ring),
    '',
    ...drawTable(['NODE', 'STATE', 'OWNS', 'KEYS', 'BYTES'], rows, ['left', 'left', 'right', 'right', 'right']),
  ];
}

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

/** How much of the circle a node owns: 0 to 1. */
export function shareOf({ arc }: RingNode): number {
  if (arc === null) return 0;
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
    `The ring is ${stateOf(consistent, covered)}: ${counts}, ${plural(keys, 'key')} held`,
    ...problems.map((why) => `  ${why}`),
  ];
}

function stateOf(consistent: boolean, covered: boolean): string {
  if (consistent) return covered ? 'whole' : 'not whole, for not every key has one owner';
  return covered ? 'not whole' : 'not whole, and not every key has one owner';
}

type Align = 'left' | 'right';

const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'mid', 'left', 'right'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((part) => [`${side}${part}`, '']),
  ),
);

/** Columns and nothing between them but blanks: as readable in a terminal as it is easy to cut up in a script. */
function drawTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  colAligns: readonly Align[] = [],
): readonly string[] {
  const table = new Table({
    head: [...head],
    colAligns: [...colAligns],
    chars: { ...NO_LINES, middle: '  ' },
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

const SHORT_DIGITS = 12;

const short = (id: string) => id.slice(0, SHORT_DIGITS);

const count = (number: number) => number.toLocaleString('en-US');

const plural = (number: number, what: string) => `${count(number)} ${what}${number === 1 ? '' : 's'}`;

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const milliseconds = (ms: number) => `${ms.toFixed(1)} ms`;
