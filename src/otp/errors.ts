/**
 * What the runtime throws.
 *
 * Erlang has three classes of exception; so has this runtime. {@link Exit} is a process leaving,
 * which a caller may catch when it was a call that failed. An error is any `Error`; a failed
 * argument check is one of the runtime's own, a {@link BadArgument}. A throw is any other value.
 * {@link DeadProcess} is none of them: nobody is left to catch it.
 */
import { formatTerm, type Reason } from './term';

/** `exit(Reason)`: thrown to end the current process, and by a call whose server is gone. */
export class Exit extends Error {
  override readonly name = 'Exit';
  #message: string | undefined;

  constructor(readonly reason: Reason) {
    super();
  }

  /** Made when somebody reads it: most exits are only caught, and a reason may be large. */
  override get message(): string {
    if (this.#message === undefined) {
      // What stands here is seen by a reason that holds its own exit.
      this.#message = 'Exit';
      this.#message = `Exit with reason ${formatTerm(this.reason)}`;
    }
    return this.#message;
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

/** Whether this is an {@link Exit}. Never throws, whatever was thrown: a revoked proxy cannot be asked. */
export function isExitThrown(thrown: unknown): thrown is Exit {
  try {
    return thrown instanceof Exit;
  } catch {
    return false;
  }
}

/** The exit reason that an uncaught value gives its process (fact 2). Never throws. */
export function reasonOf(thrown: unknown): Reason {
  try {
    if (thrown instanceof Exit) return thrown.reason;
    return thrown instanceof Error ? thrown : ['nocatch', thrown];
  } catch {
    return ['nocatch', formatTerm(thrown)];
  }
}

/**
 * Where a callback gives nothing back, TypeScript takes an asynchronous one too. What goes wrong
 * in it later would be nobody's, and end the program: here it is given to `failed`.
 */
export function catchLater(result: unknown, failed: (thrown: unknown) => void): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return;
  void Promise.resolve(result).catch(failed);
}
