/** Making views: who is asked when. What answers allow is tested with views-attempt, whole rings with the models. */
import type { Id, NodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { BinaryString } from '../../src/octets';
import { versionOf, Writers } from '../../src/replication/version';
import type { View } from '../../src/replication/view';
import { noViews, type Views } from '../../src/replication/views';
import type { ViewsEffect, ViewsEvent } from '../../src/replication/views-protocol';
import { stepViews } from '../../src/replication/views-step';

const peerAt = (digit: string): Peer => ({ id: digit.repeat(40) as NodeId, addr: `127.0.0.1:${digit}`, inc: 1n });
const [SELF, LEADER, THIRD] = [peerAt('3'), peerAt('5'), peerAt('7')];
const ARC = { lo: THIRD.id as Id, hi: SELF.id as Id };
const CLOCK = versionOf(1, 0, new Writers().intern('writer-1' as BinaryString));

/** The arc before this node is led by the next one, since this node came later. */
const VIEW: View = {
  epoch: { n: 1, by: LEADER.inc },
  arc: ARC,
  members: [SELF, LEADER, THIRD],
  primary: LEADER.id,
  voters: [SELF.id, LEADER.id, THIRD.id],
  syncs: 1,
  floor: CLOCK,
};

function viewsOf(self: Peer): Views {
  const ring = { isMember: true, predecessor: THIRD, successors: [LEADER, THIRD], isSettled: true, isComplete: true };
  const holding = { arc: ARC, view: VIEW, role: 'voter', promised: VIEW.epoch, pending: [] } as const;
  return { ...noViews(self, 3, 0), ring, holdings: [holding] };
}

class Node {
  private effects: readonly ViewsEffect[] = [];

  constructor(private views: Views) {}

  step(event: ViewsEvent, nowMs: number): this {
    const [views, effects] = stepViews(this.views, event, nowMs, () => 0.5, CLOCK);
    this.views = views;
    this.effects = effects;
    return this;
  }

  /** Whom the last step has asked for a promise, and by which number. */
  get sealing(): readonly (readonly [Peer, number])[] {
    return this.effects.flatMap((each) =>
      each.type === 'ask' && each.question.type === 'seal' ? [[each.to, each.request] as const] : [],
    );
  }

  get asked(): readonly Peer[] {
    return this.sealing.map(([to]) => to);
  }
}

describe('making a view of an arc that another node leads', () => {
  it('asks the leader first, and the others once it has promised', () => {
    const node = new Node(viewsOf(SELF)).step({ type: 'tick' }, 0);
    expect(node.asked).toEqual([LEADER]);
    const [, request] = node.sealing[0] ?? [LEADER, 0];
    const pieces = [{ arc: ARC, view: VIEW, role: 'voter', pending: [] }] as const;
    node.step({ type: 'answered', request, from: LEADER, answer: { type: 'sealed', pieces, clock: CLOCK } }, 5);
    expect(node.asked).toEqual([THIRD]);
  });

  it('waits for the leader a moment only', () => {
    const node = new Node(viewsOf(SELF)).step({ type: 'tick' }, 0);
    expect(node.step({ type: 'tick' }, 90).asked).toEqual([]);
    expect(node.step({ type: 'tick' }, 190).asked).toEqual([THIRD]);
  });

  it('does not wait for one that is dead', () => {
    const node = new Node(viewsOf(SELF));
    node.step({ type: 'verdict', peer: LEADER, isAlive: false }, 0);
    expect(node.asked).toContainEqual(THIRD);
  });
});
