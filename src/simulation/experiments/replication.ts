/**
 * Lives of rings that keep copies of keys: clients put, get and delete, nodes come, go and die, and an account of
 * what was promised and not kept.
 */
import { type CopyAct, type CopyOutcome, countOf, runCopySchedule } from '../copies/copy-schedule';
import { kindOf, type ScheduleKind } from '../havoc';
import type { Outcome } from '../operation';
import { judged, type Options, type Report, round, type Row } from '../report';

const COUNT = 200;
const COUNT_QUICK = 10;
/** So many faults are named. */
const NAMED_MAX = 20;

const OUTCOMES: readonly Outcome[] = ['ok', 'not_found', 'refused', 'unknown'];

/** What all schedules of one kind came to. */
class Total {
  schedules = 0;
  events = 0;
  faulty = 0;
  losses = 0;
  views = 0;
  skewed = 0;
  gone = 0;
  readonly outcomes = new Map<Outcome, number>();
  readonly acts = new Map<CopyAct, number>();
  readonly healedMs: number[] = [];

  add(outcome: CopyOutcome): void {
    this.schedules += 1;
    this.events += outcome.events;
    this.faulty += outcome.faults.length > 0 ? 1 : 0;
    this.losses += (outcome.reports.possible_loss ?? 0) > 0 ? 1 : 0;
    this.views += outcome.reports.view_made ?? 0;
    this.skewed += outcome.skewed;
    this.gone += outcome.gone;
    if (outcome.healedMs !== undefined) this.healedMs.push(outcome.healedMs);
    for (const each of OUTCOMES) this.outcomes.set(each, (this.outcomes.get(each) ?? 0) + countOf(outcome, each));
    for (const [act, times] of Object.entries(outcome.acts) as [CopyAct, number][]) {
      this.acts.set(act, (this.acts.get(act) ?? 0) + times);
    }
  }
}

/** Runs the schedules that the seeds from this one on stand for. */
export function replication({ seed, quick, count = quick ? COUNT_QUICK : COUNT, progress }: Options): Report {
  const totals: Record<ScheduleKind, Total> = { guarded: new Total(), wild: new Total() };
  const notes: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const outcome = attempt(seed + n);
    totals[outcome.kind].add(outcome);
    if (outcome.faults.length > 0 && notes.length < NAMED_MAX) notes.push(noteOf(outcome));
    progress(`${n + 1} of ${count} schedules`);
  }
  const kinds = (['guarded', 'wild'] as const).filter((kind) => totals[kind].schedules > 0);
  return {
    experiment: 'replication',
    title: 'Rings that keep copies of keys',
    source: 'what is promised in docs/architecture.md: nothing acknowledged is lost, nothing deleted comes back',
    setUp: `${count} schedules of 30 s, 3 copies of each of 20 keys (12 by quorum, 6 in eventual mode, 2 in both), 4 clients, in rings of 3 to 8 nodes`,
    band: 'every history of a key is that of one register, refused writes are never seen, what was written in eventual mode is lost only with its last holder, and in the end every key has all its copies and no more; where too many have died at once, that is reported',
    seed,
    rows: kinds.map((kind) => rowOf(kind, totals[kind])),
    notes: [...kinds.map((kind) => summaryOf(kind, totals[kind])), ...notes],
  };
}

/** A schedule in which something is thrown has not ended well, and is to be found by its seed. */
function attempt(seed: number): CopyOutcome {
  try {
    return runCopySchedule({ seed });
  } catch (error) {
    throw new Error(`Cannot finish schedule ${seed}: ${String(error)}; replay it with ${commandOf(seed)}`, {
      cause: error,
    });
  }
}

const commandOf = (seed: number) => `funnelkvs simulate --experiment replication --seed ${seed} --count 1`;

const noteOf = ({ seed, faults }: CopyOutcome) =>
  `Not well: schedule ${seed} (${kindOf(seed)}): ${faults.slice(0, 3).join('; ')}; replay it with ${commandOf(seed)}`;

function rowOf(kind: ScheduleKind, total: Total): Row {
  const { schedules, faulty, losses, views, skewed, gone, healedMs, outcomes } = total;
  const times = healedMs.toSorted((a, b) => a - b);
  return judged(
    {
      schedules: kind,
      number: schedules,
      done: (outcomes.get('ok') ?? 0) + (outcomes.get('not_found') ?? 0),
      refused: outcomes.get('refused') ?? 0,
      unknown: outcomes.get('unknown') ?? 0,
      views,
      'clocks found wrong': skewed,
      'gone with their holders': gone,
      'possible loss in': losses,
      'healed, s': times.length === 0 ? '' : round((times.at(-1) ?? 0) / 1000, 1),
      'faults in': faulty,
    },
    [
      [faulty === 0, 'something was not kept'],
      [kind === 'wild' || losses === 0, 'something may be lost, though too little has failed for that'],
    ],
  );
}

function summaryOf(kind: ScheduleKind, { schedules, events, acts }: Total): string {
  const done = [...acts].filter(([, times]) => times > 0).map(([act, times]) => `${times} × ${act}`);
  return `${schedules} ${kind} schedules, ${events} events: ${done.join(', ')}.`;
}
