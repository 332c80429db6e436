/** Exit codes: how a script learns the outcome of a command. */
import type { ClientError } from '../client';
import { unreachable } from '../unreachable';

/** What each exit code is called here. */
export const EXIT = {
  success: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  timeout: 5,
  unsound: 6,
  interrupted: 130,
} as const;

/** What a process ends with that a signal has ended at once. */
export const SIGNAL_EXIT_CODES = { SIGINT: EXIT.interrupted, SIGTERM: 143 } as const;

/** The exit codes as help lists them. */
export const EXIT_CODE_TEXTS: readonly (readonly [number, string])[] = [
  [EXIT.success, 'success'],
  [EXIT.failure, 'failure'],
  [EXIT.usage, 'wrong usage or settings'],
  [EXIT.notFound, 'key not found'],
  [EXIT.unreachable, 'could not reach any node'],
  [EXIT.timeout, 'timed out or cut off: a write may or may not have taken effect'],
  [EXIT.unsound, 'what was looked at is not as it should be'],
  [EXIT.interrupted, 'ended by Ctrl-C'],
];

/** The exit code that tells a script what became of a request. */
export function exitCodeOf({ code, definite }: ClientError): number {
  switch (code) {
    case 'not_found':
      return EXIT.notFound;
    case 'not_connected':
      return EXIT.unreachable;
    case 'timeout':
      return EXIT.timeout;
    case 'connection_lost':
      return definite ? EXIT.unreachable : EXIT.timeout;
    case 'invalid_options':
      return EXIT.usage;
    case 'invalid_request':
    case 'server_error':
    case 'not_responsible':
    case 'overloaded':
    case 'too_large':
      return EXIT.failure;
    default:
      return unreachable(code);
  }
}
