/**
 * Chaos run: one ring, one kind of fault, one seed, and the verdict on it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomFrom } from '../src/otp';
import { disagreement } from './agreement';
import { Cluster } from './cluster';
import { FAULT_NAMES, type FaultName, needsLinks, SKEW_MS_MAX } from './faults';
import { type Copies, countCopies, readAll } from './final-reads';
import { History, lineOf } from './history';
import { judge, type KeyJudgement } from './judgement';
import { Load } from './load';
import { loopbackNetwork, namespaceNetwork } from './network';
import { Nemesis } from './nemesis';
import type { Verdict } from './verdict';
import { later } from './later';

/** What can be run: one fault, or all of them in turn. */
export type RunKind = FaultName | 'mixed';

/** One run. */
export interface RunOptions {
  readonly kind: RunKind;
  readonly seed: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly perSecond: number;
  readonly hotKeys: number;
  readonly onceKeys: number;
  readonly isBeyond: boolean;
  readonly canCut: boolean;
  readonly program: string;
  readonly flags: readonly string[];
  readonly dir: string;
  readonly tell: (line: string) => void;
}

/** How many copies of each key there are to be. */
const REPLICAS = 3;
const QUIET_MS = 1000;
/** So many requests have little time. */
const HURRIED_SHARE = 0.2;
/** What a mixed run is mixed of: what breaks something, and leaves time for others. */
const SHORT_FAULTS = FAULT_NAMES.filter((name) => name !== 'quiet' && name !== 'rolling');
const COPIES_BOUND_MS = 30_000;

/** How far two clocks of a run may be apart. Those of one machine are the same, but for a moment's reading. */
const clockErrorMs = (kind: RunKind) => (kind === 'skew' || kind === 'mixed' ? 3 * SKEW_MS_MAX : CLOCK_READING_MS);
const CLOCK_READING_MS = 100;

/** Runs it. Whatever happens, nothing of it is left running. */
export async function runChaos(options: RunOptions): Promise<Verdict> {
  const { kind, canCut, isBeyond, program, flags } = options;
  const logDir = join(options.dir, `${kind}-${options.seed}`);
  mkdirSync(logDir, { recursive: true });
  const usesLinks = canCut && (isBeyond || kind === 'mixed' || needsLinks(kind));
  const network = usesLinks ? namespaceNetwork(options.seed) : loopbackNetwork(options.seed);
  const startedMs = performance.now();
  const nowMs = () => performance.now() - startedMs;
  const cluster = new Cluster({ network, program, flags, logDir, nowMs });
  try {
    return await new Run({ ...options, canCut: usesLinks }, cluster, logDir, nowMs).run();
  } finally {
    await cluster.close();
  }
}

class Run {
  private readonly history = new History();
  private readonly eventual = new History();
  private readonly random: () => number;
  private readonly steps: string[] = [];

  constructor(
    private readonly options: RunOptions,
    private readonly cluster: Cluster,
    private readonly logDir: string,
    private readonly nowMs: () => number,
  ) {
    this.random = randomFrom(options.seed);
  }

  async run(): Promise<Verdict> {
    const { options, cluster, nowMs, history } = this;
    const { kind, seconds, isBeyond, canCut } = options;
    const skewMs = () => (kind === 'skew' ? Math.round(SKEW_MS_MAX * (2 * this.random() - 1)) : 0);
    await cluster.startMany(options.nodes, skewMs);
    const faults = kind === 'mixed' ? SHORT_FAULTS.filter((name) => canCut || !needsLinks(name)) : [kind];
    const tell = (line: string) => this.tell(line);
    const nemesis = new Nemesis({ cluster, random: this.random, nowMs, faults, isBeyond, canCut, tell });
    await nemesis.mend();
    const load = new Load({
      history,
      eventual: this.eventual,
      targets: () => cluster.nodes.filter(({ state }) => state === 'up' || state === 'paused'),
      random: randomFrom(options.seed + 1),
      nowMs,
      perSecond: options.perSecond,
      hotKeys: options.hotKeys,
      onceKeys: options.onceKeys,
      hurriedShare: HURRIED_SHARE,
    });
    const loadStartMs = nowMs();
    await later(QUIET_MS);
    await nemesis.run(nowMs() + seconds * 1000);
    await nemesis.mend();
    await load.stop();
    const loadEndMs = nowMs();
    const keys = [...history.byKey().keys()];
    const unreadable = await readAll(cluster.up, keys, history, nowMs);
    const copies = isBeyond ? undefined : await this.settledCopies(keys);
    const losses = { areAllowed: nemesis.hasKilled, clockErrorMs: clockErrorMs(kind) };
    const disagreed = isBeyond ? undefined : await disagreement(cluster.up, this.eventual, losses, nowMs);
    const judgements = judge(history.byKey(), cluster.changes);
    return {
      ...options,
      operations: history.operations,
      loadMs: loadEndMs - loadStartMs,
      rounds: nemesis.rounds,
      settledMs: nemesis.settledMs,
      problems: [...nemesis.problems, ...this.deaths(), ...(disagreed === undefined ? [] : [disagreed])],
      changes: cluster.changes.length,
      complaints: cluster.complaints,
      eventual: this.eventual.operations.length,
      alarms: cluster.alarms,
      unreadable,
      copies,
      judgements,
      files: this.writeFiles(judgements),
    };
  }

  /** The copies of each key, once they are as many as they should be, or after a long wait. */
  private async settledCopies(keys: readonly string[]): Promise<Copies | undefined> {
    const sinceMs = this.nowMs();
    for (;;) {
      const nodes = this.cluster.up;
      const copies = await countCopies(nodes, keys, Math.min(REPLICAS, nodes.length));
      if (copies === undefined || copies.wrong.length === 0 || this.nowMs() - sinceMs > COPIES_BOUND_MS) return copies;
      await later(500);
    }
  }

  private deaths(): readonly string[] {
    return this.cluster.nodes
      .filter(({ deaths }) => deaths > 0)
      .map(({ name, deaths }) => `${name} has ended by itself ${deaths === 1 ? 'once' : `${deaths} times`}`);
  }

  private tell(line: string): void {
    const timed = `${(this.nowMs() / 1000).toFixed(3).padStart(8)} s  ${line}`;
    this.steps.push(timed);
    this.options.tell(timed);
  }

  /** Writes down what was done, and the history of every key that something is wrong with. */
  private writeFiles(judgements: readonly KeyJudgement[]): readonly string[] {
    const write = (name: string, lines: readonly string[]) => {
      const path = join(this.logDir, name);
      writeFileSync(path, `${lines.join('\n')}\n`);
      return path;
    };
    write('steps.txt', this.steps);
    write(
      'complaints.txt',
      this.cluster.complaints.map(({ node, atMs, message }) => `${atMs.toFixed(3)} ${node} ${message}`),
    );
    return judgements.map(({ key, operations, anomalies }) =>
      write(`history-${key}.txt`, [
        ...anomalies.map(({ kind, read }) => `${kind}: ${lineOf(read)}`),
        '',
        ...operations.map(lineOf),
      ]),
    );
  }
}
