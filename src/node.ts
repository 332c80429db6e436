/**
 * Node: where the parts of a node are put together.
 *
 * The ports are taken first, so that a port in use is a plain failure; then a runtime is made and
 * the tree below supervisors/node-sup.ts is started in it. A root that was killed is started
 * again, and finds the tables that its heir has kept. A root that gave up has tried everything:
 * the node has failed. Once the tree is up the node enters its ring: a new one, or that of the
 * members it was told to join; only then it is ready.
 */
import { randomInt } from 'node:crypto';
import type { JoinError } from '../actors/joiner';
import * as caller from '../actors/caller';
import { clientSessions } from '../actors/client-session';
import type { Surroundings } from '../actors/coordinator';
import type { KeyRequest } from '../actors/errand';
import { handoffSurroundings } from '../actors/handoff-surroundings';
import { FrameTally } from '../actors/frame-tally';
import { idOf } from '../actors/errand';
import * as kvStore from '../actors/kv-store';
import * as membership from '../actors/membership';
import { dataServices } from '../actors/peer-requests';
import { peerSessions } from '../actors/peer-session';
import * as routes from '../actors/routes';
import { describeSelf } from '../actors/self-description';
import { surroundingsOf } from '../actors/surroundings';
import { syncerSurroundings } from '../actors/syncer-surroundings';
import * as rootSup from '../supervisors/root-sup';
import type { NodeState } from './admin/answers';
import { formatAddress } from './client/address';
import { addressId, nodeAddress, type NodeId, nodeId } from './chord/id';
import { incarnationAt, type Peer } from './chord/peer';
import type { NodeSettings } from './config';
import {
  type Application,
  application,
  formatTerm,
  type Reason,
  type ReportHandler,
  Runtime,
  systemClock,
} from './otp';
import type { Response } from './protocol/client-protocol';
import { type Hello, helloOf } from './protocol/rpc-handshake';
import { Writers } from './replication/version';
import { err, ok, type Result } from './result';
import type { Target } from './store/local-write';
import { Door } from './transport/door';
import { VERSION } from './version';

/** A running node. */
export interface Node {
  /** With the ports that were really taken. */
  readonly settings: NodeSettings;
  readonly id: NodeId;
  /** The node as others know it. */
  readonly self: Peer;
  readonly runtime: Runtime;
  /** Settles when the node has ended: `shutdown` when it was asked to, else why it failed. */
  readonly ended: Promise<Reason>;
  /** The key-value table, unless it is just being restarted. */
  store(): Target | undefined;
  /** Carries a request out, wherever in the ring its key is. */
  request(asked: KeyRequest): Promise<Response>;
  /** Whether it was told to stop. */
  isStopping(): boolean;
  /** Makes it the first of a new ring, which it is already unless it was told to join one. */
  createRing(): Promise<Result<undefined, JoinError>>;
  /** Brings it into the ring of one of these, `host:port` each. It must be alone and hold no data. */
  joinRing(contacts: readonly string[]): Promise<Result<undefined, JoinError>>;
  /** Takes it out of its ring for good. It goes on running, and answers that it is in none. */
  leaveRing(): Promise<void>;
  /** Leaves the ring, stops accepting, lets answers leave, stops the tree from its end to its root. */
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
  const runtime = new Runtime({ longStepMs: LONG_STEP_MS, clock: systemClock({ offsetMs: settings.clockOffsetMs }) });
  runtime.logger.addHandler('node', report);
  const life: Life = { state: 'joining', startedAtMs: runtime.clock.nowMs() };
  const self = peerOf(taken, runtime);
  const tree = await startTree(runtime, partsOf(taken, self, life, doors.value));
  if (!tree.ok) {
    client.close();
    admin.close();
    runtime.stop();
    return err(`Cannot start the node: ${formatTerm(tree.error)}`);
  }
  const node = new RunningNode(taken, self, runtime, life, tree.value);
  const entered = await (taken.join === '' ? node.createRing() : node.joinRing(contactsOf(taken)));
  if (!entered.ok) {
    await node.stop();
    return err(entered.error.message);
  }
  life.state = 'active';
  return ok(node);
}

/** Nothing that a node does should hold its event loop up for longer. */
const LONG_STEP_MS = 200;

/** How long a node that has left its ring goes on telling those who still come where to go, in rounds of the ring. */
const FAREWELL_ROUNDS = 2;
const FAREWELL_MS_MAX = 1000;
/** Handing over and saying goodbye take no longer together: what is left of ten seconds is for closing. */
const LEAVE_MS_MAX = 8500;

interface Life {
  state: NodeState;
  /** Whether it has ever promised or held anything. */
  hasHadViews?: boolean;
  readonly startedAtMs: number;
}

/** A node whose tree is up. */
class RunningNode implements Node {
  readonly id: NodeId;
  readonly ended: Promise<Reason>;
  readonly surroundings: Surroundings;
  private stopped: Promise<void> | undefined;

  constructor(
    readonly settings: NodeSettings,
    readonly self: Peer,
    readonly runtime: Runtime,
    private readonly life: Life,
    private readonly tree: Tree,
  ) {
    this.id = self.id;
    this.surroundings = surroundingsOf(self, settings);
    this.ended = tree.ended;
  }

  store(): Target | undefined {
    return this.runtime.run(kvStore.open);
  }

  request(asked: KeyRequest): Promise<Response> {
    return caller.request(this, asked);
  }

  isStopping(): boolean {
    return this.life.state === 'leaving';
  }

  createRing(): Promise<Result<undefined, JoinError>> {
    return membership.create(this);
  }

  joinRing(contacts: readonly string[]): Promise<Result<undefined, JoinError>> {
    return membership.enter(this, contacts);
  }

  leaveRing(): Promise<void> {
    return membership.leave(this);
  }

  stop(): Promise<void> {
    this.stopped ??= this.goAway();
    return this.stopped;
  }

  private async goAway(): Promise<void> {
    if (this.runtime.isStopped) return;
    this.life.state = 'leaving';
    this.runtime.logger.event('info', 'node_stopping');
    const isMissed = membership.isWithOthers(this);
    const untilMs = this.runtime.clock.nowMs() + LEAVE_MS_MAX;
    await this.leaveRing();
    const farewellMs = Math.min(FAREWELL_MS_MAX, FAREWELL_ROUNDS * this.settings.stabilizeIntervalMs);
    if (isMissed) await pause(Math.max(0, Math.min(farewellMs, untilMs - this.runtime.clock.nowMs())));
    await this.tree.stop();
    this.runtime.stop();
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

// Parts

/** A node that is started again under its address is another incarnation: the later, the larger. */
function peerOf({ host, port }: NodeSettings, { clock }: Runtime): Peer {
  const inc = incarnationAt(clock.systemMs(), randomInt(65_536));
  return { id: nodeId(host, port), addr: nodeAddress(host, port), inc };
}

/** The addresses of those whose ring a node is to join. */
const contactsOf = ({ join }: NodeSettings): readonly string[] =>
  join.split(',').flatMap((contact) => contact.trim() || []);

function partsOf(settings: NodeSettings, self: Peer, life: Life, { client, admin }: Doors): rootSup.Args {
  const { host, port, cluster, replicas, cleanupDelayMs: cleanUpDelayMs } = settings;
  const hello: Hello = helloOf({ host, port, inc: self.inc, cluster, features: [], replicas });
  const writers = new Writers();
  const tally = new FrameTally();
  const seeds = contactsOf(settings).map((addr) => ({ id: addressId(addr), addr, inc: 0n }));
  const surroundings = surroundingsOf(self, settings);
  const openPeerSession = peerSessions({
    hello,
    writers,
    answerFindNext: ({ key, excluded }) => routes.hopFrom(key, excluded),
    answerDescribe: () => describeSelf(life),
    serveData: dataServices(surroundings, settings),
    idOf: (key) => idOf(key, kvStore.open()),
    tally,
  });
  return {
    store: { self, settings, writers, life },
    peers: { hello, writers, random: Math.random, tally },
    ring: { self, settings, seeds, life, random: Math.random },
    replication: {
      handoff: { self, replicas, cleanUpDelayMs, life, around: handoffSurroundings(Math.random) },
      syncer: { settings, around: syncerSurroundings(Math.random) },
    },
    listener: {
      settings,
      takeDoor: once(client),
      openClientSession: clientSessions({ settings, surroundings }),
      openPeerSession,
    },
    admin: { settings, id: self.id, version: VERSION, life, tally, takeDoor: once(admin) },
  };
}

// Ports

interface Doors {
  readonly client: Door;
  readonly admin: Door;
}

async function takePorts(settings: NodeSettings): Promise<Result<Doors, string>> {
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
