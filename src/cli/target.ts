/** The target of a command: which nodes it speaks to, and for how long it waits. */
import { type Address, parseAddress } from '../client';
import { isPort } from '../client/address';
import { err, ok, type Result } from '../result';
import { parseDuration, parseWholeNumber } from '../units';
import type { Io } from './io';

/** The flags that say where the nodes are, as they were written. */
export interface TargetFlags {
  readonly connect?: string;
  readonly host?: string;
  readonly port?: string;
  readonly timeout?: string;
}

/** Which nodes to try, in turn, and how long one request may take. */
export interface Target {
  readonly addresses: readonly Address[];
  readonly timeoutMs: number;
}

/** The host that is asked where nobody said otherwise. */
export const DEFAULT_HOST = '127.0.0.1';

/** Its port. */
export const DEFAULT_PORT = 8001;

/** How long a request may take where nobody said otherwise. */
export const DEFAULT_TIMEOUT = '5s';

/** Flags win over the environment; a list of addresses wins over a host and a port from the same source. */
export function targetOf(flags: TargetFlags, env: Io['env']): Result<Target, string> {
  const timeout = flags.timeout ?? env.FUNNELKVS_TIMEOUT ?? DEFAULT_TIMEOUT;
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined || timeoutMs < 1) {
    return err(`Cannot use timeout "${timeout}": it is not a duration such as 500ms or 5s`);
  }
  const addresses = addressesOf(flags, env);
  return addresses.ok ? ok({ addresses: addresses.value, timeoutMs }) : addresses;
}

function addressesOf(flags: TargetFlags, env: Io['env']): Result<readonly Address[], string> {
  if (flags.connect !== undefined) return parseAddresses(flags.connect);
  const oneIsNamed = flags.host !== undefined || flags.port !== undefined;
  if (env.FUNNELKVS_CONNECT !== undefined && !oneIsNamed) return parseAddresses(env.FUNNELKVS_CONNECT);
  const port = flags.port ?? env.FUNNELKVS_PORT ?? String(DEFAULT_PORT);
  const number = parseWholeNumber(port);
  if (number === undefined || !isPort(number)) {
    return err(`Cannot use port "${port}": it is not a whole number from 1 to 65535`);
  }
  return ok([{ host: flags.host ?? env.FUNNELKVS_HOST ?? DEFAULT_HOST, port: number }]);
}

function parseAddresses(list: string): Result<readonly Address[], string> {
  const addresses: Address[] = [];
  for (const text of list.split(',')) {
    const address = parseAddress(text.trim());
    if (!address.ok) return address;
    addresses.push(address.value);
  }
  return ok(addresses);
}
