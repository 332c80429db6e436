/**
 * Final reads: when all is over, every key is read through every node, and its copies are counted.
 */
import { keyId } from '../src/chord/id';
import { fromUtf8 } from '../src/octets';
import type { ChaosNode } from './chaos-node';
import type { History, Operation } from './history';
import { Clients, perform } from './load';
import { later } from './later';

const AT_ONCE = 50;
const ATTEMPTS_MAX = 40;
const AGAIN_AFTER_MS = 250;

/** Reads every key through every node into the history; gives those that could not be read at all. */
export async function readAll(
  nodes: readonly ChaosNode[],
  keys: readonly string[],
  history: History,
  nowMs: () => number,
): Promise<readonly Operation[]> {
  const clients = new Clients();
  const unreadable: Operation[] = [];
  for (const node of nodes) {
    const waiting = [...keys];
    const reader = async () => {
      for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
        const read = await readOne(clients, node, key, nowMs);
        if (read.outcome === 'ok' || read.outcome === 'not_found') history.add(read);
        else unreadable.push(read);
        // Whoever cannot answer at all does not get better by being asked for thousands of keys.
        if (unreadable.length >= UNREADABLE_MAX) return;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, reader));
  }
  await clients.close();
  return unreadable;
}

const UNREADABLE_MAX = 100;

async function readOne(clients: Clients, node: ChaosNode, key: string, nowMs: () => number): Promise<Operation> {
  let last: Operation | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const client = await clients.of(node, 0);
    if (client !== undefined) last = { ...(await perform(client, node, { op: 'get', key }, nowMs)), isFinal: true };
    if (last !== undefined && last.outcome !== 'refused' && last.outcome !== 'unknown') return last;
    await later(AGAIN_AFTER_MS);
  }
  const never = {
    op: 'get',
    key,
    value: undefined,
    outcome: 'refused',
    node: node.name,
    said: 'not reachable',
  } as const;
  return last ?? { ...never, invokedMs: nowMs(), returnedMs: nowMs() };
}

/** A copy of a key, as `GET /api/keys` tells it. */
interface StoredKey {
  readonly id: string;
  readonly version: string;
  readonly kind: string;
  readonly role: string;
}

/** How often each key is stored. */
export interface Copies {
  /** How many keys have how many copies. */
  readonly counts: ReadonlyMap<number, number>;
  /** Keys of which there are not as many copies as there should be, or not equal ones; some of them, in words. */
  readonly wrong: readonly string[];
  /** Copies that nobody answers for any more. */
  readonly surplus: number;
}

const PAGE = 1000;
const WRONG_TOLD_MAX = 20;
const HTTP_OK = 200;

/** Counts the copies of these keys; undefined where nodes do not tell. */
export async function countCopies(
  nodes: readonly ChaosNode[],
  keys: readonly string[],
  wanted: number,
): Promise<Copies | undefined> {
  const copies = new Map<string, { readonly node: string; readonly stored: StoredKey }[]>();
  let surplus = 0;
  for (const node of nodes) {
    const stored = await storedBy(node);
    if (stored === undefined) return undefined;
    for (const one of stored) {
      if (one.role === 'surplus') surplus += 1;
      else copies.set(one.id, [...(copies.get(one.id) ?? []), { node: node.name, stored: one }]);
    }
  }
  const counts = new Map<number, number>();
  const wrong: string[] = [];
  for (const key of keys) {
    const found = copies.get(keyId(fromUtf8(key))) ?? [];
    counts.set(found.length, (counts.get(found.length) ?? 0) + 1);
    const versions = new Set(found.map(({ stored }) => `${stored.version} ${stored.kind}`));
    if ((found.length === wanted || found.length === 0) && versions.size <= 1) continue;
    const who = found.map(({ node, stored }) => `${node} ${stored.role} ${stored.kind} ${stored.version}`).join(', ');
    if (wrong.length < WRONG_TOLD_MAX) wrong.push(`${key} has ${found.length} copies: ${who}`);
  }
  return { counts, wrong, surplus };
}

async function storedBy(node: ChaosNode): Promise<readonly StoredKey[] | undefined> {
  const all: StoredKey[] = [];
  let from = '';
  for (;;) {
    const answer = await node.ask(`/api/keys?limit=${PAGE}${from === '' ? '' : `&from=${encodeURIComponent(from)}`}`);
    if (answer.status !== HTTP_OK) return undefined;
    const { keys, next } = answer.body as { readonly keys: readonly StoredKey[]; readonly next?: string | null };
    all.push(...keys);
    if (next === undefined || next === null || next === '') return all;
    from = next;
  }
}
