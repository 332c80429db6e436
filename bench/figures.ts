/**
 * Figures: what a benchmark finds, each beside its yardstick, and the table that shows them.
 *
 * On a machine that does other things too, absolute numbers come and go. So both sides are
 * measured in turns, and the ratio is the median of the ratios of the turns.
 */
import Table from 'cli-table3';

/** One thing that was measured on both sides. */
export interface Figure {
  readonly part: string;
  readonly what: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** This project's, divided by the yardstick's. */
  readonly ratio: number;
  readonly ours: number;
  readonly yardstick: number;
  /** What the yardstick is. */
  readonly against: string;
}

/** What both sides measured in one turn. */
export interface Round {
  readonly ours: number;
  readonly yardstick: number;
}

/** A figure out of several rounds. */
export function figure(
  about: Pick<Figure, 'part' | 'what' | 'unit' | 'better' | 'against'>,
  rounds: readonly Round[],
): Figure {
  return {
    ...about,
    ratio: median(rounds.map(({ ours, yardstick }) => ours / yardstick)),
    ours: median(rounds.map(({ ours }) => ours)),
    yardstick: median(rounds.map(({ yardstick }) => yardstick)),
  };
}

/** The middle one; of an even number the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** All figures as one table. */
export function tableOf(figures: readonly Figure[]): string {
  const table = new Table({
    head: ['ratio', 'better', 'FunnelKVS', 'yardstick', 'unit', 'what', 'yardstick is'],
    colAligns: ['right', 'left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  let part = '';
  for (const { ratio, better, ours, yardstick, unit, what, against, ...row } of figures) {
    if (row.part !== part) table.push([{ content: row.part, colSpan: 7, hAlign: 'left' }]);
    part = row.part;
    table.push([ratio.toFixed(2), better, formatNumber(ours), formatNumber(yardstick), unit, what, against]);
  }
  return table.toString();
}

function formatNumber(value: number): string {
  if (Math.abs(value) < 100) return value.toPrecision(3);
  return Math.round(value).toLocaleString('en-US');
}
