/**
 * The three things that the runtime throws.
 *
 * Erlang has three classes of exception; so has this runtime. An `Error` is an error, a failed
 * argument check is a {@link BadArgument}, and {@link Exit} is a process leaving, which a caller
 * may catch when it was a call that failed.
 */
import { formatTerm, type Reason } from './term';

/** `exit(Reason)`: thrown to end the current process, and by a call whose server is gone. */
export class Exit extends Error {
  override readonly name = 'Exit';

  constructor(readonly reason: Reason) {
    super(`Exit with reason ${formatTerm(reason)}`);
  }
}

/** Erlang's `badarg`: the runtime was asked for something that makes no sense. */
export class BadArgument extends Error {
  override readonly name = 'badarg';
}

/** Unwinds what is left of a process that has already ended. Its code has nobody to report to. */
export class DeadProcess extends Error {
  override readonly name = 'DeadProcess';

  constructor() {
    super('Cannot go on: this process has ended');
  }
}

/** The exit reason that an uncaught value gives its process (fact 2). */
export function reasonOf(thrown: unknown): Reason {
  if (thrown instanceof Exit) return thrown.reason;
  return thrown instanceof Error ? thrown : ['nocatch', thrown];
}
