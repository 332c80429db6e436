/** The order of one connection's requests for one key: who waits for whom, and that nobody waits for ever. */
import * as fc from 'fast-check';
import { KeyOrder, type Ordered } from '../../actors/key-order';
import { fromUtf8 } from '../../src/octets';

interface Item extends Ordered {
  readonly number: number;
}

/** Items named by a letter for the key and one for what is asked: `ag` gets a, `ap` puts a. */
const itemsOf = (...names: readonly string[]): readonly Item[] =>
  names.map((name, number) => ({ key: fromUtf8(name.slice(0, 1)), isGet: name.endsWith('g'), number }));

const numbersOf = (items: readonly Item[]) => items.map(({ number }) => number);

describe('KeyOrder', () => {
  it.each<[string, readonly string[], readonly boolean[]]>([
    ['lets the first begin', ['ap'], [true]],
    ['lets gets run beside gets', ['ag', 'ag', 'ag'], [true, true, true]],
    ['lets a get wait for the put before it', ['ap', 'ag'], [true, false]],
    ['lets a put wait for the get before it', ['ag', 'ap'], [true, false]],
    ['lets a get wait for a put that waits', ['ag', 'ap', 'ag'], [true, false, false]],
    ['lets keys go by each other', ['ap', 'bp', 'ap'], [true, true, false]],
  ])('%s', (_what, names, begins) => {
    const order = new KeyOrder<Item>();
    expect(itemsOf(...names).map((item) => order.add(item))).toEqual(begins);
  });

  it('lets go on those who wait when the one before them has ended', () => {
    const order = new KeyOrder<Item>();
    const [put, first, second, last] = itemsOf('ap', 'ag', 'ag', 'ap') as [Item, Item, Item, Item];
    for (const item of [put, first, second, last]) order.add(item);
    expect(numbersOf(order.remove(put))).toEqual([1, 2]);
    expect(numbersOf(order.remove(second))).toEqual([1]);
    expect(numbersOf(order.remove(first))).toEqual([3]);
    expect(order.has(last.key)).toBe(true);
    expect(order.remove(last)).toEqual([]);
    expect(order.has(last.key)).toBe(false);
  });

  it('never runs a put beside anything of its key, and brings every request to its turn', () => {
    const names = fc.array(fc.constantFrom('ag', 'ap', 'bg', 'bp'), { maxLength: 30 });
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.nat()), (drawn, choices) => {
        const order = new KeyOrder<Item>();
        const running = new Set<Item>();
        const begun: Item[] = [];
        const begin = (item: Item) => {
          if (running.has(item)) return;
          running.add(item);
          begun.push(item);
        };
        for (const item of itemsOf(...drawn)) if (order.add(item)) begin(item);
        while (running.size > 0) {
          const of = (key: string) => [...running].filter((item) => item.key === fromUtf8(key));
          for (const beside of [of('a'), of('b')]) {
            expect(beside.length <= 1 || beside.every(({ isGet }) => isGet)).toBe(true);
          }
          const ending = [...running][(choices.next().value as number) % running.size] as Item;
          running.delete(ending);
          for (const item of order.remove(ending)) begin(item);
        }
        expect(new Set(numbersOf(begun)).size).toBe(drawn.length);
      }),
    );
  });
});
