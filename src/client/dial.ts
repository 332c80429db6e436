/** Dialling: one attempt to open one TCP connection. */
import { connect, type Socket } from 'node:net';
import { err, ok, type Result } from '../result';
import type { Address } from './address';
import { systemErrorWords } from './client-error';
import type { Environment } from './environment';

/** The parts of an attempt that are the same for every address. */
export interface DialOptions {
  readonly connectTimeoutMs: number;
  readonly environment: Environment;
}

/** Opens a connection, or says in a few words why not. Once `signal` has aborted, the attempt has failed. */
export function dial(
  address: Address,
  { connectTimeoutMs, environment }: DialOptions,
  signal: AbortSignal,
): Promise<Result<Socket, string>> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, noDelay: true, keepAlive: true });
    const fail = (why: string) => {
      settled();
      socket.on('error', () => {}).destroy();
      resolve(err(why));
    };
    const onError = (error: NodeJS.ErrnoException) => fail(systemErrorWords(error));
    const onAbort = () => fail('the client disconnected');
    const stopTimer = environment.startTimer(connectTimeoutMs, () => fail(`no answer in ${connectTimeoutMs} ms`));
    const settled = () => {
      stopTimer();
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
    };
    socket.once('error', onError).once('connect', () => {
      settled();
      resolve(ok(socket));
    });
    signal.addEventListener('abort', onAbort);
  });
}
