/** Time and chance as the client meets them, in one place, so that a test can put its own there. */
import { performance } from 'node:perf_hooks';

/** Where the client reads the time, sets alarms and throws dice. */
export interface Environment {
  /** Monotonic milliseconds; only differences mean anything. */
  nowMs(): number;
  /** Calls `fire` once, after about `delayMs`, unless the function that it gives back is called first. */
  startTimer(delayMs: number, fire: () => void): () => void;
  /** A number from 0 up to but not including 1. */
  random(): number;
}

/** The machine's time and chance; a pending alarm keeps Node from exiting. */
export const systemEnvironment: Environment = {
  nowMs: () => performance.now(),
  startTimer(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
