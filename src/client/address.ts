/** Addresses: where a node listens, and how people write that down. */
import { err, ok, type Result } from '../result';

/** Where a node listens. */
export interface Address {
  /** A host name, an IPv4 address or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

/** `host:port`; an IPv6 address stands in brackets. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address that `text` names, or the sentence that says why it names none. */
export function parseAddress(text: string): Result<Address, string> {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const [, ipv6, name, digits] = match ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits);
  if (host === undefined || !isPort(port)) {
    return err(`Cannot use address "${text}": it is not host:port with a port from 1 to ${PORT_MAX}`);
  }
  return ok({ host, port });
}

/** Whether a client can dial this port. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= PORT_MAX;
}
