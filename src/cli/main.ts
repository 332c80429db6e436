/** The process behind `bin/funnelkvs`: runs the program, and sees to it that its end is a clean one. */
import { EXIT } from './exit-codes';
import { printError } from './io';
import { commandOf, runProgram } from './program';

/** Runs the program with this process's arguments, streams and environment, then ends the process. */
export async function main(): Promise<void> {
  const args = process.argv.slice(2);
  // Whoever reads the output has seen enough, as `| head` has.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endQuietly);
  // A node leaves in an orderly way, and so does a ring of them.
  if (!STOPS_IN_ORDER.has(commandOf(args) ?? '')) process.once('SIGINT', () => process.exit(EXIT.interrupted));
  const exitCode = await runProgram(args, process).catch((error: unknown) => {
    const message = `Cannot go on: ${error instanceof Error ? error.message : String(error)}`;
    printError(process, { code: 'internal', message }, args.includes('--json'));
    return EXIT.failure;
  });
  // What could not be written has not been told.
  process.stdout.write('', (error) => (error ? endQuietly(error) : process.exit(exitCode)));
}

const STOPS_IN_ORDER: ReadonlySet<string> = new Set(['node', 'ring-up']);

function endQuietly(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? EXIT.success : EXIT.failure);
}

// Straight from the sources, as `make run-node` does; bin/funnelkvs calls main() itself.
if (require.main === module) void main();
