/** Units: durations and sizes as people write them, such as `500ms`, `5s` and `64KiB`. */

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
]);

const SIZE_UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** The milliseconds that `text` names; undefined where it is no duration. Without a unit it is none. */
export function parseDuration(text: string): number | undefined {
  return parseAmount(text, DURATION_UNITS_MS);
}

/** The bytes that `text` names; undefined where it is no size. Without a unit it is none. */
export function parseSize(text: string): number | undefined {
  return parseAmount(text, SIZE_UNITS_BYTES);
}

/** A whole number in decimal digits; undefined where `text` is anything else. */
export function parseWholeNumber(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function parseAmount(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, name = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text) ?? [];
  const unit = units.get(name);
  return digits === undefined || unit === undefined ? undefined : Math.round(Number(digits) * unit);
}
