/**
 * How long a node takes from the start of its process to its ready line, beside a Node process
 * that does nothing at all.
 *
 * Compiled as a program and as a library, and straight from the sources through ts-node and swc.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Figure, figure } from './figures';
import { type Plan, progress } from './plan';

const ROOT = join(__dirname, '..', '..');

interface Way {
  readonly what: string;
  readonly args: readonly string[];
}

const NOTHING: Way = { what: 'node -e 0', args: ['-e', '0'] };

const WAYS: readonly Way[] = [
  { what: 'compiled, as a program', args: ['bin/funnelkvs', 'node', '--port', '0'] },
  { what: 'compiled, as a library', args: [join(__dirname, 'node-entry.js')] },
  { what: 'from sources, ts-node with swc', args: ['-r', 'ts-node/register', 'bench/node-entry.ts'] },
];

/** Measures every way of starting, one after the other, again and again. */
export async function measureStarts({ starts }: Plan): Promise<Figure[]> {
  const taken = new Map<Way, number[]>([NOTHING, ...WAYS].map((way) => [way, []]));
  for (let round = 1; round <= starts; round += 1) {
    progress(`start: round ${round} of ${starts}`);
    for (const [way, times] of taken) times.push(await timeOf(way));
  }
  const nothing = taken.get(NOTHING) ?? [];
  return WAYS.map((way) =>
    figure(
      { part: '(d) start to ready', what: way.what, unit: 'ms', better: 'less', against: NOTHING.what },
      (taken.get(way) ?? []).map((ours, round) => ({ ours, yardstick: nothing[round] ?? Number.NaN })),
    ),
  );
}

/** From the start of the process to its first output, or to its end where it has none. */
function timeOf({ what, args }: Way): Promise<number> {
  const beginMs = performance.now();
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const killChild = () => child.kill('SIGKILL');
  process.once('exit', killChild);
  return new Promise((resolve, reject) => {
    let readyMs: number | undefined;
    child.stdout.once('data', () => {
      readyMs = performance.now() - beginMs;
      killChild();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      process.off('exit', killChild);
      if (readyMs === undefined && code !== 0) reject(new Error(`Cannot start ${what}: exit code ${code}`));
      else resolve(readyMs ?? performance.now() - beginMs);
    });
  });
}
