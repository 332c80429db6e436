/** Statistics: the text `keys: N, size: N` that a node answers, and the numbers in it. */

/** What a node counts, by name and in its order: `keys`, `size` and whatever more it tells. */
export type Stats = Readonly<Record<string, number>>;

const PAIR = /^\s*([^:,]+):\s*(\d+)\s*$/;

/** The numbers in a node's answer (wire format, section 1). What is no `name: number` is passed over. */
export function parseStats(text: string): Stats {
  const pairs = text.split(',').flatMap((pair) => {
    const [, name, digits] = PAIR.exec(pair) ?? [];
    return name === undefined ? [] : [[name, Number(digits)] as const];
  });
  return Object.fromEntries(pairs);
}

/** The same numbers as text again. */
export function formatStats(stats: Stats): string {
  return Object.entries(stats)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
}
