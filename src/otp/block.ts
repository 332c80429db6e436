/**
 * Blocks: waiting for something other than a message, such as a reply or the start of a child.
 *
 * `arm` starts what is waited for and gives back what withdraws it. It is withdrawn when it has
 * settled, and when the process that waits has ended: then the promise stays pending for ever.
 */

/** How a block ends: with a value or with an error that is thrown into the waiting code. */
export interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Starts what is waited for; the answer withdraws it. */
export type Arm<T> = (settle: Settle<T>) => () => void;

/** One thing that a process waits for. */
export interface Block {
  disarm: () => void;
}

/** Waits outside of any process. */
export function blockNobody<T>(arm: Arm<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const settled = (resume: () => void) => {
      // `arm` may settle before it has given its answer.
      queueMicrotask(() => disarm());
      resume();
    };
    const disarm = arm({
      resolve: (value) => settled(() => resolve(value)),
      reject: (error) => settled(() => reject(error)),
    });
  });
}
