/**
 * RPC parts: what the bodies of messages between nodes are made of, checked place by place.
 *
 *   id         20 bytes
 *   peer       [id, "host:port", inc: u64]
 *   peers      [peer, ...]
 *   arc        [lo: id, hi: id]
 *   epoch      [n: up to 2^53 - 1, by: u64]
 *   horizon    [arc, horizonMs]
 *   version    16 bytes
 *   record     [key: bin, version, value: bin | nil, expireAtMs: up to 2^53 - 1 | nil, ev: bool]
 *   digest     [count, fp0: u32, fp1: u32]
 *
 * Whatever a place holds, reading it gives the part or undefined and never throws. It is done by
 * hand: a schema library spends more on a list of peers than its decoding takes. A peer whose
 * identifier is not the SHA-1 of its address is refused, for it could stand anywhere; the identifier
 * of a key does not travel at all, for the same reason.
 */
import { type Id, keyId, type NodeId, nodeId } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { Range } from '../chord/range';
import { type BinaryString, copyOctets, type Octets, toBinaryString, toBuffer } from '../octets';
import type { Epoch } from '../replication/epoch';
import type { Horizon } from '../replication/horizons';
import {
  decodeVersion,
  type Version,
  VERSION_BYTES,
  versionBytes,
  type VersionWords,
  type Writers,
} from '../replication/version';
import { err, ok, type Result } from '../result';
import type { Digest } from '../store/digest';
import { Record } from '../store/record';
import type { RpcErrorCode } from './rpc-frames';
import { type RpcValue, uint64Of } from './rpc-values';

/** The body and the method of a frame to be sent. */
export interface Message {
  readonly method: string;
  readonly body: RpcValue;
}

/** Why a message is not understood: what an error frame says about it. */
export interface MessageFault {
  readonly code: Extract<RpcErrorCode, 'unknown_method' | 'bad_request'>;
  readonly message: string;
}

/** A place of a body: undefined where the body is shorter. */
export type Place = RpcValue | undefined;

/** The places of a body. */
export type Places = readonly Place[];

/** Longest list of peers that is understood; lists of successors and candidates are far shorter. */
export const PEERS_MAX = 256;

/** Most nodes that a lookup can exclude. */
export const EXCLUDED_MAX = 1024;

/** Most records that one message may carry. */
export const RECORDS_MAX = 4096;

const ID_BYTES = 20;
const ADDR_CHARS_MAX = 261;
/** A port has no leading zeros, so that an address has one spelling and one identifier. */
const ADDR = /^([^\s\p{Cc}]+):([1-9]\d{0,4})$/u;
const PORT_MAX = 65_535;

// What has been read, or why not

/** The message, where there is one; else the fault of a body that this method cannot have. */
export function understood<T>(method: string, message: T | undefined): Result<T, MessageFault> {
  return message === undefined ? badBody(method) : ok(message);
}

/** The fault of a body that this method cannot have. */
export function badBody(method: string): Result<never, MessageFault> {
  return err({ code: 'bad_request', message: `Cannot read ${method}: its body is none that it can have` });
}

/** The fault of a method that is not known. */
export function unknownMethod(method: string): Result<never, MessageFault> {
  return err({ code: 'unknown_method', message: `Cannot serve "${method}": it is not spoken here` });
}

/** The places of a body that is an array. */
export function placesIn(value: Place): Places | undefined {
  return Array.isArray(value) ? (value as Places) : undefined;
}

// Identifiers, peers, arcs

/** An identifier as bytes. */
export function idBytes(id: Id): Uint8Array {
  return Buffer.from(id, 'hex');
}

/** The identifier in a place. */
export function idIn(value: Place): Id | undefined {
  if (!(value instanceof Uint8Array) || value.length !== ID_BYTES) return undefined;
  return toBuffer(value).toString('hex') as Id;
}

/** A set of nodes, their identifiers in one row. */
export function nodeIdsValue(ids: ReadonlySet<NodeId>): RpcValue {
  return Buffer.from([...ids].join(''), 'hex');
}

/** The set of nodes in a place. */
export function nodeIdsIn(value: Place): ReadonlySet<NodeId> | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  const count = value.length / ID_BYTES;
  if (!Number.isInteger(count) || count > EXCLUDED_MAX) return undefined;
  const digits = toBuffer(value).toString('hex');
  const digitsOfOne = 2 * ID_BYTES;
  return new Set(
    Array.from({ length: count }, (_, at) => digits.slice(at * digitsOfOne, (at + 1) * digitsOfOne) as NodeId),
  );
}

/** A peer as an array. */
export function peerValue({ id, addr, inc }: Peer): RpcValue {
  return [idBytes(id), addr, inc];
}

/** Peers as an array. */
export function peerValues(peers: readonly Peer[]): RpcValue {
  return peers.map(peerValue);
}

/** The peer in a place. */
export function peerIn(value: Place): Peer | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [first, addr, third] = value as Places;
  const id = idIn(first);
  const inc = uint64Of(third);
  if (id === undefined || inc === undefined || typeof addr !== 'string') return undefined;
  const ownId = idOfAddress(addr);
  return ownId === id ? { id: ownId, addr, inc } : undefined;
}

/** The peers in a place. */
export function peersIn(value: Place): readonly Peer[] | undefined {
  return listIn(value, PEERS_MAX, peerIn);
}

/** An arc as an array. */
export function arcValue({ lo, hi }: Range): RpcValue {
  return [idBytes(lo), idBytes(hi)];
}

/** The arc in a place. */
export function arcIn(value: Place): Range | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [lo, hi] = (value as Places).map(idIn);
  return lo === undefined || hi === undefined ? undefined : { lo, hi };
}

/** A horizon as an array. */
export function horizonValue({ arc, horizonMs }: Horizon): RpcValue {
  return [arcValue(arc), horizonMs];
}

/** The horizon in a place. */
export function horizonIn(value: Place): Horizon | undefined {
  const [first, second] = placesIn(value) ?? [];
  const [arc, horizonMs] = [arcIn(first), countIn(second)];
  return arc && horizonMs !== undefined ? { arc, horizonMs } : undefined;
}

// Epochs, versions, records

/** An epoch as an array. */
export function epochValue({ n, by }: Epoch): RpcValue {
  return [n, by];
}

/** The epoch in a place. */
export function epochIn(value: Place): Epoch | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [first, second] = value as Places;
  const n = countIn(first);
  const by = uint64Of(second);
  return n === undefined || by === undefined ? undefined : { n, by };
}

/** A version as bytes. */
export function versionValue(version: VersionWords): RpcValue {
  return versionBytes(version);
}

/** The version in a place, its writer shared with all other versions of that writer. */
export function versionIn(value: Place, writers: Writers): Version | undefined {
  return value instanceof Uint8Array ? decodeVersion(value, writers) : undefined;
}

/** A version in a place, as the bytes that it is. */
export function versionTextIn(value: Place): BinaryString | undefined {
  return value instanceof Uint8Array && value.length === VERSION_BYTES ? toBinaryString(value) : undefined;
}

/** A record as an array. */
export function recordValue(record: Record): RpcValue {
  const { key, value, expireAtMs = null, ev } = record;
  return [toBuffer(key), versionBytes(record), value === undefined ? null : toBuffer(value), expireAtMs, ev];
}

/** The record in a place, with the identifier of its key computed here. It shares no memory with the frame. */
export function recordIn(value: Place, writers: Writers): Record | undefined {
  if (!Array.isArray(value) || value.length !== 5) return undefined;
  const [first, second, third, fourth, ev] = value as Places;
  const key = keyIn(first);
  const version = versionIn(second, writers);
  const stored = third === null ? undefined : octetsIn(third);
  const expireAtMs = fourth === null ? undefined : countIn(fourth);
  if (key === undefined || version === undefined || typeof ev !== 'boolean') return undefined;
  if ((stored === undefined) !== (third === null) || (expireAtMs === undefined) !== (fourth === null)) return undefined;
  return new Record(keyId(key), key, version, stored, expireAtMs, ev);
}

/** The records in a place. */
export function recordsIn(value: Place, writers: Writers): readonly Record[] | undefined {
  return listIn(value, RECORDS_MAX, (each) => recordIn(each, writers));
}

/** A digest as an array. */
export function digestValue({ count, fp0, fp1 }: Digest): RpcValue {
  return [count, fp0 >>> 0, fp1 >>> 0];
}

/** The digest in a place. */
export function digestIn(value: Place): Digest | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [count, fp0, fp1] = (value as Places).map(countIn);
  if (count === undefined || !isUint32(fp0) || !isUint32(fp1)) return undefined;
  return { count, fp0: fp0 | 0, fp1: fp1 | 0 };
}

// Bytes and numbers

/** The key in a place. */
export function keyIn(value: Place): BinaryString | undefined {
  return value instanceof Uint8Array ? toBinaryString(value) : undefined;
}

/** The value in a place: a copy, so that it does not keep the frame that it came in. */
export function octetsIn(value: Place): Octets | undefined {
  return value instanceof Uint8Array ? copyOctets(value) : undefined;
}

/** The whole number from 0 to 2^53 - 1 in a place, in whatever form it was written. */
export function countIn(value: Place): number | undefined {
  const count = typeof value === 'bigint' ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function isUint32(value: number | undefined): value is number {
  return value !== undefined && value >>> 0 === value;
}

/** The list in a place, of at most so many and each of which can be read. */
export function listIn<T>(value: Place, max: number, read: (each: Place) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined;
  const list: T[] = [];
  for (const each of value as Places) {
    const one = read(each);
    if (one === undefined) return undefined;
    list.push(one);
  }
  return list;
}

function idOfAddress(addr: string): NodeId | undefined {
  const [, host, digits] = (addr.length <= ADDR_CHARS_MAX && ADDR.exec(addr)) || [];
  const port = Number(digits);
  return host === undefined || port > PORT_MAX ? undefined : nodeId(host, port);
}
