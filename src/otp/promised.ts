/**
 * Functions that give a promise fail through it, so that one `catch` finds every failure.
 */
import { DeadProcess } from './errors';

/** What `action` throws as a rejection. What is left of a dead process is still unwound at once (fact 5). */
export function promised<T>(action: () => Promise<T>): Promise<T> {
  try {
    return action();
  } catch (thrown) {
    if (thrown instanceof DeadProcess) throw thrown;
    return Promise.reject(thrown);
  }
}
