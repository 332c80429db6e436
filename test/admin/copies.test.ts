/** How many copies of what a node has: counted by arcs, and the same as counting every record. */
import * as fc from 'fast-check';
import { countCopies, countKeys, ledArcs, roleOf } from '../../src/admin/copies';
import { type KeyId, keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange } from '../../src/chord/range';
import { fromUtf8 } from '../../src/octets';
import { versionOf, Writers } from '../../src/replication/version';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';
import { SEED } from '../protocol/fixtures';
import { arcOf, leadOf, peersOf, pieceOf, viewOf, viewsOf } from '../support/shown-replicas';

const [A, B, C] = peersOf(3) as [Peer, Peer, Peer];
const writer = new Writers().intern('12345678' as never);

/** Led here, led by another, known only, and (b, 0] unknown. */
const led = viewOf(arcOf('0', '4'), [A, B, C]);
const followed = viewOf(arcOf('4', '8'), [B, A]);
const foreign = viewOf(arcOf('8', 'b'), [B, C]);
const views = viewsOf(A, [pieceOf(led, 'voter'), pieceOf(followed, 'learner'), pieceOf(foreign, 'none')]);

function recordOf(key: string, isDead: boolean): Record {
  const octets = fromUtf8(key);
  return new Record(keyId(octets), octets, versionOf(1, 0, writer), isDead ? undefined : octets, undefined, false);
}

describe(`countKeys() (FC_SEED=${SEED})`, () => {
  it('counts values by what they are good for, as one would by looking at each', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary-ascii' })), fc.integer({ min: 1, max: 9 }), (keys, nth) => {
        const table = new MemoryTable();
        const records = keys.map((key, index) => recordOf(key, index % nth === 0));
        for (const record of records) table.merge(record);
        const values = records.filter(({ kind }) => kind === 'value');
        const countIn = (from: string, to: string) =>
          values.filter((record) => inRange(record.keyId, arcOf(from, to))).length;
        const [primary, replica] = [countIn('0', '4'), countIn('4', '8')];
        const { bytes } = table.stats();
        const tombstones = records.length - values.length;
        const surplus = values.length - primary - replica;
        expect(countKeys(views, table)).toEqual({ primary, replica, surplus, tombstones, bytes });
        expect(table.stats().keys).toBe(values.length);
      }),
    );
  });

  it('shares out more tombstones than it would look at', () => {
    const table = new MemoryTable();
    for (let index = 0; index < 20_001; index += 1) table.merge(recordOf(`${index}`, index < 10_001));
    const { primary, replica, surplus, tombstones } = countKeys(views, table);
    expect(tombstones).toBe(10_001);
    expect(primary + replica + surplus).toBe(10_000);
    expect(primary / 10_000).toBeCloseTo(1 / 4, 1);
  });

  it('counts nothing without a table, and all as surplus without views', () => {
    expect(countKeys(views, undefined)).toEqual({ primary: 0, replica: 0, surplus: 0, tombstones: 0, bytes: 0 });
    const table = new MemoryTable();
    table.merge(recordOf('k', false));
    expect(countKeys(undefined, table)).toEqual({ primary: 0, replica: 0, surplus: 1, tombstones: 0, bytes: 2 });
  });
});

describe('countCopies()', () => {
  const under = { fetching: 4, hints: 5 };

  it('counts arcs by role, and how many members those have that it leads', () => {
    const single = viewOf(arcOf('c', 'd'), [A]);
    const newcomer = {
      peer: B,
      arc: led.arc,
      epoch: led.epoch,
      seenAtMs: 0,
      dueAtMs: 0,
      failures: 0,
      request: undefined,
    };
    const many = viewsOf(A, [...views.holdings, pieceOf(single, 'voter')], {
      leads: [leadOf(led), leadOf(single, false)],
      newcomers: [
        { ...newcomer, state: 'ready' },
        { ...newcomer, state: 'fetching', arc: single.arc },
        { ...newcomer, peer: C, state: 'absent' },
      ],
    });
    const table = new MemoryTable();
    table.merge(recordOf('k', true));
    expect(countCopies(many, table, under)).toEqual({
      records: 1,
      led: 2,
      member: 0,
      learner: 1,
      newcomers: 1,
      least: 1,
      most: 3,
      unsettled: 1,
      ...under,
    });
  });

  it('knows of none without views', () => {
    expect(countCopies(undefined, undefined, under)).toMatchObject({ led: 0, least: 0, most: 0, records: 0, ...under });
  });
});

test('roleOf() and ledArcs() say what an arc is to this node', () => {
  const idIn = (digit: string) => digit.repeat(40) as KeyId;
  expect(['1', '5', '9', 'c'].map((digit) => roleOf(views, idIn(digit)))).toEqual([
    'primary',
    'replica',
    'surplus',
    'surplus',
  ]);
  expect(ledArcs(views)).toEqual([led.arc]);
  expect(ledArcs(undefined)).toEqual([]);
  // What is sealed is led by nobody until there is a new view.
  const sealed = viewsOf(A, [pieceOf(led, 'voter', { promised: { n: 2, by: 9n } })]);
  expect(ledArcs(sealed)).toEqual([]);
});
