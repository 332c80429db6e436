/** Tests of src/replication/testimony.ts: whose word counts, under which view, and when two are enough. */
import type { Peer } from '../../src/chord/peer';
import type { Standing } from '../../src/replication/standing';
import {
  isAheadOf,
  isOfView,
  isSameAs,
  makesMajority,
  testimonyOf,
  type Witness,
} from '../../src/replication/testimony';
import { KEY, peerOf, versionBy, viewOf } from '../support/small-view';
import { keyId } from '../../src/chord/id';
import { fromUtf8 } from '../../src/octets';
import { Record } from '../../src/store/record';

const [PRIMARY, WITNESS, OTHER, D, E] = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].map((addr) => peerOf(addr)) as [
  Peer,
  Peer,
  Peer,
  Peer,
  Peer,
];
const VIEW = viewOf([PRIMARY, WITNESS, OTHER], 5);
const AT_5 = versionBy(PRIMARY.addr, 5);

const says = (ms: number | undefined, peer = WITNESS, epoch = VIEW.epoch): Witness => ({
  peer,
  testimony: { epoch, version: ms === undefined ? undefined : versionBy(PRIMARY.addr, ms) },
});

describe('a testimony', () => {
  it('is given by a voter of a view that it still serves, and by nobody else', () => {
    const record = new Record(keyId(KEY), KEY, AT_5, fromUtf8('v'), undefined, false);
    const member = { type: 'member', view: VIEW, isVoter: true } as const;
    expect(testimonyOf(member, record)).toEqual({ epoch: VIEW.epoch, version: AT_5 });
    expect(testimonyOf(member, undefined)).toEqual({ epoch: VIEW.epoch, version: undefined });
    const others: readonly (Standing | undefined)[] = [
      { ...member, isVoter: false },
      { type: 'changing', view: VIEW },
      { type: 'elsewhere', hint: PRIMARY },
      undefined,
    ];
    expect(others.map((standing) => testimonyOf(standing, record))).toEqual(others.map(() => undefined));
  });

  it.each<[string, Witness, boolean]>([
    ['a voter under the same epoch', says(5), true],
    ['somebody under an older epoch', says(5, WITNESS, { ...VIEW.epoch, n: 4 }), false],
    ['somebody under a newer epoch', says(5, WITNESS, { ...VIEW.epoch, n: 6 }), false],
    ['somebody under the epoch of another proposer', says(5, WITNESS, { ...VIEW.epoch, by: 9n }), false],
    ['somebody else', says(5, D), false],
    ['a later incarnation of a voter, which has come back empty', says(5, { ...WITNESS, inc: 2n }), false],
  ])('of %s counts, or does not', (_whose, witness, counts) => {
    expect(isOfView(witness, VIEW)).toBe(counts);
    expect(makesMajority(witness, VIEW)).toBe(counts);
  });

  it('of a learner does not count', () => {
    expect(isOfView(says(5), viewOf([PRIMARY, WITNESS, OTHER], 5, { voters: [PRIMARY.id, OTHER.id] }))).toBe(false);
  });

  it('is all that is needed in views of two and three, and not in larger ones', () => {
    const [two, four, five] = [[], [OTHER, D], [OTHER, D, E]].map((more) => viewOf([PRIMARY, WITNESS, ...more], 5));
    expect([two, VIEW, four, five].map((view) => view && makesMajority(says(5), view))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(five && isOfView(says(5), five)).toBe(true);
  });

  it('says whether the witness has the same, or something newer', () => {
    const stored = [versionBy(PRIMARY.addr, 4), AT_5, versionBy(PRIMARY.addr, 6), undefined];
    expect(stored.map((version) => isSameAs(says(5), version))).toEqual([false, true, false, false]);
    expect(stored.map((version) => isAheadOf(says(5), version))).toEqual([true, false, false, true]);
    expect(stored.map((version) => isSameAs(says(undefined), version))).toEqual([false, false, false, true]);
    expect(stored.map((version) => isAheadOf(says(undefined), version))).toEqual([false, false, false, false]);
  });
});
