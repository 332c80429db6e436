/** Tables as lines of text, and the numbers in them as people read them. */
import Table from 'cli-table3';

/** On which side of its column a cell stands. */
export type Align = 'left' | 'right';

const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'mid', 'left', 'right'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((part) => [`${side}${part}`, '']),
  ),
);

/** Columns and nothing between them but blanks: as readable in a terminal as it is easy to cut up in a script. */
export function drawTable(
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

/** The first digits of an identifier. */
export const short = (id: string): string => id.slice(0, SHORT_DIGITS);

/** A number with its thousands apart. */
export const count = (number: number): string => number.toLocaleString('en-US');

/** So many of something. */
export const plural = (number: number, what: string): string => `${count(number)} ${what}${number === 1 ? '' : 's'}`;

/** A share, 0 to 1. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A time in milliseconds. */
export const milliseconds = (ms: number): string => `${ms.toFixed(1)} ms`;
