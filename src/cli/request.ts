/** One request of one command: connect, ask, disconnect, and say it when that failed. */
import { type Client, type ClientError, connectAny } from '../client';
import type { Result } from '../result';
import { EXIT, exitCodeOf } from './exit-codes';
import { type Io, printError } from './io';
import { type TargetFlags, targetOf } from './target';

/** The flags of every command that makes a request. */
export interface RequestFlags extends TargetFlags {
  readonly json?: boolean;
}

/** Asks a node one thing; `print` is for the answer. The exit code says what became of it. */
export async function request<T>(
  io: Io,
  flags: RequestFlags,
  ask: (client: Client) => Promise<Result<T, ClientError>>,
  print: (answer: T) => void,
): Promise<number> {
  const json = flags.json === true;
  const target = targetOf(flags, io.env);
  if (!target.ok) {
    printError(io, { code: 'usage', message: target.error }, json);
    return EXIT.usage;
  }
  const { addresses, timeoutMs } = target.value;
  const connected = await connectAny(addresses, { timeoutMs, connectTimeoutMs: timeoutMs });
  const answer = connected.ok ? await askAndDisconnect(connected.value, ask) : connected;
  if (answer.ok) {
    print(answer.value);
    return EXIT.success;
  }
  printError(io, answer.error, json);
  return exitCodeOf(answer.error);
}

async function askAndDisconnect<T>(client: Client, ask: (client: Client) => Promise<T>): Promise<T> {
  const answer = await ask(client);
  client.disconnect();
  return answer;
}
