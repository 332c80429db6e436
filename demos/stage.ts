/**
 * The stage of a demo: where it says what it does, and shows what it claims.
 *
 * A claim comes with the problem that speaks against it, if there is one. What is a problem is
 * decided by plain functions over results, so that a test can hand them wrong results.
 */

/** Takes the demo's lines, one by one. */
export type Out = (line: string) => void;

/** Why a claim does not hold; undefined where it does. */
export type Problem = string | undefined;

/** A problem where two things that should be the same are not. */
export function sameProblem(what: string, found: unknown, expected: unknown): Problem {
  return found === expected ? undefined : `${what} is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`;
}

/** Where a demo is shown. */
export class Stage {
  private failures = 0;

  constructor(private readonly out: Out) {}

  /** The heading of what follows. */
  scene(title: string): void {
    this.out('');
    this.out(title);
  }

  /** Something to see. */
  show(...lines: readonly string[]): void {
    for (const line of lines) this.out(`    ${line}`);
  }

  /** A claim: ticked where nothing speaks against it. */
  check(claim: string, problem: Problem): void {
    if (problem !== undefined) this.failures += 1;
    this.out(problem === undefined ? `  ✓ ${claim}` : `  ✗ ${claim}: ${problem}`);
  }

  /** The last line; true where every claim held. */
  finish(): boolean {
    this.out('');
    this.out(this.failures === 0 ? 'Everything held.' : `Claims that did not hold: ${this.failures}`);
    return this.failures === 0;
  }
}

/** Shows a demo on this process's output. The exit code says whether every claim held. */
export function runAsProgram(run: (out: Out) => Promise<boolean>): void {
  run((line) => console.log(line)).then(
    (held) => process.exit(held ? 0 : 1),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exit(1);
    },
  );
}
