/** Views and copies as lines of text: what the program prints and the interactive client answers. */
import type { LocateInfo, PieceInfo, RepairInfo, StopVerdict, ViewsInfo } from '../admin/replica-answers';
import { showBytes } from './octet-text';
import { count, drawTable, plural, short } from './table-drawing';

/**
 * The views that a node knows, a line for each arc.
 *
 *   ARC                           EPOCH  ROLE     STATE    PRIMARY         MEMBERS
 *   (3147a8d55782, cbcebef43211]      7  primary  settled  127.0.0.1:8001  127.0.0.1:8001 127.0.0.1:8003
 */
export function drawViews({ addr, replicas, views, surplus }: ViewsInfo): readonly string[] {
  const rows = views.map((piece) => [
    drawArc(piece.arc),
    `${piece.epoch.n}`,
    piece.primary.addr === addr && piece.role === 'voter' ? 'primary' : roleWord(piece.role),
    stateOf(piece),
    piece.primary.addr,
    piece.members.map((member) => drawMember(piece, member)).join(' '),
  ]);
  const left =
    surplus.length === 0 ? [] : ['', `Copies that it need not keep any more: of ${plural(surplus.length, 'arc')}`];
  return [
    `Views known to ${addr}; each key should be kept by ${plural(replicas, 'node')}`,
    '',
    ...drawTable(['ARC', 'EPOCH', 'ROLE', 'STATE', 'PRIMARY', 'MEMBERS'], rows, ['left', 'right']),
    ...left,
  ];
}

/** Who keeps a key, a line for each of them. */
export function drawLocation({ key64, keyId, arc, epoch, copies, agreed }: LocateInfo): readonly string[] {
  const key = key64 === '' ? '""' : showBytes(Buffer.from(key64, 'base64'));
  const rows = copies.map(({ addr, role, state, kind, version, bytes }) => [
    addr,
    role,
    kind ?? state,
    bytes === null ? '' : count(bytes),
    version === null ? '' : new Date(version.ms).toISOString(),
    version?.version ?? '',
  ]);
  return [
    `Key ${key}, id ${short(keyId)}, is kept by ${plural(copies.length, 'node')}, which ${agreed ? 'agree' : 'do not agree'}`,
    `Arc ${drawArc(arc)}, epoch ${epoch.n}`,
    '',
    ...drawTable(['NODE', 'ROLE', 'HAS', 'BYTES', 'WRITTEN', 'VERSION'], rows, ['left', 'left', 'left', 'right']),
  ];
}

/** What a repair has come to, on one line. */
export function drawRepair({ compared, differences, repaired, failed, tookMs }: RepairInfo): string {
  const made = `Compared ${plural(compared, 'replica')} in ${count(tookMs)} ms`;
  const failures = failed === 0 ? '' : `; ${count(failed)} could not be compared`;
  return `${made}: ${plural(differences, 'difference')} found, ${count(repaired)} mended${failures}`;
}

/** Whether a node can stop, on one line. */
export function drawStop({ safe, reason }: StopVerdict): string {
  return safe ? 'Safe to stop' : `Not safe to stop: ${reason ?? 'the node does not say why'}`;
}

const drawArc = ({ lo, hi }: PieceInfo['arc']) => (lo === hi ? 'all' : `(${short(lo)}, ${short(hi)}]`);

const roleWord = (role: PieceInfo['role']) => (role === 'none' ? '-' : role);

/** Whoever is no member does not hear of what becomes of a view. */
function stateOf({ role, sealed, settled, newcomers, members, voters }: PieceInfo): string {
  if (role === 'none') return '-';
  if (sealed) return 'changing';
  if (members.length > voters.length) return 'learning';
  if (newcomers.some(({ state }) => state !== 'absent')) return 'growing';
  if (settled === null) return '-';
  return settled ? 'settled' : 'comparing';
}

function drawMember({ role, voters }: PieceInfo, { id, addr }: PieceInfo['members'][number]): string {
  return role === 'none' || voters.includes(id) ? addr : `${addr}(learner)`;
}
