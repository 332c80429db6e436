/**
 * Chaos: rings of real processes under load while they are being broken, and a verdict.
 *
 *   node dist/chaos/main.js [--kind kill,pause] [--seconds 60] [--seed 1] [--seeds 1] …
 *
 * Kinds are those of faults.ts, `mixed`, `all`, and the fixed plays of plays.ts. What can be said besides is in
 * options.ts, and what the exit code says in exit.ts.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChaos, type RunKind } from './chaos-run';
import { type End, EXIT, countLine, exitCodeOf } from './exit';
import { needsLinks } from './faults';
import { namespacesProblem } from './network';
import { type ChaosOptions, helpText, isRunKind, readOptions } from './options';
import { type Play, PLAYS } from './plays';
import { failuresOf, reportOf, tableOf, type Verdict } from './verdict';

/** What is asked for, where it can go. */
type Given = ChaosOptions & { readonly dir: string };

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options.ok) {
    console.error(options.error);
    return EXIT.usage;
  }
  if (options.value === 'help') {
    console.log(helpText());
    return EXIT.passed;
  }
  const dir = options.value.dir ?? mkdtempSync(join(tmpdir(), 'funnelkvs-chaos-'));
  mkdirSync(dir, { recursive: true });
  return runAll({ ...options.value, dir });
}

async function runAll(given: Given): Promise<number> {
  const { kinds, dir, seed, seeds, beyond } = given;
  const wouldCut = kinds.some((kind) => kind === 'mixed' || needsLinks(kind) || (beyond && isRunKind(kind)));
  const linksProblem = wouldCut ? namespacesProblem() : undefined;
  if (linksProblem !== undefined) console.log(`No partitions: ${linksProblem}`);
  console.log(`Logs, steps and histories: ${dir}`);
  const verdicts: Verdict[] = [];
  const ends: End[] = [];
  for (const kind of kinds) {
    const play = PLAYS[kind];
    if (play !== undefined) ends.push(await runPlay(kind, play, given));
    if (!isRunKind(kind)) continue;
    if (linksProblem !== undefined && needsLinks(kind)) {
      console.log(`SKIPPED  ${kind}: ${linksProblem}\n`);
      ends.push('skipped');
      continue;
    }
    for (let at = seed; at < seed + seeds; at += 1) {
      const verdict = await runOne(kind, at, linksProblem === undefined, given);
      if (verdict !== undefined) verdicts.push(verdict);
      ends.push(verdict !== undefined && failuresOf(verdict).length === 0 ? 'passed' : 'failed');
    }
  }
  if (verdicts.length > 1) console.log(tableOf(verdicts));
  console.log(countLine(ends));
  return exitCodeOf(ends);
}

async function runPlay(name: string, { play }: Play, { program, flags, dir }: Given): Promise<End> {
  console.log(name);
  const problems = await play({ program, flags, dir, tell: console.log }).catch((error: unknown) => [String(error)]);
  console.log(
    [`${problems.length === 0 ? 'PASS' : 'FAIL'}  ${name}`, ...problems.map((one) => `  ${one}`), ''].join('\n'),
  );
  return problems.length === 0 ? 'passed' : 'failed';
}

/** The verdict; undefined where the run itself came to grief. */
async function runOne(kind: RunKind, seed: number, canCut: boolean, given: Given): Promise<Verdict | undefined> {
  const { rate, keys, once, beyond, quiet } = given;
  console.log(`${kind}, seed ${seed}`);
  try {
    const verdict = await runChaos({
      ...given,
      kind,
      seed,
      perSecond: rate,
      hotKeys: keys,
      onceKeys: once,
      isBeyond: beyond,
      canCut,
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
    console.error(`Cannot go on: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
