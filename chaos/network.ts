/**
 * Network: where nodes live, and who can reach whom.
 *
 * Without partitions, nodes live on loopback addresses that only this run uses. With partitions, each
 * has a network namespace of its own, all on one bridge; clients sit on the bridge and reach everybody. A link is
 * cut in one direction by giving the sender a false hardware address of the receiver: what it sends
 * arrives nowhere, and nobody is told, as with a cable that is pulled. That needs root and the `ip` program.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../src/client';

/** Where a node lives. */
export interface Place {
  /** Stands before the command that runs it. */
  readonly command: readonly string[];
  readonly nodeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  /** What it tells others that it is. */
  readonly address: Address;
  /** Where its admin server is reached, and by which name. */
  readonly admin: Address & { readonly name: string };
}

/** What nodes live in. Nodes are numbered from 1. */
export interface Network {
  place(number: number): Place;
  /** Lets nothing through from one node to another until it is healed. */
  cut(from: number, to: number): void;
  heal(): void;
  close(): void;
}

const PORT = 7001;
const ADMIN_PORT = 7002;
const RELAY_PORT = 7003;
const NODES_MAX = 200;

/** Addresses of this machine's own loopback interface. */
export function loopbackNetwork(seed: number): Network {
  const { net, release } = claimNet(seed, LOOPBACK_NETS);
  return {
    place(number) {
      const host = hostOf(net, number);
      return {
        command: [],
        nodeArgs: [],
        env: {},
        flags: ['--host', host, '--port', String(PORT), '--admin-host', host, '--admin-port', String(ADMIN_PORT)],
        address: { host, port: PORT },
        admin: { host, port: ADMIN_PORT, name: `${host}:${ADMIN_PORT}` },
      };
    },
    cut() {
      throw new Error('Cannot cut a link: on loopback there is none');
    },
    heal() {},
    close: release,
  };
}

/** Why this machine has no namespaces for us; undefined where it has. */
export function namespacesProblem(): string | undefined {
  const name = `${OURS}${process.pid}t`;
  try {
    ip(`netns add ${name}`);
    ip(`link add ${name} type bridge`);
    return undefined;
  } catch (error) {
    // The last line is the program's own.
    const lines = String(error)
      .split('\n')
      .filter((line) => line !== '');
    return `Cannot make network namespaces: ${lines.at(-1) ?? ''}`;
  } finally {
    tryIp(`link del ${name}`);
    tryIp(`netns del ${name}`);
  }
}

/** A namespace for each node. The addresses are those that are set aside for tests of networks. */
export function namespaceNetwork(seed: number): Network {
  const prefix = `${OURS}${process.pid}`;
  const bridge = `${prefix}b`;
  sweep();
  const { net, release } = claimNet(seed, TEST_NETS);
  const made = new Set<number>();
  let cuts: { readonly from: number; readonly to: number }[] = [];
  const nameOf = (number: number) => `${prefix}n${number}`;
  const close = () => {
    for (const number of made) {
      // The system takes its time to end a namespace, and the next run wants the same name.
      tryIp(`link del ${nameOf(number)}`);
      tryIp(`netns del ${nameOf(number)}`);
    }
    tryIp(`link del ${bridge}`);
    made.clear();
    release();
  };
  process.once('exit', close);
  ip(`link add ${bridge} type bridge`);
  ip(`addr add ${net}.1/24 dev ${bridge}`);
  ip(`link set ${bridge} up`);

  const make = (number: number) => {
    const name = nameOf(number);
    made.add(number);
    ip(`netns add ${name}`);
    ip(`link add ${name} type veth peer name eth0 netns ${name}`);
    ip(`link set ${name} master ${bridge} up`);
    ip(`-n ${name} addr add ${hostOf(net, number)}/24 dev eth0`);
    ip(`-n ${name} link set eth0 up`);
    ip(`-n ${name} link set lo up`);
  };

  return {
    place(number) {
      if (!made.has(number)) make(number);
      const host = hostOf(net, number);
      return {
        command: ['ip', 'netns', 'exec', nameOf(number)],
        nodeArgs: ['--require', join(__dirname, 'admin-relay.js')],
        env: { CHAOS_RELAY_FROM: `${host}:${RELAY_PORT}`, CHAOS_RELAY_TO: `127.0.0.1:${ADMIN_PORT}` },
        flags: ['--host', host, '--port', String(PORT), '--admin-port', String(ADMIN_PORT)],
        address: { host, port: PORT },
        admin: { host, port: RELAY_PORT, name: `127.0.0.1:${ADMIN_PORT}` },
      };
    },
    cut(from, to) {
      ip(`-n ${nameOf(from)} neigh replace ${hostOf(net, to)} lladdr ${NOBODY} nud permanent dev eth0`);
      cuts.push({ from, to });
    },
    heal() {
      for (const { from, to } of cuts) tryIp(`-n ${nameOf(from)} neigh del ${hostOf(net, to)} dev eth0`);
      cuts = [];
    },
    close() {
      process.off('exit', close);
      close();
    },
  };
}

/** Nets of 256 addresses, as many as there are. */
interface Nets {
  readonly count: number;
  readonly name: (number: number) => string;
}

const LOOPBACK_NETS: Nets = { count: 60_000, name: (number) => `127.${1 + (number >> 8)}.${number & 255}` };
const TEST_NETS: Nets = { count: 512, name: (number) => `198.${18 + (number >> 8)}.${number & 255}` };

/**
 * A net for this run alone. The same seed gets the same, so that nodes have the same places on the circle; where
 * another run has it at the moment, the next.
 */
function claimNet(seed: number, { count, name }: Nets): { readonly net: string; readonly release: () => void } {
  for (let i = 0; i < count; i += 1) {
    const net = name((seed + i) % count);
    const claim = join(tmpdir(), `funnelkvs-net-${net}`);
    if (existsSync(claim) && !isRunning(Number(readFileSync(claim, 'utf8')))) rmSync(claim, { force: true });
    try {
      writeFileSync(claim, String(process.pid), { flag: 'wx' });
      return { net, release: () => rmSync(claim, { force: true }) };
    } catch {
      // Somebody else has it.
    }
  }
  throw new Error('Cannot find a net: all are in use');
}

/** Begins the names of everything that we make. */
const OURS = 'fkc';
/** A hardware address that nobody has. */
const NOBODY = '02:00:00:00:00:ff';

function hostOf(net: string, number: number): string {
  if (number < 1 || number > NODES_MAX) throw new Error(`Cannot place node ${number}: there is room for ${NODES_MAX}`);
  return `${net}.${number + 10}`;
}

/** Takes away what runs have left behind that were killed. */
function sweep(): void {
  const leftovers = (list: string) => ip(list).matchAll(new RegExp(`\\b(${OURS}(\\d+)[bn]\\d*)\\b`, 'g'));
  for (const [, name = '', pid] of leftovers('netns list')) if (!isRunning(Number(pid))) tryIp(`netns del ${name}`);
  for (const [, name = '', pid] of leftovers('-o link show type bridge'))
    if (!isRunning(Number(pid))) tryIp(`link del ${name}`);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function ip(line: string): string {
  return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function tryIp(line: string): void {
  try {
    ip(line);
  } catch {
    // It is gone already.
  }
}
