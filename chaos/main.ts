/**
 * Chaos: rings of real processes under load while they are being broken, and a verdict.
 *
 *   node dist/chaos/main.js [--kind kill,pause] [--seconds 60] [--seed 1] [--seeds 1] [--nodes 5] [--rate 300]
 *                           [--keys 24] [--once 3000] [--beyond] [--quiet] [--dir DIR] [--program FILE] [--flag …]
 *
 * Kinds are those of faults.ts, `mixed`, `all`, and the fixed plays of plays.ts. The exit code is 0 when
 * nothing was wrong, 1 otherwise.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compiledProgram } from './chaos-node';
import { runChaos, type RunKind } from './chaos-run';
import { FAULT_NAMES, needsLinks } from './faults';
import { namespacesProblem } from './network';
import { PLAYS } from './plays';
import { failuresOf, reportOf, tableOf, type Verdict } from './verdict';

const KINDS: readonly string[] = [...FAULT_NAMES, 'mixed'];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kind: { type: 'string', default: 'all' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      nodes: { type: 'string', default: '5' },
      rate: { type: 'string', default: '300' },
      keys: { type: 'string', default: '24' },
      once: { type: 'string', default: '3000' },
      beyond: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      dir: { type: 'string' },
      program: { type: 'string', default: compiledProgram() },
      flag: { type: 'string', multiple: true, default: [] },
    },
  });
  const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'funnelkvs-chaos-'));
  const kinds = values.kind === 'all' ? KINDS : values.kind.split(',');
  const linksProblem = kinds.some((kind) => kind === 'mixed' || kind === 'partition') ? namespacesProblem() : undefined;
  if (linksProblem !== undefined) console.log(`No partitions: ${linksProblem}`);
  console.log(`Logs, steps and histories: ${dir}`);
  const tell = values.quiet ? () => {} : (line: string) => console.log(line);
  const verdicts: Verdict[] = [];
  let failed = 0;
  for (const kind of kinds) {
    const play = PLAYS[kind];
    if (play !== undefined) {
      const problems = await play({
        program: values.program,
        flags: values.flag,
        dir,
        tell: (line) => console.log(line),
      });
      console.log(
        [`${problems.length === 0 ? 'PASS' : 'FAIL'}  ${kind}`, ...problems.map((one) => `  ${one}`)].join('\n'),
      );
      failed += problems.length;
      continue;
    }
    if (!KINDS.includes(kind))
      throw new Error(`Cannot run "${kind}": the kinds are ${[...KINDS, ...Object.keys(PLAYS)].join(', ')}`);
    if (linksProblem !== undefined && needsLinks(kind as RunKind & 'partition')) continue;
    for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed += 1) {
      console.log(`${kind}, seed ${seed}`);
      const verdict = await runChaos({
        kind: kind as RunKind,
        seed,
        seconds: Number(values.seconds),
        nodes: Number(values.nodes),
        perSecond: Number(values.rate),
        hotKeys: Number(values.keys),
        onceKeys: Number(values.once),
        isBeyond: values.beyond,
        canCut: linksProblem === undefined,
        program: values.program,
        flags: values.flag,
        dir,
        tell,
      });
      console.log(`${reportOf(verdict)}\n`);
      verdicts.push(verdict);
      failed += failuresOf(verdict).length;
    }
  }
  if (verdicts.length > 1) console.log(tableOf(verdicts));
  return failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.stack : error);
    process.exit(1);
  },
);
