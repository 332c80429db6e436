/**
 * Thenables: whether something comes later.
 *
 * The test is the language's own, a method `then`. Promises of another realm, such as those of a
 * `node:vm` context, and those of libraries are no instances of this realm's `Promise`.
 */

/** Whether `await` would wait for this. Its `then` may be anybody's code: go through `Promise.resolve`. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
