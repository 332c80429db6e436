/** Who sees all tables at once: what must not become of records that were written in eventual mode. */
import { keyId } from '../../src/chord/id';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import type { Holding } from '../../src/replication/holding';
import { versionOf, Writers } from '../../src/replication/version';
import { misjudged, unfounded, WHOLE } from '../../src/simulation/copies/copy-checks';
import { CopyWatch, type Watched } from '../../src/simulation/copies/copy-watch';
import { COPY_SETTINGS } from '../../src/simulation/copies/copy-world';
import type { Operation } from '../../src/simulation/operation';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';

const KEY = 'eventual-0';
const WRITER = new Writers().intern('writer-1' as BinaryString);
const MEMBER: Holding = { arc: WHOLE, promised: { n: 1, by: 1n }, view: undefined, role: 'voter', pending: [] };

function recordOf(value: string | undefined, ms: number): Record {
  const key = fromUtf8(KEY);
  const octets = value === undefined ? undefined : fromUtf8(value);
  return new Record(keyId(key), key, versionOf(ms, 0, WRITER), octets, undefined, true);
}

function holderOf(...records: readonly Record[]): Watched {
  const table = new MemoryTable();
  for (const record of records) table.merge(record);
  return { target: { table }, views: { holdings: [MEMBER] } };
}

const watchOf = () => new CopyWatch(COPY_SETTINGS, [KEY], () => 0);

describe('CopyWatch', () => {
  it('finds a value that is gone though nobody has died, and lets it go with the last who had it', () => {
    const [first, second] = [watchOf(), watchOf()];
    for (const watch of [first, second]) watch.look([holderOf(recordOf('old', 1)), holderOf(recordOf('new', 2))]);
    first.look([holderOf(recordOf('old', 1))]);
    expect([...first.faults]).toEqual([`${KEY}: new is lost, though nobody who had it has died`]);
    second.died([holderOf(recordOf('old', 1))]);
    second.look([holderOf(recordOf('old', 1))]);
    expect([[...second.faults], second.gone]).toEqual([[], 1]);
  });

  it('finds a deletion that is forgotten while somebody has an older value, and not one that is forgotten by all', () => {
    const watch = watchOf();
    const [forgetful, late] = [holderOf(recordOf(undefined, 2)), holderOf(recordOf('old', 1))];
    watch.look([forgetful, late]);
    watch.look([]);
    expect([...watch.faults]).toEqual([]);
    watch.look([late]);
    expect([...watch.faults]).toEqual([`${KEY}: its deletion is forgotten, and somebody has an older value`]);
  });

  it('finds out who carries more than he may, and not who makes up for a pause', () => {
    let nowMs = 0;
    const settings = { ...COPY_SETTINGS, bytesPerSecond: { sync: 100, repair: 100, hints: 100 } };
    const watch = new CopyWatch(settings, [], () => nowMs);
    for (let n = 0; n < 10; n += 1) {
      nowMs += 1000;
      watch.carried('repair', 100, 'a');
    }
    expect([...watch.faults]).toEqual([]);
    for (let n = 0; n < 4; n += 1) watch.carried('repair', 100, 'a');
    expect([...watch.faults]).toEqual(['a carries more for repair than it may']);
  });

  it('finds clients that read another value in the end than the newest', () => {
    const watch = watchOf();
    watch.look([holderOf(recordOf('new', 2))]);
    const times = { invokedMs: 0, returnedMs: 1, node: 'n', isFinal: true } as const;
    const read = (value: string): Operation => ({ op: 'get', key: KEY, value, outcome: 'ok', ...times });
    expect(watch.misread([read('new'), read('old')])).toEqual([`${KEY}: old is read in the end, and not new`]);
  });
});

describe('unfounded()', () => {
  it('finds values that were read and nobody has put, or whose put was refused', () => {
    const at = (ms: number) => ({ key: KEY, node: 'n', invokedMs: ms, returnedMs: ms + 1 }) as const;
    const put: Operation = { op: 'put', value: 'a', outcome: 'refused', ...at(0) };
    const reads = ['a', 'b'].map((value): Operation => ({ op: 'get', value, outcome: 'ok', ...at(10) }));
    expect(unfounded([put, ...reads])).toEqual([
      `${KEY}: a was read, though the put was refused`,
      `${KEY}: b was read, and nobody had put it`,
    ]);
  });
});

describe('misjudged()', () => {
  it('has nothing to say of nobody', () => {
    expect(misjudged([], () => 0, 1000)).toEqual([]);
  });
});
