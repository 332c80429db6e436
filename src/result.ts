/** What can be expected to fail is a value, as Erlang's `{ok, Value} | {error, Reason}`. */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** What was asked for came out: `{ok, Value}`. */
export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });

/** It did not, and why: `{error, Reason}`. The reason is a value to act on, so give it a shape. */
export const err = <E>(error: E): Result<never, E> => ({ ok: false, error });
