/** Client words: what the interactive client asks a node through its connection, and how that ends. */
import type { Client, ClientError } from '../client';
import { err, ok, type Result } from '../result';
import { unreachable } from '../unreachable';
import { exitCodeOf } from './exit-codes';
import type { Choice, ReplAnswer, ReplCommand, RingWord } from './repl-language';

/** What is answered by a client of the node. */
export type ClientWord = Exclude<Extract<ReplCommand, { readonly type: ReplAnswer['type'] }>, RingWord>;

/** Why there is no answer, and the exit code that this is worth. */
export interface Failure {
  readonly message: string;
  readonly exitCode: number;
}

/** Makes a request. `usual`: whose answer suffices where the line does not say it. */
export async function askClient(
  word: ClientWord,
  client: Client,
  usual: Choice | undefined,
): Promise<Result<ReplAnswer, Failure>> {
  return withExitCode(await perform(word, client, usual));
}

/** The same failure as a session reports it. */
export function withExitCode<T>(result: Result<T, ClientError>): Result<T, Failure> {
  return result.ok ? result : err({ message: result.error.message, exitCode: exitCodeOf(result.error) });
}

async function perform(
  word: ClientWord,
  client: Client,
  usual: Choice | undefined,
): Promise<Result<ReplAnswer, ClientError>> {
  const consistency = ('consistency' in word ? word.consistency : undefined) ?? usual;
  const options = consistency === undefined ? {} : { consistency };
  switch (word.type) {
    case 'get':
      return withType('get', await client.get(word.key, options));
    case 'put':
      return withType('put', await client.put(word.key, word.value, options));
    case 'delete':
      return withType('delete', await client.delete(word.key, options));
    case 'ping':
      return withType('ping', await client.ping());
    case 'stats':
      return withType('stats', await client.stats());
    default:
      return unreachable(word);
  }
}

function withType(type: ReplAnswer['type'], result: Result<unknown, ClientError>): Result<ReplAnswer, ClientError> {
  return result.ok ? ok({ type, value: result.value } as ReplAnswer) : result;
}
