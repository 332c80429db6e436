/**
 * Cluster: the nodes of one ring under chaos, and what an outsider can see of them all.
 */
import { mkdirSync } from 'node:fs';
import { ChaosNode } from './chaos-node';
import type { Span } from './judgement';
import type { Network } from './network';
import { later } from './later';

/** What a cluster is made of. */
export interface ClusterOptions {
  readonly network: Network;
  readonly program: string;
  readonly flags: readonly string[];
  readonly logDir: string;
  readonly nowMs: () => number;
}

/** What `GET /api/node` says, as far as it matters here. */
interface NodeView {
  readonly id: string;
  readonly state: string;
  readonly ring: {
    readonly predecessor: { readonly id: string } | null;
    readonly successor: { readonly id: string } | null;
  };
}

/** A view, as `GET /api/views` tells it. */
interface LedView {
  readonly primary: { readonly id: string };
  readonly members: readonly unknown[];
  readonly sealed: boolean;
  readonly settled: boolean | null;
}

/** A line of a node's log. */
interface LogLine {
  readonly level?: unknown;
  readonly event?: unknown;
  readonly msg?: unknown;
}

const LOOK_EVERY_MS = 50;
/** Nodes need a moment to notice what has happened: so long must the ring be settled without a break. */
const STEADY_MS = 300;
/** The same where nodes cannot tell whether they are safe to stop. */
const STEADY_UNTOLD_MS = 1500;
/** What a change of a view did before it was told. */
const CHANGE_MS = 250;
const COMPLAINTS_MAX = 1000;
/** So many copies there must be for one to be spared. */
const NODES_FOR_SAFETY = 3;
const HTTP_OK = 200;
const HTTP_NOT_FOUND = 404;

/** The nodes of one ring. */
export class Cluster {
  readonly nodes: ChaosNode[] = [];
  /** When views were changed, as the nodes' logs tell. */
  readonly changes: Span[] = [];
  /** What nodes reported as an error, in their order, and warnings of losses. */
  readonly complaints: { readonly node: string; readonly atMs: number; readonly message: string }[] = [];
  /** How often nodes have said that something may be lost. */
  alarms = 0;
  /** Whether nodes can say that they are safe to stop; undefined before any was asked. */
  knowsSafety: boolean | undefined;
  private offsets = new Map<string, number>();

  constructor(readonly options: ClusterOptions) {
    mkdirSync(options.logDir, { recursive: true });
  }

  /** Those that serve, as far as one can know. */
  get up(): readonly ChaosNode[] {
    return this.nodes.filter(({ state }) => state === 'up');
  }

  /** Those that have a process. */
  get running(): readonly ChaosNode[] {
    return this.nodes.filter(({ state }) => state !== 'down');
  }

  node(name: string): ChaosNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`There is no node ${name}`);
    return found;
  }

  /** Makes a node that does not run yet. */
  add(): ChaosNode {
    const { network, program, flags, logDir } = this.options;
    const number = this.nodes.length + 1;
    const place = network.place(number);
    const onLog = (node: ChaosNode, line: string) => this.logged(node, line);
    const node = new ChaosNode({ name: `n${number}`, number, place, program, flags, logDir, onLog });
    this.nodes.push(node);
    return node;
  }

  /** Starts a node: through another one where there is any. */
  async start(node: ChaosNode, clockOffsetMs = this.offsets.get(node.name) ?? 0): Promise<void> {
    this.offsets.set(node.name, clockOffsetMs);
    await node.start({ join: this.up.find((other) => other !== node), clockOffsetMs });
  }

  /** Starts so many nodes one after the other. */
  async startMany(count: number, clockOffsetMs: () => number = () => 0): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.start(this.add(), clockOffsetMs());
  }

  /** Waits until everybody is safe to stop; gives how long it took, or why it is not so after all that time. */
  async untilSettled(boundMs: number): Promise<{ readonly tookMs: number; readonly problem: string | undefined }> {
    const sinceMs = performance.now();
    let wholeSinceMs: number | undefined;
    for (;;) {
      const problem = await this.problem();
      const nowMs = performance.now();
      wholeSinceMs = problem === undefined ? (wholeSinceMs ?? nowMs) : undefined;
      const steadyMs = this.knowsSafety === false ? STEADY_UNTOLD_MS : STEADY_MS;
      if (wholeSinceMs !== undefined && nowMs - wholeSinceMs >= steadyMs)
        return { tookMs: wholeSinceMs - sinceMs, problem };
      if (nowMs - sinceMs > boundMs) return { tookMs: nowMs - sinceMs, problem: problem ?? 'it goes to and fro' };
      await later(LOOK_EVERY_MS);
    }
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    await Promise.all(this.running.map((node) => node.kill()));
    this.options.network.close();
  }

  /** What is not yet as it will be, if anything. */
  private async problem(): Promise<string | undefined> {
    const nodes = this.up;
    const views = await Promise.all(nodes.map((node) => node.ask('/api/node').catch(String)));
    // Two nodes are never safe to stop: both are needed for whatever is to last.
    const look = (node: ChaosNode) =>
      nodes.length < NODES_FOR_SAFETY ? this.viewsProblem(node, nodes.length) : this.safetyProblem(node);
    const problems = await Promise.all(nodes.map(look));
    return ringProblem(views) ?? problems.find((problem) => problem !== undefined);
  }

  /** Whether every view that this node leads has so many members and has settled. */
  private async viewsProblem(node: ChaosNode, members: number): Promise<string | undefined> {
    const answer = await node.ask('/api/views').catch(String);
    if (typeof answer === 'string') return answer;
    this.knowsSafety = answer.status !== HTTP_NOT_FOUND;
    if (!this.knowsSafety) return undefined;
    const { views } = answer.body as { readonly views: readonly LedView[] };
    const led = views.filter(({ primary }) => primary.id === node.id);
    const isDone = led.every((view) => view.settled === true && !view.sealed && view.members.length === members);
    return isDone ? undefined : `${node.name} leads views that have not settled`;
  }

  private async safetyProblem(node: ChaosNode): Promise<string | undefined> {
    const answer = await node.ask('/api/safe-to-stop').catch(String);
    if (typeof answer === 'string') return answer;
    this.knowsSafety = answer.status !== HTTP_NOT_FOUND;
    if (answer.status === HTTP_OK || !this.knowsSafety) return undefined;
    return `${node.name} is not safe to stop: ${JSON.stringify(answer.body)}`;
  }

  private logged(node: ChaosNode, line: string): void {
    const nowMs = this.options.nowMs();
    const { level, event, msg } = parseLine(line);
    const name = String(event);
    if (/^(view|arc)_/.test(name)) this.changes.push({ fromMs: nowMs - CHANGE_MS, toMs: nowMs });
    if (/possible_loss/.test(name)) this.alarms += 1;
    const isWorthTelling = level === 'error' || level === 'fatal' || /loss|orphan|lost/.test(name);
    if (isWorthTelling && this.complaints.length < COMPLAINTS_MAX)
      this.complaints.push({ node: node.name, atMs: nowMs, message: typeof msg === 'string' ? msg : line });
  }
}

function parseLine(line: string): LogLine {
  try {
    return (JSON.parse(line) as LogLine | null) ?? {};
  } catch {
    return { level: 'error', msg: line };
  }
}

/** What is wrong with a ring of nodes that say this. */
function ringProblem(answers: readonly (string | { readonly body: unknown })[]): string | undefined {
  const silent = answers.find((answer) => typeof answer === 'string');
  if (typeof silent === 'string') return silent;
  const views = answers.flatMap((answer) => (typeof answer === 'string' ? [] : [answer.body as NodeView]));
  const ring = views.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  for (const [at, { id, state, ring: place }] of ring.entries()) {
    if (ring.length === 1) return state === 'active' ? undefined : `the node is ${state}`;
    const before = ring.at(at - 1)?.id;
    const after = ring[(at + 1) % ring.length]?.id;
    if (state !== 'active' && state !== 'fetching') return `${short(id)} is ${state}`;
    if (place.predecessor?.id !== before || place.successor?.id !== after)
      return `${short(id)} is between ${short(place.predecessor?.id)} and ${short(place.successor?.id)}`;
  }
  return undefined;
}

const short = (id: string | undefined) => id?.slice(0, 6) ?? 'nobody';
