/** The nearest name: what somebody probably meant who wrote a name that does not exist. */

const DISTANCE_MAX = 3;

/** The one of `names` that takes the fewest changes to become `word`; undefined where none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const distanceMax = Math.min(DISTANCE_MAX, Math.ceil(word.length / 3));
  let found: string | undefined;
  let leastDistance = distanceMax + 1;
  for (const name of names) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance >= leastDistance) continue;
    found = name;
    leastDistance = distance;
  }
  return found;
}

/** The end of a message about an unknown name: the nearest one as a question, or nothing. */
export function didYouMean(word: string, names: readonly string[]): string {
  const name = nearest(word, names);
  return name === undefined ? '' : `; did you mean "${name}"?`;
}

/** How many letters must be put in, taken out, replaced or swapped with their neighbour (optimal string alignment). */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

const at = (distances: readonly number[], column: number) => distances[column] ?? Number.POSITIVE_INFINITY;
