/** Copies under show: what every node of a ring has of every key, counted by an outsider who asks each of them. */
import type { KeyInfo, LocateInfo } from '../src/admin/replica-answers';
import { keyId } from '../src/chord/id';
import { keysQuestion, locateQuestion } from '../src/cli/replica-questions';
import { fromUtf8 } from '../src/octets';
import type { NodeUnderShow } from './node-under-show';
import type { RingUnderShow } from './ring-under-show';
import type { Problem } from './stage';

/** As many as one answer may have. */
const PAGE = 1000;

/** All that a node has. */
export async function keysAt(ring: RingUnderShow, node: NodeUnderShow): Promise<readonly KeyInfo[]> {
  const all: KeyInfo[] = [];
  let from: string | undefined;
  do {
    const { keys, next } = await ring.ask(node, keysQuestion(from, PAGE));
    all.push(...keys);
    from = next ?? undefined;
  } while (from !== undefined);
  return all;
}

/** The copies of each key that count, by identifier: not those that a node need not keep any more. */
export type Copies = ReadonlyMap<string, readonly KeyInfo[]>;

/** Asks every node that runs. */
export async function copiesIn(ring: RingUnderShow): Promise<Copies> {
  const copies = new Map<string, KeyInfo[]>();
  for (const keys of await Promise.all(ring.nodes.map((node) => keysAt(ring, node)))) {
    for (const key of keys) {
      if (key.role !== 'surplus') copies.set(key.id, [...(copies.get(key.id) ?? []), key]);
    }
  }
  return copies;
}

/** A problem where one of these keys does not have exactly so many copies, all of one version. */
export function copiesProblem(copies: Copies, keys: Iterable<string>, wanted: number): Problem {
  const wrong = [...keys].filter((key) => {
    const found = copies.get(keyId(fromUtf8(key))) ?? [];
    return found.length !== wanted || new Set(found.map(({ version, kind }) => `${version} ${kind}`)).size !== 1;
  });
  const [first] = wrong;
  if (first === undefined) return undefined;
  const found = copies.get(keyId(fromUtf8(first))) ?? [];
  const versions = new Set(found.map(({ version }) => version)).size;
  return `${wrong.length} keys do not have ${wanted} equal copies; the first, "${first}", has ${found.length} of ${versions} versions`;
}

/** How many of these keys have how many copies, as one line. */
export function copiesText(copies: Copies, keys: Iterable<string>): string {
  const counts = new Map<number, number>();
  for (const key of keys) {
    const { length } = copies.get(keyId(fromUtf8(key))) ?? [];
    counts.set(length, (counts.get(length) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a], [b]) => a - b);
  return sorted.map(([copiesOf, keysOf]) => `${keysOf} keys with ${copiesOf} copies`).join(', ');
}

/** Who keeps a key, and what each has of it. */
export function locate(ring: RingUnderShow, node: NodeUnderShow, key: string): Promise<LocateInfo> {
  return ring.ask(node, locateQuestion(Buffer.from(key, 'utf8')));
}

/** A problem where a key is not kept by exactly so many nodes, which all have the same of this kind. */
export function locationProblem({ copies, agreed }: LocateInfo, wanted: number, kind: 'value' | 'tombstone'): Problem {
  const found = copies.map((copy) => copy.kind ?? copy.state);
  const isRight = agreed && found.length === wanted && found.every((each) => each === kind);
  return isRight ? undefined : `its copies are: ${found.join(', ')}${agreed ? '' : ', not all the same'}`;
}
