/**
 * `funnelkvs simulate`: rings of any size in one process and in virtual time. Repeats the experiments of the
 * Chord papers beside their published figures, looks for schedules that break the ring, and answers what an
 * operator wants to know before there is a ring.
 */
import type { Option } from 'commander';
import { didYouMean } from '../../nearest';
import { err, ok, type Result } from '../../result';
import { EXPERIMENTS } from '../../simulation/experiments';
import { isInside, type Report } from '../../simulation/report';
import { type Question, whatIf } from '../../simulation/what-if';
import { addJsonFlag, flag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { type Io, printError, printJson, printLine } from '../io';
import { reportLines } from '../report-drawing';
import { prospectLines } from '../what-if-drawing';

type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** The flags of a free-form run: what they set, and within which bounds. */
const WHAT_IF: readonly WhatIfFlag[] = [
  {
    usage: '--nodes <N>',
    name: 'nodes',
    text: 'what if: a ring of N nodes',
    fallback: 100,
    most: 10_000,
    isWhole: true,
  },
  {
    usage: '--joins-per-s <X>',
    name: 'joinsPerS',
    text: '... X more of which come each second',
    fallback: 0,
    most: 100,
  },
  { usage: '--failures-per-s <X>', name: 'failuresPerS', text: '... and X die', fallback: 0, most: 100 },
  { usage: '--loss <PERCENT>', name: 'loss', text: '... on a network that loses messages', fallback: 0, most: 90 },
  {
    usage: '--latency-ms <MS>',
    name: 'latencyMs',
    text: '... and takes so long for one, on average',
    fallback: 5,
    most: 10_000,
  },
  { usage: '--minutes <M>', name: 'minutes', text: '... for so long, in virtual time', fallback: 5, most: 10_000 },
  {
    usage: '--successors <R>',
    name: 'successors',
    text: '... with successor lists of R',
    fallback: 8,
    most: 64,
    isWhole: true,
  },
];

interface WhatIfFlag {
  readonly usage: string;
  readonly name: keyof Omit<Question, 'seed'>;
  readonly text: string;
  readonly fallback: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

const NAMES = [...Object.keys(EXPERIMENTS), 'all'];

/** Runs experiments, or a ring as the operator describes it. */
export const subcommand: Subcommand = {
  examples: ['simulate --experiment schedules --count 500', 'simulate --nodes 50 --failures-per-s 0.1 --minutes 10'],

  define(command) {
    command
      .addOption(
        flag('--experiment <NAME>', `which: ${NAMES.join(', ')}`, { fallback: 'all, unless a what-if is asked for' }),
      )
      .addOption(
        flag('--seed <N>', 'where all randomness comes from: the same seed is the same run', { fallback: '1' }),
      )
      .addOption(flag('--count <N>', "how many schedules, cuts, lookups or runs, by the experiment's own measure"))
      .addOption(flag('--quick', 'a smaller run of each'));
    for (const option of WHAT_IF.map(optionOf)) command.addOption(option);
    addJsonFlag(command);
  },

  async run(io, _args, flags: Flags) {
    const asJson = flags['json'] === true;
    const plan = planOf(flags);
    if (!plan.ok) {
      printError(io, { code: 'usage', message: plan.error }, asJson);
      return EXIT.usage;
    }
    const { value } = plan;
    return value.type === 'what_if' ? runWhatIf(value.question, asJson, io) : runExperiments(value, asJson, io);
  },
};

const optionOf = ({ usage, text, fallback }: WhatIfFlag): Option => flag(usage, text, { fallback: String(fallback) });

/** What is to be run. */
type Plan =
  | { readonly type: 'what_if'; readonly question: Question }
  | {
      readonly type: 'experiments';
      readonly names: readonly string[];
      readonly seed: number;
      readonly quick: boolean;
      readonly count: number | undefined;
    };

function planOf(flags: Flags): Result<Plan, string> {
  const seed = numberOf(flags['seed'], 'seed', { fallback: 1, least: 0, most: 2 ** 52, isWhole: true });
  if (!seed.ok) return seed;
  const isWhatIf = WHAT_IF.some(({ name }) => flags[name] !== undefined);
  const isExperiment = ['experiment', 'count', 'quick'].some((name) => flags[name] !== undefined);
  if (isWhatIf && isExperiment) return err('Cannot simulate: a what-if has no experiment, count or quick form');
  return isWhatIf ? questionOf(flags, seed.value) : experimentsOf(flags, seed.value);
}

function experimentsOf(flags: Flags, seed: number): Result<Plan, string> {
  const { experiment = 'all', quick } = flags;
  const named = String(experiment);
  if (!NAMES.includes(named))
    return err(`Cannot simulate: there is no experiment "${named}"${didYouMean(named, NAMES)}`);
  const count = numberOf(flags['count'], 'count', { fallback: 0, least: 1, most: 1e9, isWhole: true });
  if (!count.ok) return count;
  const names = named === 'all' ? Object.keys(EXPERIMENTS) : [named];
  if (names.length > 1 && count.value > 0) return err('Cannot simulate: a count is for one experiment; say which');
  return ok({ type: 'experiments', names, seed, quick: quick === true, count: count.value || undefined });
}

function questionOf(flags: Flags, seed: number): Result<Plan, string> {
  const question: Record<string, number> = { seed };
  for (const { name, usage, fallback, most, isWhole } of WHAT_IF) {
    const least = isWhole || name === 'minutes' ? 1 : 0;
    const words = (usage.split(' ')[0] ?? '').slice(2);
    const value = numberOf(flags[name], words, { fallback, least, most, isWhole: isWhole === true });
    if (!value.ok) return value;
    question[name] = name === 'loss' ? value.value / 100 : value.value;
  }
  return ok({ type: 'what_if', question: question as unknown as Question });
}

interface Bounds {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
}

function numberOf(text: string | boolean | undefined, name: string, bounds: Bounds): Result<number, string> {
  if (text === undefined) return ok(bounds.fallback);
  const { least, most, isWhole } = bounds;
  const value = typeof text === 'string' && /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return ok(value);
  return err(`Cannot use ${name} "${text}": it is not a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`);
}

function runExperiments(
  { names, seed, quick, count }: Extract<Plan, { type: 'experiments' }>,
  asJson: boolean,
  io: Io,
): number {
  const reports: Report[] = [];
  for (const name of names) {
    const options = { seed, quick, progress: progressOn(io), ...(count === undefined ? {} : { count }) };
    const report = EXPERIMENTS[name]?.(options);
    if (report === undefined) continue;
    reports.push(report);
    if (!asJson) for (const line of reportLines(report)) printLine(io, line);
  }
  const isWell = reports.every(isInside);
  if (asJson) printJson(io, { reports });
  else printLine(io, isWell ? 'All rows lie inside their bands.' : 'Some rows lie outside their bands.');
  return isWell ? EXIT.success : EXIT.unsound;
}

function runWhatIf(question: Question, asJson: boolean, io: Io): number {
  const prospect = whatIf(question, progressOn(io));
  if (asJson) printJson(io, { question, prospect });
  else for (const line of prospectLines(question, prospect)) printLine(io, line);
  return prospect.isWell ? EXIT.success : EXIT.unsound;
}

/** No more than one line in two seconds, and none in the first two. */
const PROGRESS_PAUSE_MS = 2000;

function progressOn({ stderr }: Io): (text: string) => void {
  let saidMs = Date.now();
  return (text) => {
    const nowMs = Date.now();
    if (nowMs - saidMs < PROGRESS_PAUSE_MS) return;
    saidMs = nowMs;
    stderr.write(`... ${text}\n`);
  };
}
