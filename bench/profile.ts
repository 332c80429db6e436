/**
 * Where a server spends its time under load: the functions with the most self time.
 *
 *   node dist/bench/profile.js [--bare | --buffers] [--v 1] [--pipelining 16] [--seconds 4] [--top 30] [--save file.cpuprofile]
 *   node dist/bench/profile.js file.cpuprofile
 *
 * The first form loads a node (or a bare server) as server-bench.ts does and samples it once it
 * is warm; the second reads any profile, such as one of `node --cpu-prof`. Self time is given as a
 * part of the time in which the process was not idle, and per request where the number of those is
 * known. `(program)` is native code; `writeLatin1String` is the system call that sends.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Child } from './child';
import type { Load, Outcome } from './load-generator';
import { KEYS } from './tape';
import { CUSTOMARY, TUNED } from './yardsticks';

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

/** One function, and its part of the time. */
interface SelfTime {
  readonly name: string;
  readonly place: string;
  readonly timeUs: number;
  /** Of the time that was not idle, 0 to 1. */
  readonly part: number;
}

/** The functions of a profile, those with the most self time first. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const frame = byId.get(id)?.callFrame;
    // The time up to the next sample belongs to this one.
    const time = timeDeltas[index + 1] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)') continue;
    busy += time;
    const key = `${frame.functionName || '(anonymous)'}\n${placeOf(frame)}`;
    times.set(key, (times.get(key) ?? 0) + time);
  }
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .map(([key, time]) => {
      const [name = '', place = ''] = key.split('\n');
      return { name, place, timeUs: time, part: time / busy };
    });
}

function placeOf({ url, lineNumber }: ProfileNode['callFrame']): string {
  if (url === '') return 'native';
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(dist|node_modules)\//, '');
  return `${file}:${lineNumber + 1}`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bare: { type: 'boolean', default: false },
      buffers: { type: 'boolean', default: false },
      v: { type: 'string', default: '1' },
      pipelining: { type: 'string', default: '16' },
      seconds: { type: 'string', default: '4' },
      top: { type: 'string', default: '30' },
      save: { type: 'string' },
    },
  });
  const [given] = positionals;
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  try {
    const path = given ?? values.save ?? join(folder, 'server.cpuprofile');
    let requests: number | undefined;
    if (given === undefined) {
      const version = values.v === '2' ? 2 : 1;
      const bare = values.buffers ? CUSTOMARY.module : TUNED.module;
      const server = values.bare || values.buffers ? bare : 'node-entry.js';
      requests = await takeProfile(
        server,
        { version, pipelining: Number(values.pipelining) },
        Number(values.seconds),
        path,
      );
    }
    print(selfTimes(JSON.parse(readFileSync(path, 'utf8')) as CpuProfile).slice(0, Number(values.top)), requests);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function takeProfile(
  module: string,
  shape: Pick<Load, 'version' | 'pipelining'>,
  seconds: number,
  path: string,
): Promise<number> {
  const generator = await Child.start<undefined>('load-generator.js');
  const server = await Child.start<number>(module);
  try {
    const load = { ...shape, ports: [server.ready], connections: 50, warmUpMs: 0, measureMs: 2000 } satisfies Load;
    await generator.ask('preload', { port: server.ready, keys: KEYS });
    await generator.ask<Outcome>('load', load);
    await server.ask('startProfile');
    const { requestsPerSecond, requests } = await generator.ask<Outcome>('load', {
      ...load,
      measureMs: seconds * 1000,
    });
    await server.ask('stopProfile', path);
    console.log(
      `${module}, v${shape.version}, ${shape.pipelining} in flight: ${Math.round(requestsPerSecond)} requests/s`,
    );
    return requests;
  } finally {
    await server.stop();
    await generator.stop();
  }
}

function print(functions: readonly SelfTime[], requests: number | undefined): void {
  console.log(`self %${requests === undefined ? '' : '  µs/request'}  function`);
  for (const { name, place, part, timeUs } of functions) {
    const perRequest = requests === undefined ? '' : (timeUs / requests).toFixed(3).padStart(12);
    console.log(`${(part * 100).toFixed(1).padStart(6)}${perRequest}  ${name.padEnd(32)} ${place}`);
  }
}

if (require.main === module) {
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exit(1);
    },
  );
}
