/**
 * Detection: which protocol a connection speaks, told from its first bytes. Clients and nodes come to one port.
 *
 *   client   "KVS" version:u8
 *   rpc      "CHRPC" version:u8
 *
 * Nothing is consumed: whoever asks keeps the bytes, at most six of them until it is decided, and
 * hands all of them to the decoder that he then chooses.
 */
import { MAGIC } from './client-protocol';
import { RPC_MAGIC } from './rpc-handshake';

/** What the first bytes of a connection say. */
export type Detected =
  /** A protocol, whether or not its version is one that is spoken here: its decoder knows how to refuse one. */
  | { readonly protocol: 'client' | 'rpc'; readonly version: number }
  /** All is well so far: ask again when more has come. */
  | { readonly protocol: 'undecided' }
  /** Neither: told at the first byte that fits none. */
  | { readonly protocol: 'unknown' };

const MAGICS = { client: MAGIC, rpc: RPC_MAGIC } as const;
const UNDECIDED: Detected = { protocol: 'undecided' };
const UNKNOWN: Detected = { protocol: 'unknown' };

/**
 * What a connection speaks that has begun with `seen`: all that has come so far.
 *
 * @example
 * seen = Buffer.concat([seen, chunk]);
 * const { protocol } = detectProtocol(seen);
 * if (protocol === 'rpc') handshake.push(seen);
 */
export function detectProtocol(seen: Uint8Array): Detected {
  return judge('client', seen) ?? judge('rpc', seen) ?? UNKNOWN;
}

/** What there is to say where `seen` fits the protocol's magic as far as it goes; else undefined. */
function judge(protocol: keyof typeof MAGICS, seen: Uint8Array): Detected | undefined {
  const magic = MAGICS[protocol];
  const bytes = Math.min(seen.length, magic.length);
  for (let at = 0; at < bytes; at += 1) {
    if (seen[at] !== magic.charCodeAt(at)) return undefined;
  }
  const version = seen[magic.length];
  return version === undefined ? UNDECIDED : { protocol, version };
}
