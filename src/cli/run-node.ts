/**
 * The process of a node: its one line on stdout, its signals, its exit code.
 *
 * TERM and INT stop it in good order; a second one ends it at once. What nobody caught is told in
 * one JSON line and ends the process: a node that has lost its footing must not limp on.
 */
import type { NodeSettings } from '../config';
import { stderrHandler } from '../logging';
import { type Node, readyLine, startNode } from '../node';
import { formatTerm } from '../otp';
import { EXIT, SIGNAL_EXIT_CODES } from './exit-codes';
import { HeldReports } from './held-reports';

/** How long an orderly end may take, answers under way included. */
const STOP_TIMEOUT_MS = 9500;

/** Runs a node until it ends, and gives the exit code. */
export async function runNode(settings: NodeSettings): Promise<number> {
  process.on('uncaughtException', crash).on('unhandledRejection', crash);
  const reports = new HeldReports(stderrHandler(settings));
  const node = await startNode(settings, reports.take);
  if (!node.ok) {
    const wantsEveryStep = settings.logLevel === 'debug' || settings.logLevel === 'trace';
    if (wantsEveryStep) reports.passOn();
    else reports.passOnErrors();
    process.stderr.write(`${node.error}\n`);
    return EXIT.failure;
  }
  reports.passOn();
  const stopped = stopOnSignal(node.value);
  process.stdout.write(`${readyLine(node.value)}\n`);
  return Promise.race([stopped, failed(node.value)]);
}

/** Settles when a signal has stopped the node, or the end of whoever started it as one of a ring. */
function stopOnSignal(node: Node): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = () => {
      stopping = true;
      // What cannot be stopped in time is stopped by the end of the process.
      setTimeout(() => resolve(EXIT.success), STOP_TIMEOUT_MS).unref();
      void node.stop().then(() => resolve(EXIT.success));
    };
    for (const [signal, exitCode] of Object.entries(SIGNAL_EXIT_CODES)) {
      process.on(signal, () => {
        if (stopping) process.exit(exitCode);
        stop();
      });
    }
    // The channel to it breaks with it; see node-process.ts.
    process.once('disconnect', () => {
      if (!stopping) stop();
    });
  });
}

/** Settles when the node has ended of itself: its supervisors have given up. */
async function failed(node: Node): Promise<number> {
  const reason = await node.ended;
  // A node that was told to stop ends as well; its signal decides.
  if (node.isStopping()) return new Promise(() => {});
  process.stderr.write(`Cannot go on: the supervision tree has ended with ${formatTerm(reason)}\n`);
  return EXIT.failure;
}

function crash(error: unknown): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`${JSON.stringify({ level: 'fatal', event: 'crash', err: { type: name, message, stack } })}\n`);
  process.exit(EXIT.failure);
}
