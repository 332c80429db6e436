/**
 * Phase 1: one node.
 *
 * A node is started as a program. Clients store, read and delete, 200 of them at a time and with
 * thousands of requests under way. Then, while others write without pause, parts of its
 * supervision tree are killed: the store, one connection, all services. Each is started again,
 * and nothing that was acknowledged is lost.
 */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { drawTree, isTree, type TreeNode } from '../src/cli/tree-drawing';
import type { Client, ClientOptions } from '../src/client';
import { entriesOf, later, lossProblem, open, putAll, read, readAll, withClient } from './clients';
import { type NodeUnderShow, startProgram } from './node-under-show';
import { type Out, type Problem, runAsProgram, sameProblem, Stage } from './stage';

/** Shows all of it; true where every claim held. */
export async function run(out: Out, start: () => Promise<NodeUnderShow> = startProgram): Promise<boolean> {
  const stage = new Stage(out);
  out('FunnelKVS, phase 1: one node');
  const node = await start();
  stage.show(`a node serves on ${node.host}:${node.port}`);
  try {
    await showAll(stage, node);
  } catch (error) {
    await node.stop();
    throw error;
  }
  stage.scene('The node is told to stop');
  stage.check('it ends in good order', sameProblem('the exit code', await node.stop(), 0));
  return stage.finish();
}

async function showAll(stage: Stage, node: NodeUnderShow): Promise<void> {
  const client = await open(node);
  await showBasics(stage, client);
  await showCrowd(stage, node);
  await showPipelining(stage, client);
  client.disconnect();
  await showTree(stage, node);
  await showKills(stage, node);
}

// What is a problem

/** A problem where one of these names is not in the tree, or its process does not run. */
export function treeProblem(tree: TreeNode | undefined, names: readonly string[]): Problem {
  if (tree === undefined) return 'there is no tree';
  const living = new Set(nodesOf(tree).flatMap(({ name, status }) => (IS_DOWN.has(status) ? [] : [name])));
  const missing = names.filter((name) => !living.has(name));
  return missing.length === 0 ? undefined : `${missing.join(', ')} not running`;
}

const IS_DOWN: ReadonlySet<string> = new Set(['restarting', 'stopped']);

/** A problem where clients had to wait longer than this for an acknowledgement. */
export function pauseProblem(longestPauseMs: number, mostMs: number): Problem {
  return longestPauseMs <= mostMs ? undefined : `there was none for ${Math.round(longestPauseMs)} ms`;
}

/** A problem where the process at a path was not started again exactly once more. */
export function restartProblem(before: TreeAt | undefined, after: TreeAt | undefined, path: string): Problem {
  const restarts = (tree: TreeAt | undefined) => tree && nodesOf(tree).find((node) => node.path === path)?.restarts;
  return sameProblem('the number of restarts', restarts(after), (restarts(before) ?? 0) + 1);
}

// Scenes

async function showBasics(stage: Stage, client: Client): Promise<void> {
  stage.scene('A client stores, reads and deletes');
  stage.check('a value that was stored is found', await storedProblem(client, 'user:alice', 'Alice Smith'));
  stage.check('a value is replaced', await storedProblem(client, 'user:alice', 'Alice Jones'));
  stage.check('an empty value is a value', await storedProblem(client, 'empty', ''));
  await client.delete('user:alice');
  stage.check('a key that was deleted is gone', sameProblem('its value', await read(client, 'user:alice'), undefined));
  const bytes = Buffer.from([0xff, 0xfe, 0x00]);
  await client.put(bytes, bytes);
  const found = await client.get(bytes);
  stage.check('any bytes are a key and a value', sameProblem('it', found.ok && found.value.equals(bytes), true));
  const pong = await client.ping();
  stage.check('a ping is answered', sameProblem('the answer', pong.ok && pong.value, 'pong'));
}

async function storedProblem(client: Client, key: string, value: string): Promise<Problem> {
  const stored = await client.put(key, value);
  return stored.ok ? sameProblem('the value', await read(client, key), value) : stored.error.message;
}

const CROWD = 200;

async function showCrowd(stage: Stage, node: NodeUnderShow): Promise<void> {
  stage.scene(`${CROWD} clients at the same time, each with a connection of its own`);
  const clients = await Promise.all(Array.from({ length: CROWD }, () => open(node)));
  const acknowledged = new Map<string, string>();
  await Promise.all(clients.map((client, index) => putAll(client, [[`crowd-${index}`, `${index}`]], acknowledged)));
  stage.check('every put was acknowledged', sameProblem('the number', acknowledged.size, CROWD));
  // Each reads what another one wrote.
  const found = await Promise.all(
    clients.map(async (client, index) => {
      const key = `crowd-${(index + 1) % CROWD}`;
      return [key, await read(client, key)] as const;
    }),
  );
  stage.check('each client finds what another one stored', lossProblem(acknowledged, new Map(found)));
  for (const client of clients) client.disconnect();
}

const PIPELINED = 10_000;

async function showPipelining(stage: Stage, client: Client): Promise<void> {
  stage.scene(`${PIPELINED} puts on one connection, none waiting for the answer to another`);
  const entries = entriesOf('pipelined', PIPELINED);
  const acknowledged = new Map<string, string>();
  const beginMs = performance.now();
  await putAll(client, entries, acknowledged, PIPELINED);
  const tookMs = performance.now() - beginMs;
  stage.show(`${Math.round(tookMs)} ms, ${Math.round((PIPELINED / tookMs) * 1000)} puts per second`);
  stage.check('every one was acknowledged', sameProblem('the number', acknowledged.size, PIPELINED));
  stage.check(
    'every value is found',
    lossProblem(acknowledged, await readAll(client, [...acknowledged.keys()], PIPELINED)),
  );
}

const PARTS = ['node-sup', 'table-heir', 'services-sup', 'kv-store', 'listener-sup', 'connection-sup', 'acceptor'];

async function showTree(stage: Stage, node: NodeUnderShow): Promise<void> {
  stage.scene('The node is a tree of supervised processes');
  const tree = await treeOf(node);
  if (tree) stage.show(...drawTree(tree));
  stage.check('every part of it runs', treeProblem(tree, PARTS));
}

// Kills under load

const WRITERS = 20;
const LOAD_MS = 400;
const PAUSE_MS_MAX = 1000;

async function showKills(stage: Stage, node: NodeUnderShow): Promise<void> {
  stage.scene(`${WRITERS} clients write without pause, and processes are killed meanwhile`);
  const load = await Load.start(node);
  await later(LOAD_MS);
  await showKill(stage, node, load, {
    what: 'the store',
    find: (tree) => pathOf(tree, 'kv-store'),
    connectionsLost: 0,
    isStartedAgain: true,
  });
  await showKill(stage, node, load, {
    what: 'one connection',
    find: (tree) => connectionsOf(tree)[0]?.path,
    connectionsLost: 1,
    isStartedAgain: false,
  });
  await showKill(stage, node, load, {
    what: 'all services',
    find: (tree) => pathOf(tree, 'services-sup'),
    connectionsLost: WRITERS,
    isStartedAgain: true,
  });
  await load.stop();
  const tree = await treeOf(node);
  if (tree) stage.show(...drawTree({ ...tree, children: withoutConnections(tree.children) }));
  stage.check('every part of the tree runs again', treeProblem(tree, PARTS));
  const found = await withClient(node, (client) => readAll(client, [...load.acknowledged.keys()]));
  stage.show(`${load.acknowledged.size} writes were acknowledged`);
  stage.check('not one of them is lost', lossProblem(load.acknowledged, found));
}

interface Victim {
  readonly what: string;
  readonly find: (tree: TreeAt) => string | undefined;
  /** How many of the writers are connected through it. */
  readonly connectionsLost: number;
  /** A connection is not: its client makes another. */
  readonly isStartedAgain: boolean;
}

async function showKill(
  stage: Stage,
  node: NodeUnderShow,
  load: Load,
  { what, find, connectionsLost, isStartedAgain }: Victim,
): Promise<void> {
  const before = await treeOf(node);
  const path = before && find(before);
  if (path === undefined) return stage.check(`${what} can be killed`, 'it is not in the tree');
  const lostBefore = load.connectionsLost;
  load.restartClock();
  const status = await kill(node, path);
  stage.show(`killed ${path}`);
  stage.check(`${what} can be killed`, sameProblem('the answer', status, 200));
  await later(LOAD_MS);
  await Promise.race([load.nextAcknowledgement(), later(PAUSE_MS_MAX)]);
  if (isStartedAgain) stage.check('it was started again', restartProblem(before, await treeOf(node), path));
  const lost = load.connectionsLost - lostBefore;
  const claim =
    connectionsLost === 0 ? 'nobody was cut off' : `${connectionsLost} of ${WRITERS} clients had to come back`;
  stage.check(claim, sameProblem('the number of connections lost', lost, connectionsLost));
  stage.check('the node went on within a second', pauseProblem(load.pauseMs, PAUSE_MS_MAX));
}

/** Clients that write a new key each time, and remember what was acknowledged. */
class Load {
  readonly acknowledged = new Map<string, string>();
  connectionsLost = 0;
  private longestPauseMs = 0;
  private lastAtMs = performance.now();
  private over = false;
  private waiting: (() => void)[] = [];
  private clients: Client[] = [];
  private writers: Promise<void>[] = [];

  static async start(node: NodeUnderShow): Promise<Load> {
    const load = new Load();
    const options: ClientOptions = {
      onConnectionEvent: ({ type }) => {
        if (type === 'lost' && !load.over) load.connectionsLost += 1;
      },
    };
    load.clients = await Promise.all(Array.from({ length: WRITERS }, () => open(node, options)));
    load.writers = load.clients.map((client, index) => load.write(client, index));
    return load;
  }

  /** The longest time without an acknowledgement, the one that lasts still included. */
  get pauseMs(): number {
    return Math.max(this.longestPauseMs, performance.now() - this.lastAtMs);
  }

  /** Pauses are measured from now on. */
  restartClock(): void {
    this.lastAtMs = performance.now();
    this.longestPauseMs = 0;
  }

  /** Settles when the next write is acknowledged. */
  nextAcknowledgement(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  async stop(): Promise<void> {
    this.over = true;
    await Promise.all(this.writers);
    for (const client of this.clients) client.disconnect();
  }

  private async write(client: Client, writer: number): Promise<void> {
    for (let count = 0; !this.over; count += 1) {
      const entry = [`load-${writer}-${count}`, `${count}`] as const;
      // What is not acknowledged may or may not be stored: nobody was promised anything.
      if ((await client.put(...entry)).ok) this.note(...entry);
      else await later(RETRY_MS);
    }
  }

  private note(key: string, value: string): void {
    this.longestPauseMs = this.pauseMs;
    this.lastAtMs = performance.now();
    this.acknowledged.set(key, value);
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

const RETRY_MS = 5;

// The tree, through the admin server

/** A process of the tree, and where it stands. */
export interface TreeAt extends TreeNode {
  readonly path: string;
  readonly children: readonly TreeAt[];
}

async function treeOf(node: NodeUnderShow): Promise<TreeAt | undefined> {
  const { body } = await ask(node, 'GET', '/api/tree');
  const tree: unknown = JSON.parse(body);
  return isTree(tree) ? (tree as TreeAt) : undefined;
}

const kill = async (node: NodeUnderShow, path: string): Promise<number> =>
  (await ask(node, 'POST', '/api/tree/kill', JSON.stringify({ path }))).status;

const ASK_TIMEOUT_MS = 5000;

/** Each question on a connection of its own: the admin server may just have been killed. */
function ask({ adminUrl }: NodeUnderShow, method: string, path: string, content = ''): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method, agent: false, timeout: ASK_TIMEOUT_MS };
    const asking = request(`${adminUrl}${path}`, options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asking.once('timeout', () => asking.destroy(new Error(`Cannot ask ${path}: no answer in time`)));
    asking.once('error', reject);
    asking.end(content);
  });
}

interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

const nodesOf = <T extends { readonly children: readonly T[] }>(root: T): readonly T[] => [
  root,
  ...root.children.flatMap(nodesOf),
];

const pathOf = (tree: TreeAt, name: string) => nodesOf(tree).find((node) => node.name === name)?.path;

const connectionsOf = (tree: TreeAt) => nodesOf(tree).find(({ name }) => name === 'connection-sup')?.children ?? [];

/** The tree without a line for each client. */
function withoutConnections(nodes: readonly TreeNode[]): readonly TreeNode[] {
  return nodes.map((node) => ({
    ...node,
    children: node.name === 'connection-sup' ? [] : withoutConnections(node.children),
  }));
}

if (require.main === module) runAsProgram(run);
