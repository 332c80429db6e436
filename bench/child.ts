/**
 * The parent's side of a benchmark process: starts it, asks it, ends it by its pid.
 *
 * Whatever way this process ends, its children end with it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Answer, Question } from './answering';

const living = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Longest time from a question to its answer. */
const ANSWER_TIMEOUT_MS = 60_000;

/** A process that answers questions, as answering.ts says. */
export class Child<Ready> {
  private constructor(
    private readonly child: ChildProcess,
    /** What it said when it was ready. */
    readonly ready: Ready,
  ) {}

  /** Starts a module of this folder and waits until it is ready. */
  static async start<Ready>(module: string, args: readonly string[] = []): Promise<Child<Ready>> {
    const child = fork(join(__dirname, module), args, { execArgv: ['--expose-gc'], stdio: ['ignore', 2, 2, 'ipc'] });
    living.add(child);
    child.once('exit', () => living.delete(child));
    return new Child(child, (await nextAnswer(child, `${module} to be ready`)) as Ready);
  }

  /** Asks one question; ask the next when it has been answered. */
  async ask<T>(name: string, argument?: unknown): Promise<T> {
    const question: Question = { name, argument };
    this.child.send(question);
    return (await nextAnswer(this.child, name)) as T;
  }

  /** Sends the process a signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends the process and waits until it has ended. */
  stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  }
}

function nextAnswer(child: ChildProcess, what: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void) => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
      action();
    };
    const onMessage = (answer: Answer) =>
      settle(() => (answer.ok ? resolve(answer.value) : reject(new Error(answer.message))));
    const onExit = () => settle(() => reject(new Error(`Cannot wait for ${what}: the process has ended`)));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`Cannot wait for ${what}: no answer in time`))),
      ANSWER_TIMEOUT_MS,
    );
    child.on('message', onMessage).on('exit', onExit);
  });
}
