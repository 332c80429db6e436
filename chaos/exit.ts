/**
 * Exit: how what was run came out, as a line for people and as a code for scripts. What could not be run has proved nothing.
 */

/** How one run, or one kind that could not be run, came out. */
export type End = 'passed' | 'failed' | 'skipped';

/** Every exit code. */
export const EXIT = { passed: 0, failed: 1, usage: 2, skipped: 3 } as const;

/** The exit codes as help lists them. */
export const EXIT_TEXTS: readonly (readonly [number, string])[] = [
  [EXIT.passed, 'nothing was wrong'],
  [EXIT.failed, 'something was wrong, or nothing was run'],
  [EXIT.usage, 'wrong usage'],
  [EXIT.skipped, 'nothing was wrong, but something that was asked for cannot be run on this machine'],
];

/** What a script learns of these ends. */
export function exitCodeOf(ends: readonly End[]): number {
  if (ends.length === 0 || ends.includes('failed')) return EXIT.failed;
  return ends.includes('skipped') ? EXIT.skipped : EXIT.passed;
}

/** The last line. */
export function countLine(ends: readonly End[]): string {
  const count = (end: End) => ends.filter((one) => one === end).length;
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`;
}
