/**
 * Reports: what an experiment has measured, beside what was published, with a verdict on each row.
 */

/** Whether a row lies in the band of acceptance; rows that only inform are not judged. */
export type Verdict = 'inside' | 'outside' | 'not judged';

/** One line of a report's table. */
export interface Row {
  /** Column to value, in the order of the columns; the same columns in every row. */
  readonly cells: Readonly<Record<string, number | string>>;
  readonly verdict: Verdict;
  /** What of it lies outside, in words; empty when nothing does. */
  readonly outside: readonly string[];
}

/** The outcome of one experiment. */
export interface Report {
  readonly experiment: string;
  readonly title: string;
  /** Where the figures were published, or which promise is looked at. */
  readonly source: string;
  /** How it was done, in a sentence. */
  readonly setUp: string;
  /** What a row must fulfil to be inside. */
  readonly band: string;
  readonly seed: number;
  readonly rows: readonly Row[];
  /** Sentences about what the table does not show. */
  readonly notes: readonly string[];
}

/** How an experiment is to be run. */
export interface Options {
  readonly seed: number;
  /** A smaller run: the same rows where that is possible, fewer lookups and seeds. */
  readonly quick: boolean;
  /** How many schedules, cuts and the like; each experiment has its own default. */
  readonly count?: number;
  /** Called now and then with a few words on how far it is. */
  readonly progress: (text: string) => void;
}

/** A check of one row: whether it holds, and what to say when it does not. */
export type Check = readonly [holds: boolean, otherwise: string];

/** A row that is inside when all the checks hold. */
export function judged(cells: Row['cells'], checks: readonly Check[]): Row {
  const outside = checks.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);
  return { cells, verdict: outside.length === 0 ? 'inside' : 'outside', outside };
}

/** Whether two numbers differ by no more than `tolerance`. */
export const isNear = (measured: number, expected: number, tolerance: number) =>
  Math.abs(measured - expected) <= tolerance + 1e-9;

/** The number with this many decimals. */
export const round = (value: number, decimals = 2) => Number(value.toFixed(decimals));

/** Whether no row of the report lies outside. */
export const isInside = ({ rows }: Report) => rows.every(({ verdict }) => verdict !== 'outside');
