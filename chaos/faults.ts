/**
 * Faults: what is done to a ring, as lists of steps. Pure: times and victims come from the seed.
 *
 * Each round breaks one thing and waits until the ring has settled, for no more is promised than that a
 * minority of the holders of a key may fail at a time. Rounds that go beyond that do not wait.
 */

/** One thing that is done. Nodes are named. */
export type FaultStep =
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'kill' | 'pause' | 'resume' | 'leave'; readonly node: string }
  /** Starts a node again under its address; a new one where it has never run. */
  | { readonly type: 'start'; readonly node: string; readonly clockOffsetMs?: number }
  /** Nothing gets from these to those. */
  | { readonly type: 'cut'; readonly from: readonly string[]; readonly to: readonly string[] }
  | { readonly type: 'heal' }
  /** Waits until everybody is safe to stop. */
  | { readonly type: 'settle' };

/** What a round is planned for. */
export interface RoundState {
  /** Those that run. */
  readonly nodes: readonly string[];
  /** Names of nodes that have never run: as many as are needed. */
  readonly fresh: readonly string[];
  readonly random: () => number;
}

type Planner = (state: RoundState) => readonly FaultStep[];

/** Two clocks that are wrong by that much, in either direction, are still near enough to each other for one ring. */
export const SKEW_MS_MAX = 450;

/** What can be done in a round, by name, and what that shows. */
export const FAULTS = {
  quiet: { text: 'nothing happens', plan: () => [wait(1000)] },
  kill: { text: 'kill -9, started again after some seconds', plan: kill },
  'restart-empty': { text: 'kill -9, started again with an empty memory within a second', plan: restartEmpty },
  pause: { text: 'stopped for 0.3 to 5 s (SIGSTOP, SIGCONT)', plan: pause },
  'leave-join': { text: 'a node leaves, a new one joins', plan: leaveJoin },
  rolling: { text: 'every node is restarted, each when it says that it is safe', plan: rolling },
  skew: {
    text: 'clocks are up to 0.45 s wrong, and 3 to 60 s once in a while; nodes are restarted and killed',
    plan: skew,
  },
  partition: { text: 'one or two nodes are cut off, both ways or one way, for 2 to 10 s', plan: partition },
} as const satisfies Record<string, { readonly text: string; readonly plan: Planner }>;

/** The name of a fault. */
export type FaultName = keyof typeof FAULTS;

/** Every fault by name. */
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** Whether this fault needs links that can be cut. */
export const needsLinks = (fault: string): boolean => fault === 'partition';

/** The steps of one round. */
export function planRound(fault: FaultName, state: RoundState): readonly FaultStep[] {
  return [...FAULTS[fault].plan(state), SETTLE, wait(between(state.random, 200, 1500))];
}

/** The steps of a round that breaks more than may be broken at a time: several nodes, and nothing is waited for. */
export function planBeyond(state: RoundState, canCut: boolean): readonly FaultStep[] {
  const { random } = state;
  const [first = '', second = '', third = ''] = shuffled(state.nodes, random);
  const pick = Math.floor(random() * (canCut ? 4 : 3));
  const rest = wait(between(random, 100, 2000));
  if (pick === 0) return [does('kill', first), does('kill', second), rest, starts(first), starts(second), rest];
  if (pick === 1)
    return [does('pause', first), does('kill', second), rest, starts(second), does('resume', first), rest];
  if (pick === 2)
    return [
      does('kill', first),
      starts(first),
      does('kill', second),
      starts(second),
      does('kill', third),
      starts(third),
    ];
  return [...partition(state), does('kill', first), rest, starts(first)];
}

const SETTLE: FaultStep = { type: 'settle' };

const wait = (ms: number): FaultStep => ({ type: 'wait', ms: Math.round(ms) });
const does = (type: 'kill' | 'pause' | 'resume' | 'leave', node: string): FaultStep => ({ type, node });
const starts = (node: string, clockOffsetMs?: number): FaultStep =>
  clockOffsetMs === undefined ? { type: 'start', node } : { type: 'start', node, clockOffsetMs };

function kill({ nodes, random }: RoundState): readonly FaultStep[] {
  const victim = one(nodes, random);
  const steps = [does('kill', victim), wait(between(random, 1000, 5000))];
  // Half of the time the ring must settle without it.
  if (random() < 0.5) steps.push(SETTLE);
  return [...steps, starts(victim)];
}

function restartEmpty({ nodes, random }: RoundState): readonly FaultStep[] {
  const victim = one(nodes, random);
  return [does('kill', victim), wait(between(random, 0, 300)), starts(victim)];
}

function pause({ nodes, random }: RoundState): readonly FaultStep[] {
  const victim = one(nodes, random);
  return [does('pause', victim), wait(300 + 4700 * random() ** 2), does('resume', victim)];
}

function leaveJoin({ nodes, fresh, random }: RoundState): readonly FaultStep[] {
  const [victim, joiner] = [one(nodes, random), fresh[0] ?? ''];
  const between0And2s = wait(between(random, 0, 2000));
  if (random() < 0.5) return [does('leave', victim), between0And2s, starts(joiner)];
  return [starts(joiner), between0And2s, SETTLE, does('leave', victim)];
}

function rolling({ nodes, random }: RoundState): readonly FaultStep[] {
  return shuffled(nodes, random).flatMap((node) => [SETTLE, does('leave', node), starts(node)]);
}

function skew({ nodes, random }: RoundState): readonly FaultStep[] {
  const victim = one(nodes, random);
  const isFar = random() < 0.15;
  const sign = random() < 0.5 ? -1 : 1;
  const offsetMs = Math.round(sign * (isFar ? between(random, 3000, 60_000) : between(random, 0, SKEW_MS_MAX)));
  return [does(random() < 0.5 ? 'kill' : 'leave', victim), wait(between(random, 0, 2000)), starts(victim, offsetMs)];
}

function partition({ nodes, random }: RoundState): readonly FaultStep[] {
  const count = random() < 0.5 ? 1 : 2;
  const mixed = shuffled(nodes, random);
  const [few, many] = [mixed.slice(0, count), mixed.slice(count)];
  const direction = random();
  const steps: FaultStep[] = [];
  if (direction < 0.75) steps.push({ type: 'cut', from: few, to: many });
  if (direction < 0.5 || direction >= 0.75) steps.push({ type: 'cut', from: many, to: few });
  return [...steps, wait(between(random, 2000, 10_000)), { type: 'heal' }];
}

function between(random: () => number, least: number, most: number): number {
  return least + random() * (most - least);
}

function one(nodes: readonly string[], random: () => number): string {
  return nodes[Math.floor(random() * nodes.length)] ?? '';
}

function shuffled(nodes: readonly string[], random: () => number): readonly string[] {
  const left = [...nodes];
  return nodes.map(() => left.splice(Math.floor(random() * left.length), 1)[0] ?? '');
}
