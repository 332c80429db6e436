/**
 * A node of a ring in a process of its own, for benchmarks: on ports that the system chooses, alone or,
 * given the address of a member, in that member's ring.
 *
 *   node dist/bench/ring-entry.js [HOST:PORT]
 */
import * as ringState from '../actors/ring-state';
import { nodeSettings } from '../src/config';
import { stderrHandler } from '../src/logging';
import { startNode } from '../src/node';
import { answer, SERVER_ANSWERS } from './answering';

/** What a node says when it is ready. */
export interface RingNodeReady {
  readonly id: string;
  readonly port: number;
  readonly adminPort: number;
}

/** Whom a node has for its neighbours; undefined where it knows nobody. */
export interface Neighbours {
  readonly predecessor: string | undefined;
  readonly successor: string | undefined;
}

async function main(): Promise<void> {
  const settings = nodeSettings({ port: 0, logLevel: 'error', allowChaos: true, join: process.argv[2] ?? '' });
  if (!settings.ok) throw new Error(settings.error.join('; '));
  const started = await startNode(settings.value, stderrHandler(settings.value));
  if (!started.ok) throw new Error(started.error);
  const { id, runtime, settings: taken } = started.value;
  const neighbours = (): Neighbours => {
    const member = runtime.run(ringState.read);
    return { predecessor: member?.predecessor.id, successor: member?.successors[0]?.id };
  };
  const ready: RingNodeReady = { id, port: taken.port, adminPort: taken.adminPort };
  answer(ready, { ...SERVER_ANSWERS, neighbours });
}

void main();
