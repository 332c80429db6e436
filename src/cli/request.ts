/** One request of one command: connect, ask, disconnect, and say it when that failed. */
import type { Command } from 'commander';
import { type AnswerMeta, type Client, type ClientError, connectAny, type RequestOptions } from '../client';
import type { Result } from '../result';
import { addJsonFlag, addTargetFlags, flag } from './command';
import { EXIT, exitCodeOf } from './exit-codes';
import { type Io, printError } from './io';
import { type TargetFlags, targetOf } from './target';

/** The flags of every command that makes a request. */
export interface RequestFlags extends TargetFlags {
  readonly json?: boolean;
}

/** The flags of every command that is about one key. */
export interface KeyFlags extends RequestFlags {
  readonly consistency?: 'quorum' | 'eventual';
  readonly verbose?: boolean;
}

/** Adds the flags of a command that is about one key. */
export function addKeyFlags(command: Command): Command {
  return addJsonFlag(addTargetFlags(command))
    .addOption(
      flag('--consistency <WORD>', 'quorum: most copies agree; eventual: one is enough', {
        fallback: "the node's own choice, quorum",
      }).choices(['quorum', 'eventual']),
    )
    .addOption(flag('--verbose', 'say on the standard error which version it is and how many copies confirmed'));
}

/** Asks a node one thing about a key, as the flags say; `print` is for the answer and what was said about it. */
export async function requestKey<T>(
  io: Io,
  flags: KeyFlags,
  ask: (client: Client, options: RequestOptions) => Promise<Result<T, ClientError>>,
  print: (answer: T, document: { readonly meta?: AnswerMeta }) => void,
): Promise<number> {
  const { consistency, json, verbose } = flags;
  let meta: AnswerMeta | undefined;
  const options: RequestOptions = {
    ...(consistency && { consistency }),
    ...((json || verbose) && { onMeta: (told: AnswerMeta) => void (meta = told) }),
  };
  const exitCode = await request(
    io,
    flags,
    (client) => ask(client, options),
    (answer) => print(answer, meta === undefined ? {} : { meta }),
  );
  if (verbose && meta !== undefined) io.stderr.write(`${metaWords(meta)}\n`);
  return exitCode;
}

/** What is known of an answer, on one line. */
export function metaWords({ version, writtenAtMs, acks, copies, degraded, hops }: AnswerMeta): string {
  const parts = [
    version && `version ${version}`,
    writtenAtMs !== undefined && `written ${new Date(writtenAtMs).toISOString()}`,
    acks !== undefined && `${acks} of ${copies ?? '?'} copies confirmed`,
    degraded && 'fewer copies than there should be',
    hops !== undefined && `${hops} ${hops === 1 ? 'hop' : 'hops'}`,
  ];
  return parts.filter(Boolean).join(', ');
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
