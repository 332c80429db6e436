/** A node that a demo shows: a program of its own, as an operator runs it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A running node, as the outside knows it. */
export interface NodeUnderShow {
  readonly host: string;
  readonly port: number;
  /** Of the admin server, without a slash at its end. */
  readonly adminUrl: string;
  /** Ends it in good order; gives the exit code of its process, or 0 where it has none of its own. */
  stop(): Promise<number | null>;
}

/** Starts `bin/funnelkvs node` on free ports, and waits for its ready line. */
export async function startProgram(): Promise<NodeUnderShow> {
  const program = join(__dirname, '..', '..', 'bin', 'funnelkvs');
  const args = [program, 'node', '--port', '0', '--allow-chaos', '--log-level', 'error'];
  // Reports of the crashes that are shown would be in the way.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const [line] = await Promise.race([firstLine(child.stdout), ended.then((code) => [`ended with ${code}`])]);
  const address = addressesIn(line ?? '');
  if (address === undefined) throw new Error(`Cannot start a node: "${line}"`);
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { ...address, stop };
}

/** What the ready line of a node says about how to reach it. */
export function addressesIn(readyLine: string): Omit<NodeUnderShow, 'stop'> | undefined {
  const found = /^ready .*addr=(?<host>\S+):(?<port>\d+) .*admin=(?<adminUrl>\S+)/.exec(readyLine)?.groups;
  const { host, port, adminUrl } = found ?? {};
  return host === undefined || adminUrl === undefined ? undefined : { host, port: Number(port), adminUrl };
}

function firstLine(from: NodeJS.ReadableStream): Promise<readonly string[]> {
  return new Promise((resolve) => {
    createInterface(from).once('line', (line) => resolve([line]));
  });
}
