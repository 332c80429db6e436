/** A node that a demo shows: a program of its own, as an operator runs it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A running node, as the outside knows it. */
export interface NodeUnderShow {
  readonly host: string;
  readonly port: number;
  readonly id: string;
  /** Of the admin server, without a slash at its end. */
  readonly adminUrl: string;
  /** Ends it in good order; gives the exit code of its process, or 0 where it has none of its own. */
  stop(): Promise<number | null>;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
  /** Stops it as `kill -STOP` does: it lives, and says nothing. Only a program of its own can be. */
  pause?(): void;
  /** Lets it go on. */
  resume?(): void;
}

/** A demo is compiled itself, unless a test runs it. */
const PROGRAM = join(__dirname, existsSync(join(__dirname, '..', 'package.json')) ? '..' : '../..', 'bin', 'funnelkvs');

const SAID_CHARS_MAX = 1000;

/** Starts `bin/funnelkvs node` on free ports, with these flags besides, and waits for its ready line. */
export async function startProgram(flags: readonly string[] = []): Promise<NodeUnderShow> {
  const args = [PROGRAM, 'node', '--port', '0', '--admin-port', '0', '--allow-chaos', '--log-level', 'error', ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  // Reports of the crashes that are shown would be in the way; what it says before it is ready may be why it never is.
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_CHARS_MAX);
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  const killLast = () => child.kill('SIGKILL');
  process.once('exit', killLast);
  void ended.then(() => process.removeListener('exit', killLast));
  const [line] = await Promise.race([firstLine(child.stdout), ended.then((code) => [`${said}ended with ${code}`])]);
  const address = addressesIn(line ?? '');
  if (address === undefined) throw new Error(`Cannot start a node: "${line}"`);
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const pause = () => void child.kill('SIGSTOP');
  const resume = () => void child.kill('SIGCONT');
  return { ...address, stop, kill, pause, resume };
}

/** What the ready line of a node says about how to reach it. */
export function addressesIn(readyLine: string): Pick<NodeUnderShow, 'host' | 'port' | 'id' | 'adminUrl'> | undefined {
  const found = /^ready .*addr=(?<host>\S+):(?<port>\d+) id=(?<id>\S+) admin=(?<adminUrl>\S+)/.exec(readyLine)?.groups;
  const { host, port, id, adminUrl } = found ?? {};
  if (host === undefined || id === undefined || adminUrl === undefined) return undefined;
  return { host, port: Number(port), id, adminUrl };
}

function firstLine(from: NodeJS.ReadableStream): Promise<readonly string[]> {
  return new Promise((resolve) => {
    createInterface(from).once('line', (line) => resolve([line]));
  });
}
