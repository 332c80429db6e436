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
import { type Play, PLAYS } from './plays';
import { failuresOf, reportOf, tableOf, type Verdict } from './verdict';

const KINDS: readonly string[] = [...FAULT_NAMES, 'mixed'];

/** What was asked for on the command line. */
function readArguments() {
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
  const kinds = values.kind === 'all' ? KINDS : values.kind.split(',');
  const known = [...KINDS, ...Object.keys(PLAYS)];
  const strange = kinds.find((kind) => !known.includes(kind));
  if (strange !== undefined) throw new Error(`Cannot run "${strange}": the kinds are ${known.join(', ')}`);
  return { ...values, kinds, dir: values.dir ?? mkdtempSync(join(tmpdir(), 'funnelkvs-chaos-')) };
}

type Arguments = ReturnType<typeof readArguments>;

async function main(): Promise<number> {
  const given = readArguments();
  const { kinds, dir, seed, seeds } = given;
  const linksProblem = kinds.some((kind) => kind === 'mixed' || kind === 'partition') ? namespacesProblem() : undefined;
  if (linksProblem !== undefined) console.log(`No partitions: ${linksProblem}`);
  console.log(`Logs, steps and histories: ${dir}`);
  const verdicts: Verdict[] = [];
  let failed = 0;
  for (const kind of kinds) {
    const play = PLAYS[kind];
    if (play !== undefined) {
      failed += await runPlay(kind, play, given);
      continue;
    }
    if (linksProblem !== undefined && needsLinks(kind)) continue;
    for (let at = Number(seed); at < Number(seed) + Number(seeds); at += 1) {
      const verdict = await runOne(kind as RunKind, at, linksProblem === undefined, given);
      if (verdict === undefined) failed += 1;
      else {
        verdicts.push(verdict);
        failed += failuresOf(verdict).length;
      }
    }
  }
  if (verdicts.length > 1) console.log(tableOf(verdicts));
  return failed === 0 ? 0 : 1;
}

async function runPlay(name: string, play: Play, { program, flag: flags, dir }: Arguments): Promise<number> {
  console.log(name);
  const problems = await play({ program, flags, dir, tell: console.log }).catch((error: unknown) => [String(error)]);
  console.log(
    [`${problems.length === 0 ? 'PASS' : 'FAIL'}  ${name}`, ...problems.map((one) => `  ${one}`), ''].join('\n'),
  );
  return problems.length;
}

/** The verdict; undefined where the run itself came to grief. */
async function runOne(kind: RunKind, seed: number, canCut: boolean, given: Arguments): Promise<Verdict | undefined> {
  const { seconds, nodes, rate, keys, once, beyond, quiet, program, flag: flags, dir } = given;
  console.log(`${kind}, seed ${seed}`);
  try {
    const verdict = await runChaos({
      kind,
      seed,
      seconds: Number(seconds),
      nodes: Number(nodes),
      perSecond: Number(rate),
      hotKeys: Number(keys),
      onceKeys: Number(once),
      isBeyond: beyond,
      canCut,
      program,
      flags,
      dir,
      tell: quiet ? () => {} : console.log,
    });
    console.log(`${reportOf(verdict)}\n`);
    return verdict;
  } catch (error) {
    console.log(`FAIL  ${kind}, seed ${seed}: ${String(error)}\n`);
    return undefined;
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.stack : error);
    process.exit(1);
  },
);
