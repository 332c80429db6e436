/**
 * Key order: the requests of one connection for one key, one after the other.
 *
 * A client that sends a put and then a get of one key, without waiting in between, means them in this
 * order. Once requests can be sent twice, or wait for a hand-over, the order is no longer a matter of
 * course: so a request waits here until those before it for the same key have ended. Only gets run
 * beside gets.
 */
import type { BinaryString } from '../src/octets';

/** What has a place in the order. */
export interface Ordered {
  readonly key: BinaryString;
  readonly isGet: boolean;
}

/** Those under way, by key, in the order in which they came. */
export class KeyOrder<Item extends Ordered> {
  /** Most are alone, and need no list. */
  private readonly byKey = new Map<BinaryString, Item | Item[]>();

  /** Whether anything is under way for the key. */
  has(key: BinaryString): boolean {
    return this.byKey.has(key);
  }

  /** Puts it at the end; true: it need not wait. */
  add(item: Item): boolean {
    const line = this.byKey.get(item.key);
    if (line === undefined) {
      this.byKey.set(item.key, item);
      return true;
    }
    const all = Array.isArray(line) ? line : [line];
    if (all !== line) this.byKey.set(item.key, all);
    all.push(item);
    return all.every(({ isGet }) => isGet);
  }

  /** It has ended: those that need not wait now, some of which may not have waited before. */
  remove(item: Item): readonly Item[] {
    const line = this.byKey.get(item.key);
    if (line === item) this.byKey.delete(item.key);
    if (!Array.isArray(line)) return NOBODY;
    const rest = line.filter((other) => other !== item);
    if (rest.length === 0) this.byKey.delete(item.key);
    if (rest.length === 0) return NOBODY;
    this.byKey.set(item.key, rest);
    const firstWrite = rest.findIndex(({ isGet }) => !isGet);
    if (firstWrite < 0) return rest;
    return rest.slice(0, Math.max(1, firstWrite));
  }

  clear(): void {
    this.byKey.clear();
  }
}

const NOBODY: readonly never[] = [];
