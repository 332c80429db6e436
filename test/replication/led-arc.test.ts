/** Led arc: what a node answers for, as one piece. */
import type { Id, NodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Holding, Role } from '../../src/replication/holding';
import { ledArc, viewsLed } from '../../src/replication/led-arc';
import { ABSENT } from '../../src/replication/version';

const idAt = (digit: string) => digit.repeat(40) as NodeId;
const peerAt = (digit: string): Peer => ({ id: idAt(digit), addr: `127.0.0.1:${digit}`, inc: 1n });
const SELF = peerAt('5');
const OTHER = peerAt('9');

function piece(lo: string, hi: string, role: Role = 'voter', primary = SELF): Holding {
  const arc = { lo: idAt(lo) as Id, hi: idAt(hi) as Id };
  const epoch = { n: 1, by: 1n };
  const members = [SELF, OTHER];
  const voters = members.map(({ id }) => id);
  return {
    arc,
    role,
    promised: epoch,
    pending: [],
    view: { epoch, arc, members, primary: primary.id, voters, syncs: 1, floor: ABSENT },
  };
}

describe('ledArc()', () => {
  it.each<[string, readonly Holding[], readonly [string, string] | undefined]>([
    ['nothing is held', [], undefined],
    ['the piece before the node is led by it', [piece('3', '5')], ['3', '5']],
    ['several pieces in a row are', [piece('3', '5'), piece('9', '1'), piece('1', '3')], ['9', '5']],
    ['the whole ring is', [piece('5', '5')], ['5', '5']],
    ['all pieces of the ring are', [piece('5', '8'), piece('8', '5')], ['5', '5']],
    ['another leads the last piece', [piece('3', '5', 'voter', OTHER), piece('1', '3')], undefined],
    ['it does not vote there', [piece('3', '5', 'learner')], undefined],
    ['another leads one between', [piece('3', '5'), piece('2', '3', 'voter', OTHER), piece('1', '2')], ['3', '5']],
  ])('where %s', (_what, holdings, expected) => {
    const arc = expected && { lo: idAt(expected[0]), hi: idAt(expected[1]) };
    expect(ledArc({ holdings, self: SELF })).toEqual(arc);
  });
});

describe('viewsLed()', () => {
  it('leaves out what others lead, and where this node does not vote', () => {
    const mine = piece('3', '5');
    expect(
      viewsLed({ holdings: [mine, piece('5', '6', 'voter', OTHER), piece('6', '7', 'learner')], self: SELF }),
    ).toEqual([mine.view]);
  });
});
