/**
 * Identifiers: points on the circle of 160-bit numbers, and the intervals between them.
 *
 * An identifier is 40 lowercase hex digits, so that comparing two as strings compares them as
 * numbers and no big integer is needed. Two points of a circle have no order, hence every
 * interval test takes three; its name says which ends belong to it (SIGCOMM 2001, section 4).
 * Pure, but for SHA-1, which is the one thing that a core may take from Node.
 */
import { hash } from 'node:crypto';
import type { BinaryString, Octets } from '../octets';

declare const id: unique symbol;

/** A point of the identifier circle: 40 lowercase hex digits. */
export type Id = string & { readonly [id]: 'ring' };
/** Where a node stands: SHA-1 of the text `IP:PORT` that it advertises. */
export type NodeId = Id & { readonly node: true };
/** Where a key belongs: SHA-1 of its bytes. */
export type KeyId = Id & { readonly key: true };

const ASCII_ONLY = /^[\0-\x7f]*$/;

/**
 * The identifier of the node that advertises this host and port.
 *
 * @example nodeId('127.0.0.1', 9001) // '2c927f3d9c0e1fea287055d88c0d5b369564e67a'
 */
export function nodeId(host: string, port: number): NodeId {
  return addressId(nodeAddress(host, port));
}

/** How the address that a node advertises is written: `host:port`, an IPv6 address in brackets. */
export function nodeAddress(host: string, port: number): string {
  const isBare = host.includes(':') && !host.startsWith('[');
  return isBare ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The identifier of the node that advertises this address, written as others write it: `host:port`. */
export function addressId(addr: string): NodeId {
  return hash('sha1', addr, 'hex') as NodeId;
}

/** The identifier of a key. Every byte string is a key, the empty one included. */
export function keyId(key: BinaryString): KeyId {
  return hashOf(key) as KeyId;
}

/** SHA-1 of the bytes: 40 lowercase hex digits. */
export function hashOf(octets: Octets): string {
  // Below 128 UTF-8 and Latin-1 agree, and hashing the string itself saves a Buffer.
  const isHashable = typeof octets !== 'string' || ASCII_ONLY.test(octets);
  return hash('sha1', isHashable ? octets : Buffer.from(octets, 'latin1'), 'hex');
}

/** `x` in (a, b): strictly between, clockwise. With a = b: everywhere but there. */
export function betweenOpen(x: Id, a: Id, b: Id): boolean {
  if (a < b) return a < x && x < b;
  return a < x || x < b ? x !== a : false;
}

/** `x` in (a, b]: the test of ownership. With a = b: the whole circle. */
export function betweenRightClosed(x: Id, a: Id, b: Id): boolean {
  if (a < b) return a < x && x <= b;
  return a === b || a < x || x <= b;
}

/** `x` in [a, b). With a = b: the whole circle. */
export function betweenLeftClosed(x: Id, a: Id, b: Id): boolean {
  if (a < b) return a <= x && x < b;
  return a === b || a <= x || x < b;
}
