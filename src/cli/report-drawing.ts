/** Draws the report of an experiment: what was measured beside what was published, row by row. */
import type { Report, Row } from '../simulation/report';

/** The lines of a report. */
export function reportLines(report: Report): readonly string[] {
  const { experiment, title, source, setUp, band, seed, rows, notes } = report;
  return [
    `${title} (${experiment}, seed ${seed})`,
    `  Published: ${source}`,
    `  Set-up: ${setUp}`,
    `  Accepted: ${band}`,
    '',
    ...tableLines(rows).map((line) => `  ${line}`),
    '',
    ...notes.map((note) => `  ${note}`),
    ...(notes.length > 0 ? [''] : []),
  ];
}

/** Columns as wide as their widest cell; numbers in a column have as many decimals as the one with most. */
function tableLines(rows: readonly Row[]): readonly string[] {
  const names = Object.keys(rows[0]?.cells ?? {});
  const columns = names.map((name) => [name, ...cellsOf(rows, name)]);
  const verdicts = ['', ...rows.map(verdictOf)];
  const widths = columns.map((column) => Math.max(...column.map((cell) => cell.length)));
  return verdicts.map((verdict, line) => {
    const cells = columns.map((column, at) =>
      padded(column[line] ?? '', widths[at] ?? 0, isNumeric(rows, names[at] ?? '')),
    );
    return [...cells, verdict].join('  ').trimEnd();
  });
}

function cellsOf(rows: readonly Row[], name: string): readonly string[] {
  const values = rows.map(({ cells }) => cells[name] ?? '');
  const decimals = Math.max(0, ...values.map((value) => (typeof value === 'number' ? decimalsOf(value) : 0)));
  return values.map((value) => (typeof value === 'number' ? value.toFixed(decimals) : value));
}

const decimalsOf = (value: number) => String(value).split('.')[1]?.length ?? 0;

const isNumeric = (rows: readonly Row[], name: string) => rows.some(({ cells }) => typeof cells[name] === 'number');

const padded = (cell: string, width: number, toTheRight: boolean) =>
  toTheRight ? cell.padStart(width) : cell.padEnd(width);

function verdictOf({ verdict, outside }: Row): string {
  if (verdict === 'not judged') return '';
  return verdict === 'inside' ? 'inside' : `OUTSIDE: ${outside.join('; ')}`;
}
