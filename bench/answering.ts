/**
 * The child's side of a benchmark process: it says what it has to say once it is ready, then
 * answers its parent's questions one by one over the channel between them. When the parent is
 * gone, it ends too, so that an interrupted run leaves nothing behind.
 */
import { Session } from 'node:inspector';
import { writeFileSync } from 'node:fs';

/** What a parent asks: the name of a question, and what it needs to be answered. */
export interface Question {
  readonly name: string;
  readonly argument: unknown;
}

/** What comes back. The first answer of a child is to no question: it is ready. */
export type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

export type Answerer = (argument: unknown) => unknown;

/** Tells the parent that this process is ready, and answers what it asks from now on. */
export function answer(ready: unknown, answerers: Readonly<Record<string, Answerer>>): void {
  process.on('disconnect', () => process.exit());
  process.on('message', ({ name, argument }: Question) => {
    void outcomeOf(() => answerers[name]?.(argument)).then(tell);
  });
  tell({ ok: true, value: ready });
}

async function outcomeOf(work: () => unknown): Promise<Answer> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function tell(message: Answer): void {
  process.send?.(message);
}

/** What memory a process uses, in bytes. */
export interface Memory {
  /** What the system has given to the process. */
  readonly rssBytes: number;
  /** What JavaScript values take, the contents of buffers included. */
  readonly usedBytes: number;
}

/** The questions that every server under measurement answers. */
export const SERVER_ANSWERS: Readonly<Record<string, Answerer>> = {
  cpuMs: () => cpuMs(),
  memory: () => settledMemory(),
  startProfile,
  stopProfile: (path) => stopProfile(String(path)),
};

/** Processor time that this process has used so far. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What is used when all garbage is gone. Needs `--expose-gc`. */
export async function settledMemory(): Promise<Memory> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    globalThis.gc?.();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, usedBytes: heapUsed + external };
}

// Profiling

let session: Session | undefined;

function startProfile(): Promise<unknown> {
  session = new Session();
  session.connect();
  return post(session, 'Profiler.enable')
    .then(() => session && post(session, 'Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US }))
    .then(() => session && post(session, 'Profiler.start'));
}

async function stopProfile(path: string): Promise<void> {
  if (session === undefined) throw new Error('Cannot stop profiling: it has not been started');
  const { profile } = (await post(session, 'Profiler.stop')) as { readonly profile: object };
  session.disconnect();
  session = undefined;
  writeFileSync(path, JSON.stringify(profile));
}

function post(to: Session, method: string, parameters: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    to.post(method, parameters, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

const SAMPLING_INTERVAL_US = 200;
