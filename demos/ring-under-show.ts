/**
 * A ring that a demo shows: nodes that join each other, asked through their admin servers, and beside them what is
 * right, found by looking at all of them at once.
 */
import type { FingersInfo, LookupInfo, RingInfo } from '../src/admin/answers';
import { addressId, type Id, keyId } from '../src/chord/id';
import { fingerTarget } from '../src/chord/finger-table';
import { type Address, formatAddress, parseAddress } from '../src/client';
import { type AdminQuestion, askAdmin } from '../src/cli/admin-request';
import { FINGERS_QUESTION, lookupQuestion, RING_QUESTION } from '../src/cli/ring-questions';
import { fromUtf8 } from '../src/octets';
import { later } from './clients';
import type { NodeUnderShow } from './node-under-show';
import type { Problem } from './stage';

/** How long something took, and why it is not there yet. */
export interface Waited {
  readonly tookMs: number;
  readonly problem: Problem;
}

/** Starts a node with these flags. */
export type StartNode = (flags: readonly string[]) => Promise<NodeUnderShow>;

const ASK_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 20;
/** What is not whole after this will not be. */
const PATIENCE_MS = 20_000;

/** The name by which the ring knows a node. */
export const nameOf = ({ host, port }: Address): string => formatAddress({ host, port });

/** Nodes of one ring, as they are started, stopped and killed. */
export class RingUnderShow {
  /** Those that run. */
  nodes: readonly NodeUnderShow[] = [];

  /** @param flags of every node */
  constructor(
    private readonly startNode: StartNode,
    private readonly flags: readonly string[] = [],
  ) {}

  /** Starts a node, which joins the others where there are any. */
  async start(): Promise<NodeUnderShow> {
    const [contact] = this.nodes;
    const join = contact === undefined ? [] : ['--join', nameOf(contact)];
    const node = await this.startNode([...join, ...this.flags]);
    this.nodes = [...this.nodes, node];
    return node;
  }

  /** Starts so many: the first, and then all others at once. */
  async startAll(count: number): Promise<void> {
    await this.start();
    await Promise.all(Array.from({ length: count - 1 }, () => this.start()));
  }

  /** Ends a node in good order; gives its exit code. */
  stop(node: NodeUnderShow): Promise<number | null> {
    this.nodes = this.nodes.filter((other) => other !== node);
    return node.stop();
  }

  /** Ends a node without a warning to anybody. */
  async kill(node: NodeUnderShow): Promise<void> {
    this.nodes = this.nodes.filter((other) => other !== node);
    await node.kill();
  }

  /** Ends all that run; gives their exit codes. */
  async stopAll(): Promise<readonly (number | null)[]> {
    const running = this.nodes;
    this.nodes = [];
    return Promise.all(running.map((node) => node.stop()));
  }

  /** The ring as one of its nodes sees it. */
  seenBy(node: NodeUnderShow): Promise<RingInfo> {
    return this.ask(node, RING_QUESTION);
  }

  lookup(node: NodeUnderShow, key: string): Promise<LookupInfo> {
    return this.ask(node, lookupQuestion(Buffer.from(key, 'utf8')));
  }

  fingers(node: NodeUnderShow): Promise<FingersInfo> {
    return this.ask(node, FINGERS_QUESTION);
  }

  /** The identifiers of a node's 160 fingers. */
  private async fingerIds(node: NodeUnderShow): Promise<readonly string[]> {
    const { fingers } = await this.fingers(node);
    return fingers.flatMap(({ first, last, peer }) => Array.from({ length: last - first + 1 }, () => peer.id));
  }

  /** Waits until every node sees a whole ring of exactly those that run; gives why not where it takes too long. */
  untilWhole(sinceMs = performance.now()): Promise<Waited> {
    return this.until(() => this.problem(), sinceMs);
  }

  /** Waits until it is whole, each node leads its own arc, and all members of each arc vote and have the same. */
  untilSettled(sinceMs = performance.now()): Promise<Waited> {
    return this.until(async () => (await this.problem()) ?? (await this.unsettledProblem()), sinceMs);
  }

  /** Waits until nothing speaks against it; gives what does where it takes too long. */
  async until(problemNow: () => Promise<Problem>, sinceMs = performance.now()): Promise<Waited> {
    for (;;) {
      const problem = await problemNow();
      const tookMs = performance.now() - sinceMs;
      if (problem === undefined || tookMs > PATIENCE_MS) return { tookMs, problem };
      await later(LOOK_EVERY_MS);
    }
  }

  /** Waits until all fingers of all nodes are right. */
  async untilFingersRight(): Promise<{ readonly tookMs: number; readonly wrong: number }> {
    const sinceMs = performance.now();
    for (;;) {
      const all = await Promise.all(this.nodes.map((node) => this.wrongFingers(node)));
      const wrong = all.reduce((sum, count) => sum + count, 0);
      const tookMs = performance.now() - sinceMs;
      if (wrong === 0 || tookMs > PATIENCE_MS) return { tookMs, wrong };
      await later(LOOK_EVERY_MS);
    }
  }

  /** The node that comes first at or behind a point of the circle, by looking at all of them. */
  firstAtOrBehind(point: string): NodeUnderShow {
    const inOrder = inRingOrder(this.nodes);
    const found = inOrder.find(({ id }) => id >= point) ?? inOrder[0];
    if (found === undefined) throw new Error('Cannot find an owner: no node runs');
    return found;
  }

  /** The node that a key belongs to, by looking at all of them. */
  ownerOf(key: string): NodeUnderShow {
    return this.firstAtOrBehind(keyId(fromUtf8(key)));
  }

  private async wrongFingers(node: NodeUnderShow): Promise<number> {
    const self = addressId(nameOf(node));
    const fingers = await this.fingerIds(node);
    const isWrong = (id: string, index: number) => this.firstAtOrBehind(fingerTarget(self, index)).id !== id;
    return fingers.filter(isWrong).length;
  }

  private async unsettledProblem(): Promise<Problem> {
    const [first] = this.nodes;
    const seen = first && (await this.seenBy(first).catch(() => undefined));
    return seen ? unsettledProblem(seen, Math.min(REPLICAS, this.nodes.length)) : 'a node does not answer';
  }

  private async problem(): Promise<Problem> {
    const views = await Promise.all(this.nodes.map((node) => this.seenBy(node).catch(() => undefined)));
    const problems = views.map((view) =>
      view === undefined ? 'a node does not answer' : ringProblem(view, this.nodes),
    );
    return problems.find((problem) => problem !== undefined);
  }

  /** Asks the admin server of a node. */
  async ask<T>({ adminUrl }: NodeUnderShow, question: AdminQuestion<T>): Promise<T> {
    const admin = parseAddress(new URL(adminUrl).host);
    if (!admin.ok) throw new Error(admin.error);
    const answer = await askAdmin({ addresses: [admin.value], timeoutMs: ASK_TIMEOUT_MS }, question);
    if (!answer.ok) throw new Error(answer.error.message);
    return answer.value;
  }
}

/** Nodes as they stand on the circle, from its beginning on. */
export function inRingOrder<T extends { readonly id: string }>(nodes: readonly T[]): readonly T[] {
  return [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A problem where a ring is not whole, or is not made up of exactly these nodes in the order of their identifiers. */
export function ringProblem(seen: RingInfo, nodes: readonly { readonly id: string }[]): Problem {
  const [own] = seen.nodes;
  const order = inRingOrder(nodes).map(({ id }) => id);
  const at = order.indexOf(own?.id ?? '');
  const right = [...order.slice(at), ...order.slice(0, at)];
  const isRight = seen.nodes.length === right.length && seen.nodes.every(({ id }, index) => id === right[index]);
  if (!isRight) return `it has ${seen.nodes.length} nodes, not these ${right.length} in their order`;
  return seen.consistent && seen.covered ? undefined : seen.problems.join('; ');
}

/** A problem where a node does not lead exactly its own arc, or some arc is not kept by so many nodes that all have the same. */
export function unsettledProblem({ nodes }: RingInfo, replicas: number): Problem {
  const wrong = nodes.filter(({ id, arcs, copies, predecessor }) => {
    const [arc, ...more] = arcs;
    const isOwn = arc !== undefined && more.length === 0 && arc.hi === id && arc.lo === (predecessor?.id ?? id);
    const isKept = copies.least === replicas && copies.most === replicas && copies.learner === 0;
    const isQuiet = copies.unsettled + copies.newcomers + copies.fetching === 0;
    return !(isOwn && isKept && isQuiet);
  });
  if (wrong.length === 0) return undefined;
  return `still at work: ${wrong.map(({ addr, copies }) => `${addr} ${JSON.stringify(copies)}`).join(', ')}`;
}

/** How many copies of each key a ring keeps unless it is told otherwise. */
export const REPLICAS = 3;

/** How many of these keys belong to each node, by looking at all of them; by identifier. */
export function keysByOwner(ring: RingUnderShow, keys: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) {
    const { id } = ring.ownerOf(key);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** The first digits of an identifier. */
export const short = (id: Id | string): string => id.slice(0, 12);
