/**
 * Waiting for something outside the runtime, and letting go of it when nobody waits any more.
 *
 * A process that ends while a file or a socket is being opened for it can never be told of it. What
 * was opened is then given to `ifEnded`, from the moment at which it is there until the code that
 * waited goes on; from there on it is that code's, which binds it to the process with a port.
 */
import { catchLater, reasonOf } from './errors';
import type { Owned, Process } from './process';

/** What becomes of a value that comes too late. */
export interface WaitOptions<T> {
  /**
   * Called with the value, outside of any process, when the process ended before it could take it:
   * closes what was opened. @default nothing: the value is dropped
   */
  readonly ifEnded?: (value: T) => void;
}

/** Waits as `process`. If it ends meanwhile, the answer stays pending for ever (fact 5). */
export function waitFor<T>(process: Process, promise: PromiseLike<T>, { ifEnded }: WaitOptions<T>): Promise<T> {
  const untaken = ifEnded && new Untaken(process, ifEnded);
  const waiting = process.block<T>((settle) => {
    promise.then((value) => {
      untaken?.keep(value);
      settle.resolve(value);
    }, settle.reject);
    return () => {};
  });
  // Runs just before the code that waits for the same promise, with nothing in between.
  if (untaken) waiting.then(untaken.taken, untaken.taken);
  return waiting;
}

/** A value that is there and that its process has not seen yet. */
class Untaken<T> implements Owned {
  private value: T | undefined;

  constructor(
    private readonly process: Process,
    private readonly ifEnded: (value: T) => void,
  ) {}

  keep(value: T): void {
    this.value = value;
    if (this.process.alive) this.process.owned.add(this);
    else this.ownerIsGone();
  }

  readonly taken = (): void => {
    this.process.owned.delete(this);
  };

  ownerEnded(): void {
    catchLater(this.ifEnded(this.value as T), this.report);
  }

  private ownerIsGone(): void {
    try {
      this.ownerEnded();
    } catch (thrown) {
      this.report(thrown);
    }
  }

  /** Nobody is left to whom a failure of the callback could be told, but the log. */
  private readonly report = (thrown: unknown): void => {
    this.process.kernel.reportUncaught(this.process, reasonOf(thrown));
  };
}
