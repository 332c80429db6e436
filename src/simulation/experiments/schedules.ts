/**
 * Random schedules of churn: thousands of small rings, each with its own nemesis, and an account of every
 * property that was broken. Which must hold follows from Zave's proof ("How to make Chord correct").
 */
import { judged, type Options, type Report, round, type Row } from '../report';
import type { Watched } from '../ring-watch';
import { type Act, kindOf, type ScheduleKind } from '../havoc';
import { isWell, runSchedule, type ScheduleOutcome } from '../schedule';

const PROPERTIES: readonly Watched[] = [
  'OneLiveSuccessor',
  'AtLeastOneRing',
  'AtMostOneRing',
  'OrderedRing',
  'ConnectedAppendages',
  'LocalOrder',
  'SufficientPrincipals',
];

/** How often one property was broken in the schedules of one kind. */
interface Account {
  breaches: number;
  schedules: number;
  longestMs: number;
  open: number;
}

/** What all schedules of one kind came to. */
class Total {
  readonly accounts = new Map<Watched, Account>(
    PROPERTIES.map((property) => [property, { breaches: 0, schedules: 0, longestMs: 0, open: 0 }]),
  );
  readonly healedMs: number[] = [];
  schedules = 0;
  events = 0;
  looks = 0;
  notHealed = 0;
  wrongLookups = 0;
  readonly acts = new Map<Act, number>();

  add(outcome: ScheduleOutcome): void {
    this.schedules += 1;
    this.events += outcome.events;
    this.looks += outcome.looks;
    this.wrongLookups += outcome.wrongLookups;
    if (outcome.healedMs === undefined) this.notHealed += 1;
    else this.healedMs.push(outcome.healedMs);
    for (const [act, times] of Object.entries(outcome.acts)) {
      this.acts.set(act as Act, (this.acts.get(act as Act) ?? 0) + times);
    }
    for (const { property, fromMs, toMs } of outcome.breaches) {
      const account = this.accounts.get(property);
      if (account === undefined) continue;
      account.breaches += 1;
      account.longestMs = Math.max(account.longestMs, (toMs ?? Number.POSITIVE_INFINITY) - fromMs);
      if (toMs === undefined) account.open += 1;
    }
    for (const property of new Set(outcome.breaches.map((breach) => breach.property))) {
      const account = this.accounts.get(property);
      if (account) account.schedules += 1;
    }
  }
}

const COUNT = 10_000;
const COUNT_QUICK = 200;
/** Names of so many schedules that did not end well are enough. */
const NAMED_MAX = 20;

/** Runs the schedules that the seeds from this one on stand for. */
export function schedules({ seed, quick, count = quick ? COUNT_QUICK : COUNT, progress }: Options): Report {
  const totals: Record<ScheduleKind, Total> = { guarded: new Total(), wild: new Total() };
  const unwell: number[] = [];
  for (let at = seed; at < seed + count; at += 1) {
    if ((at - seed) % 50 === 0) progress(`schedule ${at - seed} of ${count}, ${unwell.length} of them not well`);
    const outcome = attempt(at);
    totals[outcome.kind].add(outcome);
    if (!isWell(outcome)) unwell.push(at);
  }
  const kinds = (['guarded', 'wild'] as const).filter((kind) => totals[kind].schedules > 0);
  return {
    experiment: 'schedules',
    title: 'Random schedules of churn',
    source: 'Zave, "How to make Chord correct"',
    setUp:
      'Rings of 4 to 14 nodes, lists of 3 or 4. Guarded: joins, restarts, and deaths and leaves of whoever may fail, messages delayed and repeated, none lost. ' +
      'Wild: anybody dies, messages are lost and late, ways are cut, processes are stopped.',
    band: 'guarded: no property is broken at any moment; both: every breach heals, the ring becomes ideal and stays so, every lookup finds the owner',
    seed,
    rows: kinds.flatMap((kind) => rowsOf(kind, totals[kind])),
    notes: [...kinds.map((kind) => summaryOf(kind, totals[kind])), ...unwell.slice(0, NAMED_MAX).map(replayOf)],
  };
}

/** A schedule in which something is thrown has not ended well, and is to be found by its seed. */
function attempt(seed: number): ScheduleOutcome {
  try {
    return runSchedule(seed);
  } catch (error) {
    throw new Error(`Cannot finish schedule ${seed}: ${String(error)}; replay it with ${commandOf(seed)}`, {
      cause: error,
    });
  }
}

const commandOf = (seed: number) => `funnelkvs simulate --experiment schedules --seed ${seed} --count 1`;

const replayOf = (seed: number) => `Not well: schedule ${seed} (${kindOf(seed)}); replay it with ${commandOf(seed)}`;

function rowsOf(kind: ScheduleKind, total: Total): readonly Row[] {
  const properties = [...total.accounts].map(([property, { breaches, schedules, longestMs, open }]) =>
    row(kind, `${property} broken`, breaches, { schedules, longestMs, open, isForbidden: kind === 'guarded' }),
  );
  return [
    ...properties,
    row(kind, 'not whole in the end', total.notHealed, { open: total.notHealed, isForbidden: true }),
    row(kind, 'lookups without the owner', total.wrongLookups, { isForbidden: true }),
  ];
}

interface RowNotes {
  readonly schedules?: number;
  readonly longestMs?: number;
  readonly open?: number;
  readonly isForbidden: boolean;
}

function row(kind: ScheduleKind, what: string, times: number, notes: RowNotes): Row {
  const { schedules, longestMs = 0, open = 0, isForbidden } = notes;
  return judged(
    {
      schedules: kind,
      what,
      times,
      'in schedules': schedules ?? '',
      'longest, s': times === 0 ? '' : longestMs === Number.POSITIVE_INFINITY ? 'for good' : round(longestMs / 1000),
      'not healed': open,
    },
    [
      [!isForbidden || times === 0, 'it has happened'],
      [open === 0, 'it has not healed'],
    ],
  );
}

function summaryOf(kind: ScheduleKind, { schedules, events, looks, acts, healedMs }: Total): string {
  const times = [...healedMs].sort((a, b) => a - b);
  const at = (share: number) => round((times[Math.floor(share * (times.length - 1))] ?? 0) / 1000, 1);
  const done = [...acts].filter(([, number]) => number > 0).map(([act, number]) => `${number} × ${act}`);
  return (
    `${schedules} ${kind} schedules, ${events} events, the ring looked at ${looks} times; ${done.join(', ')}. ` +
    `Whole again after the last of them in ${at(0.5)} s (median), ${at(0.99)} s (99th percentile), ${at(1)} s (worst).`
  );
}
