/** Nodes and their views as lines of text, to be read where a story with them has gone wrong. */
import type { KeyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import { standingOf, type Views } from '../../src/replication/views';
import type { SmallNetwork, ViewNode } from './small-network';

/** Few digits of it; with an `x` where it was restarted. */
export const name = ({ id, inc }: Peer) => `${id.slice(0, 4)}${inc % 65_536n > 0n ? 'x' : ''}`;

/** All that live. */
export function drawViews(world: SmallNetwork): string {
  return world.alive.map((node) => drawNode(world, node)).join('\n');
}

function drawNode(world: SmallNetwork, { self, views, isIn }: ViewNode): string {
  const pieces = views.holdings.filter(({ role, arc }) => role !== 'none' || keysAreLost(world, arc)).map(drawPiece);
  const { newcomers, lessons, attempts, tells, dues } = views;
  return [
    `  ${name(self)} ${isIn ? '' : 'out'} p=${name(views.ring.predecessor)} s=${views.ring.successors.map(name).join()} dead=${[...views.dead.values()].map(name).join()}`,
    ...pieces,
    `attempts ${attempts.map(({ arc, epoch, members }) => `${arc.lo.slice(0, 4)}-${arc.hi.slice(0, 4)}e${epoch.n}[${members.map(name).join()}]`).join()}`,
    `newcomers ${newcomers.map(({ peer, arc, state }) => `${name(peer)}:${arc.hi.slice(0, 4)}:${state}`).join()}`,
    `lessons ${lessons.map((lesson) => drawLesson(lesson, world.nowMs)).join()}`,
    `tells ${tells.map(({ to }) => name(to)).join()} dues ${dues.map(({ reason, arc, rank }) => `${reason}:${arc.hi.slice(0, 4)}:${rank}`).join()}`,
  ].join('\n    ');
}

function drawPiece({ arc, view, role, promised }: Views['holdings'][number]): string {
  const members = view?.members.map((peer) => `${name(peer)}${view.voters.includes(peer.id) ? '' : '?'}`).join(',');
  return `(${arc.lo.slice(0, 4)},${arc.hi.slice(0, 4)}]${role} e${view?.epoch.n}<=${promised.n} by ${view ? view.primary.slice(0, 4) : '-'} [${members}] s${view?.syncs}`;
}

function drawLesson(
  { kind, arc, epoch, job, merged, needed, failures, dueAtMs }: Views['lessons'][number],
  nowMs: number,
): string {
  const progress = `${merged.map((id) => id.slice(0, 4)).join('+')}/${needed}`;
  return `${kind}:${arc.hi.slice(0, 4)}:e${epoch.n}${job ? '*' : ''} ${progress} ${failures} failures, due in ${dueAtMs - nowMs}`;
}

/** Whether nobody serves the end of an arc. */
function keysAreLost({ alive }: SmallNetwork, { hi }: Range): boolean {
  return !alive.some(({ views }) => standingOf(views, hi as KeyId).type === 'primary');
}
