/**
 * Benchmarks: every figure beside its yardstick, measured in the same run, in one table.
 *
 *   node dist/bench/main.js [--quick] [--json] [--only a,b,c,d,e,f,g]
 *
 *   (a) the runtime beside raw nact          runtime-bench.ts
 *   (b) a node over TCP beside bare servers  server-bench.ts
 *   (c) memory of stored keys                memory-bench.ts
 *   (d) time from start to ready             start-bench.ts
 *   (e) a ring of processes                  ring-bench.ts
 *   (f) traffic between nodes                traffic-bench.ts
 *   (g) memory under overwrites and deletes  churn-bench.ts
 *
 * What is meant by a bare `node:net` server with one Map is buffer-server.ts, as most would write
 * it; bare-server.ts is a stricter one. It is no test: nothing here passes or fails.
 */
import { parseArgs } from 'node:util';
import { measureChurn } from './churn-bench';
import { type Figure, tableOf } from './figures';
import { measureKeys } from './memory-bench';
import { FULL, type Plan, QUICK } from './plan';
import { measureRings } from './ring-bench';
import { measureRuntime } from './runtime-bench';
import { measureServers } from './server-bench';
import { measureStarts } from './start-bench';
import { measureTraffic } from './traffic-bench';

const PARTS: Readonly<Record<string, (plan: Plan) => Promise<Figure[]>>> = {
  a: measureRuntime,
  b: measureServers,
  c: measureKeys,
  d: measureStarts,
  e: measureRings,
  f: measureTraffic,
  g: measureChurn,
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', default: Object.keys(PARTS).join(',') },
    },
  });
  const figures: Figure[] = [];
  for (const name of values.only.split(',')) {
    const measure = PARTS[name];
    if (measure === undefined)
      throw new Error(`Cannot measure "${name}": the parts are ${Object.keys(PARTS).join(', ')}`);
    figures.push(...(await measure(values.quick ? QUICK : FULL)));
  }
  console.log(values.json ? JSON.stringify({ node: process.version, figures }, undefined, 2) : tableOf(figures));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
