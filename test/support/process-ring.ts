/**
 * A ring of nodes that are processes of their own, for tests of what only processes can show: a node
 * that is killed, one that is stopped and goes on, one that leaves because it was told to end.
 *
 * The program is the compiled one. Ports are the system's choice. Everything ends with the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { http, json } from './http';
import { closeLater, until } from './node';

const PROGRAM = join(__dirname, '..', '..', 'bin', 'funnelkvs');
const READY = /^ready node=\d+ addr=(\S+):(\d+) id=([0-9a-f]{40}) admin=http:\/\/\S+:(\d+)$/m;
const READY_BOUND_MS = 40_000;
const WHOLE_BOUND_MS = 20_000;
const SETTLED_BOUND_MS = 30_000;

/** What `GET /api/node` says, as far as a ring is concerned. */
interface NodeView {
  readonly id: string;
  readonly state: 'joining' | 'fetching' | 'active' | 'leaving';
  readonly ring: {
    readonly predecessor: { readonly id: string } | null;
    readonly successor: { readonly id: string } | null;
  };
  readonly keys: { readonly primary: number };
  readonly views: { readonly learner: number; readonly newcomers: number; readonly unsettled: number };
  /** Null where it leads nothing. */
  readonly copies: { readonly min: number } | null;
  readonly safeToStop: { readonly safe: boolean; readonly reason: string | null };
}

/** One node. */
export class RingNode {
  stdout = '';
  stderr = '';
  /** Undefined while it runs. */
  exit: { readonly code: number | null; readonly signal: string | null } | undefined;

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    child.once('exit', (code, signal) => {
      this.exit = { code, signal };
    });
    closeLater(() => this.kill());
  }

  /** Starts a node, and does not wait for it. */
  static spawn(args: readonly string[]): RingNode {
    const own = ['node', '--port', '0', '--admin-port', '0', '--log-level', 'info', '--allow-chaos', ...args];
    return new RingNode(spawn(process.execPath, [PROGRAM, ...own], { stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  /** Resolves when the node serves. */
  async ready(): Promise<this> {
    await until('the node serves', () => READY.test(this.stdout) || this.exit !== undefined, READY_BOUND_MS);
    if (!READY.test(this.stdout)) throw new Error(`Not ready: ${this.stdout}${this.stderr}`);
    return this;
  }

  get port(): number {
    return Number(this.said(2));
  }

  get addr(): string {
    return `${this.said(1)}:${this.said(2)}`;
  }

  get id(): string {
    return this.said(3);
  }

  get adminPort(): number {
    return Number(this.said(4));
  }

  get isRunning(): boolean {
    return this.exit === undefined;
  }

  /** What it tells operators. */
  async view(): Promise<NodeView> {
    return json(await http(this.adminPort, '/api/node')) as NodeView;
  }

  /** Kills the process, as `kill -9` would. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Stops its processor, as a machine does that hangs: nothing is closed. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** Tells it to end: it leaves the ring first. Resolves with its exit code. */
  async leave(): Promise<number | null> {
    this.child.kill('SIGTERM');
    await until('the node has ended', () => this.exit !== undefined, 15_000);
    return this.exit?.code ?? null;
  }

  private said(group: number): string {
    return READY.exec(this.stdout)?.[group] ?? '';
  }
}

/** Several nodes that know each other. */
export class ProcessRing {
  readonly nodes: RingNode[] = [];

  /** Starts so many nodes, one after the other or all but the first at once, and waits until each serves. */
  static async start(
    count: number,
    { atOnce = false, args = [] }: { atOnce?: boolean; args?: readonly string[] } = {},
  ): Promise<ProcessRing> {
    const ring = new ProcessRing();
    ring.nodes.push(await RingNode.spawn(args).ready());
    if (atOnce) await Promise.all(Array.from({ length: count - 1 }, () => ring.add(args)));
    else for (let i = 1; i < count; i += 1) await ring.add(args);
    return ring;
  }

  /** Brings another node in, through the first that lives, and waits until it serves. */
  async add(args: readonly string[] = []): Promise<RingNode> {
    const [contact] = this.living;
    const node = RingNode.spawn(['--join', contact?.addr ?? '', ...args]);
    this.nodes.push(node);
    return node.ready();
  }

  get living(): readonly RingNode[] {
    return this.nodes.filter((node) => node.isRunning && node.stdout !== '');
  }

  /** Resolves with how many milliseconds it took until everybody's neighbours were the right ones. */
  untilWhole(among: () => readonly RingNode[] = () => this.living): Promise<number> {
    return untilRight('the ring is whole', () => faultOf(among()), WHOLE_BOUND_MS);
  }

  /**
   * Resolves with how many milliseconds it took until the ring was whole, every key had so many copies, all of them
   * voting and found to agree, and every node could be stopped.
   */
  untilSettled(copies: number): Promise<number> {
    const fault = async () => (await faultOf(this.living)) || (await openIn(this.living, copies));
    return untilRight('the ring has settled', fault, SETTLED_BOUND_MS);
  }
}

/** Waits until nothing is wrong; fails with what is wrong at the end. */
async function untilRight(what: string, fault: () => Promise<string>, boundMs: number): Promise<number> {
  const startMs = performance.now();
  let last = '';
  await until(
    what,
    async () => {
      last = await fault();
      return last === '';
    },
    boundMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; ${last}`);
  });
  return performance.now() - startMs;
}

/** What these nodes have yet to do until all copies are there; empty when nothing is. */
async function openIn(nodes: readonly RingNode[], copies: number): Promise<string> {
  const told = await Promise.all(nodes.map((node) => node.view().catch((error: unknown) => String(error))));
  return told
    .flatMap((view) => {
      if (typeof view === 'string') return view;
      const { id, views, copies: had, safeToStop } = view;
      const isDone = views.learner + views.newcomers + views.unsettled === 0 && (had?.min ?? copies) === copies;
      if (isDone && safeToStop.safe) return [];
      return `${short(id)}: ${safeToStop.reason ?? ''} ${JSON.stringify({ ...views, copies: had?.min })}`;
    })
    .join('; ');
}

/** What is wrong with a ring of these nodes; empty when nothing is. */
async function faultOf(nodes: readonly RingNode[]): Promise<string> {
  const views = await Promise.all(nodes.map((node) => node.view().catch((error: unknown) => String(error))));
  const told = views.filter((view) => typeof view !== 'string');
  if (told.length < views.length) return views.filter((view) => typeof view === 'string').join('; ');
  const ring = told.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const wrong = ring.filter((view, at) => {
    const before = ring.at(at - 1)?.id;
    const after = ring[(at + 1) % ring.length]?.id;
    const { predecessor, successor } = view.ring;
    // A lone node may name itself or nobody.
    if (ring.length === 1) return (successor?.id ?? view.id) !== view.id;
    const serves = view.state === 'active' || view.state === 'fetching';
    return !serves || predecessor?.id !== before || successor?.id !== after;
  });
  return wrong
    .map(
      ({ id, state, ring: { predecessor, successor } }) =>
        `${short(id)} (${state}) is between ${short(predecessor?.id)} and ${short(successor?.id)}`,
    )
    .join('; ');
}

const short = (id: string | undefined) => id?.slice(0, 6) ?? 'nobody';
