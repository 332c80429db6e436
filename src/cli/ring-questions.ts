/** What the program asks a node about the ring, and how the answers are read. */
import * as v from 'valibot';
import {
  FingersDocument,
  type FingersInfo,
  LookupDocument,
  type LookupInfo,
  RingDocument,
  type RingInfo,
} from '../admin/answers';
import type { AdminQuestion } from './admin-request';
import { isTree, type TreeNode } from './tree-drawing';

/** The whole ring, as the node can walk it. */
export const RING_QUESTION: AdminQuestion<RingInfo> = {
  what: 'ring',
  path: '/api/ring',
  read: readerOf(RingDocument),
};

/** The node's fingers. */
export const FINGERS_QUESTION: AdminQuestion<FingersInfo> = {
  what: 'fingers',
  path: '/api/ring/fingers',
  read: readerOf(FingersDocument),
};

/** The way from the node to a key. */
export function lookupQuestion(key: Buffer): AdminQuestion<LookupInfo> {
  const path = `/api/ring/lookup?key64=${encodeURIComponent(key.toString('base64'))}`;
  return { what: 'lookup', path, read: readerOf(LookupDocument) };
}

/** The node's supervision tree. */
export const TREE_QUESTION: AdminQuestion<TreeNode> = {
  what: 'tree',
  path: '/api/tree',
  read: (document) => (isTree(document) ? document : undefined),
};

/** Reads documents by their schema. */
export function readerOf<T>(schema: v.GenericSchema<unknown, T>): (document: unknown) => T | undefined {
  return (document) => {
    const parsed = v.safeParse(schema, document);
    return parsed.success ? parsed.output : undefined;
  };
}
