/**
 * Copy checks: what must hold of the copies of a simulated ring, at any moment and in the end, and of what its clients
 * have seen.
 */
import type { Range } from '../../chord/range';
import { inRange, rangesOverlap, withoutRange } from '../../chord/range';
import { keyId } from '../../chord/id';
import { fromUtf8 } from '../../octets';
import { compareEpochs } from '../../replication/epoch';
import { viewsLed } from '../../replication/led-arc';
import { allVote, isMember, type View } from '../../replication/view';
import { compareVersions } from '../../replication/version';
import type { Record } from '../../store/record';
import type { Operation } from '../operation';
import { checkRegister } from '../register-checker';
import type { CopyKeeper } from './copy-keeper';

const END = 'f'.repeat(40) as Range['lo'];

/** The whole circle. */
export const WHOLE: Range = { lo: END, hi: END };

/** Views of one epoch are one decision: whoever knows it knows the same. */
export function disagreements(keepers: readonly CopyKeeper[]): readonly string[] {
  const byEpoch = new Map<string, View[]>();
  for (const { views } of keepers) {
    for (const { view } of views.holdings) {
      if (view === undefined) continue;
      const name = `${view.epoch.n}/${view.epoch.by}`;
      byEpoch.set(name, [...(byEpoch.get(name) ?? []), view]);
    }
  }
  return [...byEpoch].flatMap(([name, views]) => {
    const [first] = views;
    const differs = views.some((view) => first && rangesOverlap(view.arc, first.arc) && !isSameDecision(view, first));
    return differs ? [`view ${name} is not the same to all who know it`] : [];
  });
}

const isSameDecision = (a: View, b: View) =>
  a.primary === b.primary && a.members.length === b.members.length && a.members.every((member) => isMember(b, member));

/** Whether every arc has a view of as many members as it should have, all of whom live, vote and know it. */
export function isHealthy(keepers: readonly CopyKeeper[], replicas: number): boolean {
  const wanted = Math.min(replicas, keepers.length);
  const byId = new Map(keepers.map((keeper) => [keeper.host.self.id, keeper]));
  const isKnownTo = (view: View) =>
    view.members.every(({ id, inc }) => {
      const keeper = byId.get(id);
      if (keeper?.host.self.inc !== inc) return false;
      return keeper.views.holdings.every(
        (holding) =>
          !rangesOverlap(holding.arc, view.arc) ||
          (holding.role === 'voter' &&
            compareEpochs(holding.promised, view.epoch) === 0 &&
            holding.view !== undefined &&
            compareEpochs(holding.view.epoch, view.epoch) === 0),
      );
    });
  const led = keepers.flatMap(({ views }) => viewsLed(views));
  const areWell = led.every((view) => view.members.length === wanted && allVote(view) && isKnownTo(view));
  return areWell && isCovered(led.map(({ arc }) => arc));
}

function isCovered(arcs: readonly Range[]): boolean {
  return (
    arcs.reduce<readonly Range[]>((left, arc) => left.flatMap((part) => withoutRange(part, arc)), [WHOLE]).length === 0
  );
}

/** What is wrong with the copies of these keys once everything is quiet: each value is on exactly so many nodes, the same on all. */
export function uneven(keepers: readonly CopyKeeper[], keys: readonly string[], replicas: number): readonly string[] {
  const wanted = Math.min(replicas, keepers.length);
  return keys.flatMap((name) => {
    const key = fromUtf8(name);
    const records = keepers.flatMap(({ target }) => target.table.get(key) ?? []);
    const newest = records.reduce<Record | undefined>(
      (best, record) => (best === undefined || compareVersions(record, best) > 0 ? record : best),
      undefined,
    );
    if (newest === undefined) return [];
    const same = records.filter((record) => compareVersions(record, newest) === 0).length;
    // A deletion may be forgotten by some a little before the others.
    const isFew = newest.value !== undefined && same !== wanted;
    if (same !== records.length) return [`${name}: ${same} of ${records.length} copies are the newest`];
    return isFew || same > wanted ? [`${name}: there are ${same} copies, and there should be ${wanted}`] : [];
  });
}

/** How exactly a neighbour's clock can be read where messages are quick. */
const READING_MS = 20;

/** Nodes that do not know whether their clocks are wrong, though nothing has changed for long enough: by how far each really is off. */
export function misjudged(
  keepers: readonly CopyKeeper[],
  offsetOf: (addr: string) => number,
  maxDriftMs: number,
): readonly string[] {
  return keepers.flatMap(({ host, clockWatch }) => {
    const { neighbours, reading } = clockWatch;
    const apartMs = neighbours.map(({ addr }) => Math.abs(offsetOf(addr) - offsetOf(host.self.addr)));
    const surely = apartMs.filter((ms) => ms > maxDriftMs + READING_MS).length;
    const perhaps = apartMs.filter((ms) => ms > maxDriftMs - READING_MS).length;
    const half = neighbours.length / 2;
    if (surely > half && !reading.isSkewed) return [`${host.self.addr} does not know that its clock is wrong`];
    return perhaps <= half && reading.isSkewed ? [`${host.self.addr} takes its clock for wrong, and it is right`] : [];
  });
}

/** What clients saw that no single register per key can have answered. Keys of arcs that may have lost something are not judged by that. */
export function unlinearizable(operations: readonly Operation[], lost: readonly Range[]): readonly string[] {
  return byKey(operations).flatMap(([key, all]) => {
    // Where any copy was enough for a client, nobody has promised anything of the kind.
    if (all.some(({ isEventual }) => isEventual === true)) return [];
    if (lost.some((arc) => inRange(keyId(fromUtf8(key)), arc))) return [];
    const sorted = all.toSorted((a, b) => a.invokedMs - b.invokedMs);
    const check = checkRegister(sorted);
    return check.type === 'linearizable' ? [] : [`${key}: its history is ${check.type.replace('_', ' ')}`];
  });
}

/** Values that clients have read and that nobody can have written: nobody had put them, or who did was refused. */
export function unfounded(operations: readonly Operation[]): readonly string[] {
  return byKey(operations).flatMap(([key, all]) => {
    const puts = new Map(all.flatMap((each) => (each.op === 'put' ? [[each.value, each] as const] : [])));
    return all.flatMap(({ op, outcome, value, returnedMs }) => {
      if (op !== 'get' || outcome !== 'ok') return [];
      const put = puts.get(value);
      if (put === undefined || put.invokedMs > returnedMs) return [`${key}: ${value} was read, and nobody had put it`];
      return put.outcome === 'refused' ? [`${key}: ${value} was read, though the put was refused`] : [];
    });
  });
}

function byKey(operations: readonly Operation[]): readonly (readonly [string, readonly Operation[]])[] {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const group = groups.get(operation.key);
    if (group) group.push(operation);
    else groups.set(operation.key, [operation]);
  }
  return [...groups];
}
