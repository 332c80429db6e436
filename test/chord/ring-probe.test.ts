/** Ring probe: single steps. Whole rings that come together by it are in test/simulation/lost-parts.test.ts. */
import type { NodeId } from '../../src/chord/id';
import { nextHop } from '../../src/chord/lookup';
import type { Peer } from '../../src/chord/peer';
import { PeerMemory } from '../../src/chord/peer-memory';
import {
  type ProbeView,
  type RingProbe,
  type RingProbeEffect,
  startRingProbe,
  stepRingProbe,
} from '../../src/chord/ring-probe';
import { randomFrom } from '../../src/otp';
import { inOrder, peerAt, pointersOf } from './ideal-ring';

const INTERVAL_MS = 2000;
const half = () => 0.5;

const peers = (count: number, first = 1) => inOrder(Array.from({ length: count }, (_none, n) => peerAt(first + n)));
const remembering = (...known: readonly Peer[]) =>
  known.reduce((memory, peer) => memory.hear(peer), PeerMemory.of([], 128));

/** What one whole probe of `view` comes to when those in `others` answer; everybody else is silent. */
function probeOnce(view: ProbeView, others: readonly Omit<ProbeView, 'memory'>[], random = half) {
  const asked: NodeId[] = [];
  const news: RingProbeEffect[] = [];
  let probe: RingProbe = { ...startRingProbe(0, INTERVAL_MS, random), dueMs: 0 };
  let effects: readonly RingProbeEffect[];
  [probe, effects] = stepRingProbe(probe, { type: 'tick' }, view, 0, random);
  while (effects.length > 0) {
    const ask = effects.find((effect) => effect.type === 'ask');
    news.push(...effects.filter((effect) => effect.type !== 'ask'));
    if (ask === undefined) break;
    asked.push(ask.to.id);
    const pointers = others.find(({ self }) => self.id === ask.to.id);
    const { request } = ask;
    const hop = pointers && nextHop(ask.key, { ...pointers, others: [] }, ask.excluded);
    [probe, effects] = stepRingProbe(
      probe,
      hop ? { type: 'answered', request, hop } : { type: 'silent', request },
      view,
      0,
      random,
    );
  }
  return { asked, news, probe };
}

describe('stepRingProbe()', () => {
  /** Every second of twenty is in one ring, the others in another. */
  const all = peers(20);
  const mine = pointersOf(
    all.filter((_peer, place) => place % 2 === 0),
    4,
  );
  const theirs = pointersOf(
    all.filter((_peer, place) => place % 2 === 1),
    4,
  );
  const [me] = mine.slice(3) as [(typeof mine)[number]];
  const [before, after] = [all[5], all[7]] as [Peer, Peer];

  it('finds the two between which this node belongs in the ring of whom it remembers', () => {
    const { news, asked } = probeOnce({ ...me, memory: remembering(all[13] as Peer) }, theirs);
    expect(news).toEqual([
      { type: 'consider', candidate: after },
      { type: 'hint', to: before, between: me.self },
    ]);
    expect(asked.length).toBeLessThanOrEqual(5);
  });

  it('tells whoever would come before it in the other ring, also where its own neighbours are nearer', () => {
    const near = all.slice(4, 9);
    const [own] = pointersOf(near, 4).slice(2) as [(typeof mine)[number]];
    const others = pointersOf(
      all.filter((peer) => !near.includes(peer)),
      4,
    );
    const { news } = probeOnce({ ...own, memory: remembering(all[13] as Peer) }, others);
    expect(news).toEqual([{ type: 'hint', to: all[3], between: own.self }]);
  });

  it('brings no news in a ring that is whole, whoever is asked, as if this node were not there', () => {
    for (const { self } of mine.filter((other) => other !== me)) {
      expect(probeOnce({ ...me, memory: remembering(self) }, mine).news).toEqual([]);
    }
  });

  it('comes again at once while it brings news, and asks the one who brought it', () => {
    const view = { ...me, memory: remembering(all[13] as Peer) };
    const { probe } = probeOnce(view, theirs);
    expect(probe.dueMs).toBeLessThanOrEqual(100);
    const [, effects] = stepRingProbe(probe, { type: 'tick' }, view, probe.dueMs, half);
    expect(effects).toMatchObject([{ type: 'ask', to: before }]);
  });

  it.each([
    [0, 1000],
    [0.999, 2998],
  ])('rests for the interval and up to half of it more or less without news (%d)', (chance, dueMs) => {
    const { probe } = probeOnce({ ...me, memory: remembering(all[2] as Peer) }, mine, () => chance);
    expect(probe.dueMs).toBe(dueMs);
  });

  it('rests five times as long in a large ring', () => {
    const [large] = pointersOf(peers(300), 4) as [(typeof mine)[number]];
    const { probe } = probeOnce({ ...large, memory: remembering(large.predecessor) }, pointersOf(peers(300), 4));
    expect(probe.dueMs).toBe(10_000);
  });

  it('asks somebody else when the one it remembers is silent, but not everybody', () => {
    const dead = peers(30, 900);
    const { asked, news } = probeOnce({ ...me, memory: remembering(...dead) }, theirs, randomFrom(1));
    expect([asked.length, news]).toEqual([3, []]);
  });

  it('asks at most 20 on a long way', () => {
    const far = pointersOf(peers(300, 400), 1);
    const { asked } = probeOnce({ ...me, memory: remembering(far[0]?.self as Peer) }, far);
    expect(asked.length).toBeLessThanOrEqual(20);
  });

  it('does nothing while there is nobody to ask, and nothing before it is due or in the middle of a walk', () => {
    const nobody = { ...me, memory: remembering(me.self) };
    expect(probeOnce(nobody, mine)).toMatchObject({ asked: [], news: [], probe: { dueMs: 2000 } });
    const view = { ...me, memory: remembering(all[2] as Peer) };
    const start = startRingProbe(0, INTERVAL_MS, half);
    expect(stepRingProbe(start, { type: 'tick' }, view, 999, half)).toEqual([start, []]);
    const [walking] = stepRingProbe(start, { type: 'tick' }, view, 1000, half);
    expect(stepRingProbe(walking, { type: 'tick' }, view, 9000, half)).toEqual([walking, []]);
    expect(stepRingProbe(walking, { type: 'silent', request: 99 }, view, 9000, half)).toEqual([walking, []]);
    // One whose answers never come is given up in the end.
    expect(stepRingProbe(walking, { type: 'tick' }, view, 11_001, half)[1]).toMatchObject([{ type: 'ask' }]);
  });
});
