/**
 * How the processes of a node are named: one registered name each, taken over in good order.
 *
 * When a supervisor is killed, what it leaves behind ends by itself, but not at once: connections
 * still send what they have answered. Whoever starts under one of their names waits for that.
 */
import type { StartOptions } from '../src/otp';

/** Longer than any orderly end below a supervisor takes. */
const NAME_TIMEOUT_MS = 5000;

/** The options to start a named process of the node with. */
export const registered = (name: string): StartOptions => ({ name, nameTimeoutMs: NAME_TIMEOUT_MS });
