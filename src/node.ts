/**
 * Node: where the parts of a node are put together.
 *
 * The ports are taken first, so that a port in use is a plain failure; then a runtime is made and
 * the tree below supervisors/node-sup.ts is started in it. A root that was killed is started
 * again, and finds the tables that its heir has kept. A root that gave up has tried everything:
 * the node has failed.
 */
import * as kvStore from '../actors/kv-store';
import * as rootSup from '../supervisors/root-sup';
import type { NodeInfo } from './admin/routes';
import { formatAddress } from './client/address';
import { type NodeId, nodeId } from './chord/id';
import type { NodeSettings } from './config';
import { type Application, application, formatTerm, type Reason, type ReportHandler, Runtime } from './otp';
import { err, ok, type Result } from './result';
import type { Target } from './store/local-write';
import { Door } from './transport/door';
import { VERSION } from './version';

/** A running node. */
export interface Node {
  /** With the ports that were really taken. */
  readonly settings: NodeSettings;
  readonly id: NodeId;
  readonly runtime: Runtime;
  /** Settles when the node has ended: `shutdown` when it was asked to, else why it failed. */
  readonly ended: Promise<Reason>;
  /** The key-value table, unless it is just being restarted. */
  store(): Target | undefined;
  /** Whether it was told to stop. */
  isStopping(): boolean;
  /** Stops accepting, lets answers leave, stops the tree from its end to its root. */
  stop(): Promise<void>;
}

/** The first line of a node that serves. */
export function readyLine({ settings, id }: Node): string {
  const admin = formatAddress({ host: settings.adminHost, port: settings.adminPort });
  return `ready node=${settings.nodeId} addr=${formatAddress(settings)} id=${id} admin=http://${admin}`;
}

/**
 * Starts a node.
 *
 * @param report where its reports go. @default nowhere
 * @returns the node once it serves, or a sentence that says why it cannot
 */
export async function startNode(
  settings: NodeSettings,
  report: ReportHandler = () => {},
): Promise<Result<Node, string>> {
  const doors = await takePorts(settings);
  if (!doors.ok) return doors;
  const { client, admin } = doors.value;
  const taken = { ...settings, port: client.port, adminPort: admin.port };
  const runtime = new Runtime({ longStepMs: LONG_STEP_MS });
  runtime.logger.addHandler('node', report);
  const id = nodeId(taken.host, taken.port);
  const life: Life = { state: 'joining', startedAtMs: runtime.clock.nowMs() };
  const parts: rootSup.Args = {
    store: { id, settings: taken, life },
    listener: { settings: taken, takeDoor: once(client) },
    admin: { settings: taken, id, version: VERSION, life, takeDoor: once(admin) },
  };
  const tree = await startTree(runtime, parts);
  if (!tree.ok) {
    client.close();
    admin.close();
    runtime.stop();
    return err(`Cannot start the node: ${formatTerm(tree.error)}`);
  }
  life.state = 'active';
  return ok({
    settings: taken,
    id,
    runtime,
    ended: tree.value.ended,
    store: () => runtime.run(kvStore.open),
    isStopping: () => life.state === 'leaving',
    async stop() {
      life.state = 'leaving';
      runtime.logger.event('info', 'node_stopping');
      await tree.value.stop();
      runtime.stop();
    },
  });
}

/** Nothing that a node does should hold its event loop up for longer. */
const LONG_STEP_MS = 200;

interface Life {
  state: NodeInfo['state'];
  readonly startedAtMs: number;
}

// Ports

async function takePorts(settings: NodeSettings): Promise<Result<{ client: Door; admin: Door }, string>> {
  const client = await takePort(settings.host, settings.port, settings.connectionsMax);
  if (!client.ok) return client;
  const admin = await takePort(settings.adminHost, settings.adminPort, settings.connectionsMax);
  if (admin.ok) return ok({ client: client.value, admin: admin.value });
  client.value.close();
  return admin;
}

async function takePort(host: string, port: number, connectionsMax: number): Promise<Result<Door, string>> {
  try {
    return ok(await Door.listen(host, port, connectionsMax));
  } catch (error) {
    return err(`Cannot listen on ${formatAddress({ host, port })}: ${sentenceOf(error as NodeJS.ErrnoException)}`);
  }
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such host',
};

const sentenceOf = ({ code, message }: NodeJS.ErrnoException) => LISTEN_ERRORS[code ?? ''] ?? message;

/** Gives something away once: whoever starts again has to take it anew. */
function once<T>(thing: T): () => T | undefined {
  let rest: T | undefined = thing;
  return () => {
    const taken = rest;
    rest = undefined;
    return taken;
  };
}

// The tree

interface Tree {
  readonly ended: Promise<Reason>;
  stop(): Promise<void>;
}

/** Starts the tree as an application without which the node is nothing. */
async function startTree(runtime: Runtime, args: rootSup.Args): Promise<Result<Tree, Reason>> {
  let end: (reason: Reason) => void = () => {};
  const ended = new Promise<Reason>((resolve) => {
    end = resolve;
  });
  const funnelkvs: Application<rootSup.Args> = {
    name: 'funnelkvs',
    description: 'A node of a distributed key-value store',
    version: VERSION,
    args,
    start: (_type, tree) => rootSup.startLink(tree),
  };
  const started = await runtime.run(() => {
    application.configure({ nodeDown: (_name, reason) => end(reason) });
    return application.start(funnelkvs, 'permanent');
  });
  if (!started.ok) return started;
  return ok({
    ended,
    async stop() {
      await runtime.run(() => application.stop(funnelkvs.name));
      end('shutdown');
    },
  });
}
