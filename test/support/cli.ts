/** The program run inside a test: with these arguments, this input and this environment. */
import { PassThrough, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io';
import { runProgram } from '../../src/cli/program';

/** What a run of the program leaves behind. */
export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The standard output, byte for byte. */
  readonly bytes: Buffer;
}

/** Runs the program to its end. */
export async function run(args: readonly string[], { env = {}, input = '' }: RunOptions = {}): Promise<Run> {
  const stdin = new PassThrough();
  stdin.end(input);
  const [stdout, stderr] = [new Collector(), new Collector()];
  const exitCode = await runProgram(args, { stdin, stdout, stderr, env });
  return { exitCode, stdout: stdout.text, stderr: stderr.text, bytes: stdout.bytes };
}

export interface RunOptions {
  readonly env?: Io['env'];
  readonly input?: string | Buffer;
}

class Collector extends Writable {
  private readonly chunks: Buffer[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }
}
