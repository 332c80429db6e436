/** Clients of a demo: storing many values, reading them again, and what is wrong with what was found. */
import { type Address, type Client, type ClientOptions, connect } from '../src/client';
import type { Problem } from './stage';

/** Values by key, as they were stored or as they were found. */
export type Values = ReadonlyMap<string, string | undefined>;

/** A problem where a value that was acknowledged is missing or another. */
export function lossProblem(acknowledged: Values, found: Values): Problem {
  const lost = [...acknowledged].filter(([key, value]) => found.get(key) !== value);
  const [first] = lost;
  if (acknowledged.size === 0) return 'nothing was acknowledged';
  return first && `${lost.length} of ${acknowledged.size} values, the first under "${first[0]}"`;
}

/** A client of one node. */
export async function open({ host, port }: Address, options: ClientOptions = {}): Promise<Client> {
  const client = await connect(host, port, options);
  if (!client.ok) throw new Error(client.error.message);
  return client.value;
}

/** Has a client of a node for as long as it is used. */
export async function withClient<T>(node: Address, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await open(node);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** So many keys, each with its number for a value. */
export const entriesOf = (name: string, count: number) =>
  Array.from({ length: count }, (_none, index) => [`${name}-${index}`, `${index}`] as const);

/** Stores all of these, many at a time, and notes what was acknowledged. */
export async function putAll(
  client: Client,
  entries: readonly (readonly [string, string])[],
  acknowledged: Map<string, string>,
  batch = BATCH,
): Promise<void> {
  for (let begin = 0; begin < entries.length; begin += batch) {
    const some = entries.slice(begin, begin + batch);
    const answers = await Promise.all(some.map(([key, value]) => client.put(key, value)));
    for (const [index, [key, value]] of some.entries()) if (answers[index]?.ok) acknowledged.set(key, value);
  }
}

/** The value of a key; undefined where there is none. */
export async function read(client: Client, key: string): Promise<string | undefined> {
  const found = await client.get(key);
  return found.ok ? found.value.toString('utf8') : undefined;
}

/** The values of many keys, many of them asked for at a time. */
export async function readAll(client: Client, keys: readonly string[], batch = BATCH): Promise<Values> {
  const found = new Map<string, string | undefined>();
  for (let begin = 0; begin < keys.length; begin += batch) {
    const some = keys.slice(begin, begin + batch);
    const values = await Promise.all(some.map((key) => read(client, key)));
    for (const [index, key] of some.entries()) found.set(key, values[index]);
  }
  return found;
}

/** So many a slow machine answers in time, too. */
const BATCH = 200;

/** Settles after so long. */
export function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
