/**
 * What clients of one key have done, and whether one register can have answered so: the dumbest search for an order,
 * for histories of a few operations.
 */

/** What a client has done. `to`: undefined while, or for ever if, the outcome is not known. */
export interface Operation {
  readonly type: 'put' | 'get';
  value: number | undefined;
  readonly from: number;
  to: number | undefined;
}

/**
 * Whether one register, with one operation at a time, could have answered so: each at some moment between its
 * beginning and its end. A put whose outcome is not known may have happened at any moment from its beginning on, or never.
 */
export function isLinearizable(all: readonly Operation[]): boolean {
  const read = new Set(all.filter(({ type, to }) => type === 'get' && to !== undefined).map(({ value }) => value));
  // A put of which nobody knows and which nobody has read may be taken for one that never happened.
  const operations = all.filter(({ type, value, to }) => to !== undefined || (type === 'put' && read.has(value)));
  const seen = new Set<string>();
  const tryFrom = (done: number, value: number | undefined): boolean => {
    const rest = operations.filter((_each, at) => (done & (1 << at)) === 0);
    if (rest.every(({ to }) => to === undefined)) return true;
    const state = `${done}:${value}`;
    if (seen.has(state)) return false;
    seen.add(state);
    // Nothing may come before what had ended when it began.
    const firstEnd = Math.min(...rest.map(({ to }) => to ?? Infinity));
    return operations.some((each, at) => {
      if ((done & (1 << at)) !== 0 || each.from > firstEnd) return false;
      if (each.type === 'get' && each.value !== value) return false;
      return tryFrom(done | (1 << at), each.type === 'put' ? each.value : value);
    });
  };
  return tryFrom(0, undefined);
}
