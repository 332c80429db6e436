/**
 * Suspicion: who is suspect when, who is dead when, and that whoever asks for a verdict gets one.
 * Time is an argument, so nothing here waits.
 */
import * as fc from 'fast-check';
import { type NodeId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import {
  isDead,
  isSuspect,
  nextTickMs,
  rtoOf,
  startSuspicion,
  stepSuspicion,
  type SuspicionEffect,
  type SuspicionEvent,
  type SuspicionState,
} from '../../src/chord/suspicion';
import { randomFrom } from '../../src/otp';

const SEED = Number(process.env['FC_SEED'] ?? 20260101);

const peer = (n: number, inc = 1n): Peer => ({ id: nodeId('127.0.0.1', n), addr: `127.0.0.1:${n}`, inc });
const [SELF, A, B, C, D] = [1, 2, 3, 4, 5].map((n) => peer(n)) as [Peer, Peer, Peer, Peer, Peer];

/** A detector with a clock that is moved by hand. */
class Detector {
  state: SuspicionState;
  nowMs = 0;
  readonly verdicts: { readonly atMs: number; readonly of: string; readonly isAlive: boolean }[] = [];
  private readonly random: () => number;

  constructor(watched: { predecessor?: Peer; successors?: readonly Peer[] } = {}, seed = SEED) {
    this.random = randomFrom(seed);
    this.state = startSuspicion(SELF.id, 0);
    this.step({ type: 'watch', predecessor: watched.predecessor, successors: watched.successors ?? [] });
  }

  step(event: SuspicionEvent): readonly SuspicionEffect[] {
    const [next, effects] = stepSuspicion(this.state, event, this.nowMs, this.random);
    this.state = next;
    for (const [{ id, inc }, isAlive] of verdictsOf(effects)) {
      this.verdicts.push({ atMs: this.nowMs, of: `${id} ${inc}`, isAlive });
    }
    return effects;
  }

  /** Lets time pass as a good driver does: a tick whenever one is due. */
  pass(ms: number): readonly SuspicionEffect[] {
    const endMs = this.nowMs + ms;
    const all: SuspicionEffect[] = [];
    while (nextTickMs(this.state) <= endMs) {
      this.nowMs = Math.max(this.nowMs, nextTickMs(this.state));
      all.push(...this.step({ type: 'tick' }));
    }
    this.nowMs = endMs;
    return all;
  }

  standing(of: Peer) {
    if (isDead(this.state, of.id)) return 'dead';
    return isSuspect(this.state, of.id) ? 'suspect' : 'alive';
  }
}

const probesOf = (effects: readonly SuspicionEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'probe' ? [effect] : []));
const directProbe = (effects: readonly SuspicionEffect[]) => probesOf(effects)[0]?.request ?? -1;
const indirectProbes = (effects: readonly SuspicionEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'ask_others' ? [effect] : []));
const verdictsOf = (effects: readonly SuspicionEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'verdict' ? [[effect.peer, effect.isAlive] as const] : []));
const refused = (request: number): SuspicionEvent => ({ type: 'probe_failed', request, isRefused: true });
const shut = (request: number): SuspicionEvent => ({
  type: 'probe_failed',
  request,
  isRefused: true,
  isShut: true,
});
const unanswered = (request: number): SuspicionEvent => ({ type: 'probe_failed', request, isRefused: false });

describe('a trial', () => {
  it('begins with the first miss: the peer is suspect, and is tried directly and through two others', () => {
    const detector = new Detector({ predecessor: D, successors: [A, B, C] });
    const effects = detector.step({ type: 'missed', peer: A });
    expect(detector.standing(A)).toBe('suspect');
    expect(effects[0]).toEqual({ type: 'suspected', peer: A });
    expect(probesOf(effects)).toMatchObject([{ peer: A }]);
    const asked = indirectProbes(effects);
    expect(asked.every(({ target }) => target === A)).toBe(true);
    expect(new Set(asked.map(({ via }) => via.id)).size).toBe(2);
    expect(asked.map(({ via }) => via.id)).not.toContain(A.id);
  });

  it('asks no suspects, and nobody in a ring of two', () => {
    const detector = new Detector({ predecessor: A, successors: [A, B, C] });
    detector.step({ type: 'missed', peer: B });
    expect(indirectProbes(detector.step({ type: 'missed', peer: A })).map(({ via }) => via)).toEqual([C]);
    const pair = new Detector({ predecessor: A, successors: [A] });
    expect(indirectProbes(pair.step({ type: 'missed', peer: A }))).toEqual([]);
  });

  it('ends in death when nobody answers, within what a peer of unknown distance may take', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    expect(verdictsOf(detector.pass(199))).toEqual([]);
    expect(verdictsOf(detector.pass(2))).toEqual([[A, false]]);
    expect(detector.standing(A)).toBe('dead');
  });

  it('takes 150 ms for a peer that is near', () => {
    const detector = new Detector();
    detector.step({ type: 'heard', peer: A, rttMs: 1 });
    detector.step({ type: 'missed', peer: A });
    expect(verdictsOf(detector.pass(149))).toEqual([]);
    expect(verdictsOf(detector.pass(2))).toEqual([[A, false]]);
  });

  const signs: readonly (readonly [string, (requests: readonly number[]) => SuspicionEvent])[] = [
    ['anything that is heard of it', () => ({ type: 'heard', peer: A })],
    ['its answer to the probe', ([request = -1]) => ({ type: 'probe_answered', request, from: A, rttMs: 3 })],
    ['its answer to somebody who was asked', ([, request = -1]) => ({ type: 'probe_answered', request })],
    ['the answer to the other', ([, , request = -1]) => ({ type: 'probe_answered', request })],
    ['an answer to a probe that nobody remembers', () => ({ type: 'probe_answered', request: 999, from: A })],
  ];
  it.each(signs)('ends in favour of the peer with %s', (_what, sign) => {
    const detector = new Detector({ predecessor: D, successors: [A, B, C] });
    const effects = detector.step({ type: 'missed', peer: A });
    const requests = [directProbe(effects), ...indirectProbes(effects).map(({ request }) => request)];
    expect(detector.step(sign(requests))).toEqual([{ type: 'cleared', peer: A }]);
    expect(detector.standing(A)).toBe('alive');
    expect(verdictsOf(detector.pass(300))).toEqual([]);
  });

  it('waits for the others when a probe is silent, and for its deadline when all are', () => {
    const detector = new Detector({ successors: [A, B, C] });
    const effects = detector.step({ type: 'missed', peer: A });
    detector.nowMs = 100;
    const requests = [directProbe(effects), ...indirectProbes(effects).map(({ request }) => request)];
    for (const request of requests) expect(detector.step(unanswered(request))).toEqual([]);
    expect(detector.standing(A)).toBe('suspect');
  });

  it('ends with a second refused connection, which is tried a little later', () => {
    const detector = new Detector();
    const effects = detector.step({ type: 'lost', peer: A });
    expect(detector.step(refused(directProbe(effects)))).toEqual([]);
    expect(detector.pass(45)).toEqual([]);
    const again = detector.pass(10);
    expect(probesOf(again)).toMatchObject([{ peer: A }]);
    expect(verdictsOf(detector.step(refused(directProbe(again))))).toEqual([[A, false]]);
  });

  it('is survived by a listener that is back in time', () => {
    const detector = new Detector();
    detector.step(refused(directProbe(detector.step({ type: 'lost', peer: A }))));
    const request = directProbe(detector.pass(55));
    expect(detector.step({ type: 'probe_answered', request, from: A })).toEqual([{ type: 'cleared', peer: A }]);
    expect(verdictsOf(detector.pass(1000))).toEqual([]);
  });

  it('is survived by a listener that is away for 50 ms, as long as no connection has ended without a word', () => {
    for (const isSevered of [false, undefined]) {
      const detector = new Detector({ successors: [A, B] });
      const lost = { type: 'lost', peer: A, ...(isSevered !== undefined && { isSevered }) } as const;
      detector.step(shut(directProbe(detector.step(lost))));
      for (let ms = 0; ms < 49; ms += 7) {
        expect([detector.step(lost), detector.pass(7)]).toEqual([[], []]);
        expect(detector.standing(A)).toBe('suspect');
      }
      const request = directProbe(detector.pass(5));
      expect(detector.step({ type: 'probe_answered', request, from: A })).toEqual([{ type: 'cleared', peer: A }]);
    }
  });

  it('ends with the first port that is shut where a connection in use has ended without a word', () => {
    const detector = new Detector({ successors: [A, B] });
    const effects = detector.step({ type: 'lost', peer: A, isSevered: true });
    expect(detector.standing(A)).toBe('suspect');
    expect(verdictsOf(detector.step(shut(directProbe(effects))))).toEqual([[A, false]]);
    expect(detector.standing(A)).toBe('dead');
  });

  it('asks others a little later where the system of the peer may say it all, and at once where it may not', () => {
    const detector = new Detector({ predecessor: D, successors: [A, B, C] });
    const effects = detector.step({ type: 'lost', peer: A, isSevered: true });
    expect([probesOf(effects).length, indirectProbes(effects)]).toEqual([1, []]);
    expect(indirectProbes(detector.pass(19))).toEqual([]);
    const asked = indirectProbes(detector.pass(1));
    expect(asked).toMatchObject([
      { target: A, timeoutMs: 180 },
      { target: A, timeoutMs: 180 },
    ]);
    expect(new Set(asked.map(({ via, request }) => `${via.id} ${request}`)).size).toBe(2);
    // Once is enough, and what they find counts.
    expect(indirectProbes(detector.pass(100))).toEqual([]);
    const request = asked[1]?.request ?? -1;
    expect(detector.step({ type: 'probe_answered', request })).toEqual([{ type: 'cleared', peer: A }]);
    expect(indirectProbes(detector.step({ type: 'lost', peer: A })).length).toBe(2);
  });

  it('asks others as soon as there is somebody who can be asked', () => {
    const detector = new Detector({ predecessor: B, successors: [A, B] });
    detector.step({ type: 'lost', peer: A, isSevered: true });
    detector.step({ type: 'lost', peer: B, isSevered: true });
    expect(indirectProbes(detector.pass(30))).toEqual([]);
    detector.step({ type: 'heard', peer: B });
    expect(indirectProbes(detector.pass(20))).toMatchObject([{ via: B, target: A }]);
  });

  it('asks nobody where the system of the peer has said it', () => {
    const detector = new Detector({ predecessor: D, successors: [A, B, C] });
    detector.step(shut(directProbe(detector.step({ type: 'lost', peer: A, isSevered: true }))));
    expect(detector.standing(A)).toBe('dead');
    expect(indirectProbes(detector.pass(300)).filter(({ target }) => target.id === A.id)).toEqual([]);
  });

  it('goes on where a connection has ended without a word and somebody listens, or answers', () => {
    const detector = new Detector({ successors: [A, B] });
    const severed = { type: 'lost', peer: A, isSevered: true } as const;
    // Another node is there, or one that speaks another protocol: no machine has said that nobody listens.
    expect(detector.step(refused(directProbe(detector.step(severed))))).toEqual([]);
    expect(detector.standing(A)).toBe('suspect');
    const request = directProbe(detector.pass(60));
    detector.step({ type: 'probe_answered', request, from: A });
    expect(detector.standing(A)).toBe('alive');
    // What was cleared is forgotten: the next trial takes two refusals again.
    expect(detector.step(shut(directProbe(detector.step({ type: 'missed', peer: A }))))).toEqual([]);
    expect(detector.standing(A)).toBe('suspect');
  });

  it('probes anew, and at once, when its probe was lost with the connection', () => {
    const detector = new Detector({ successors: [A, B] });
    const first = directProbe(detector.step({ type: 'missed', peer: A }));
    detector.pass(20);
    detector.step(unanswered(first));
    const again = detector.step({ type: 'lost', peer: A, isSevered: true });
    expect(probesOf(again)).toMatchObject([{ peer: A, timeoutMs: 180 }]);
    expect(detector.step({ type: 'lost', peer: A, isSevered: true })).toEqual([]);
    expect(verdictsOf(detector.step(shut(directProbe(again))))).toEqual([[A, false]]);
  });

  it('does not begin twice, and is not begun for the dead', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    expect(detector.step({ type: 'missed', peer: A })).toEqual([]);
    detector.pass(300);
    expect(detector.step({ type: 'missed', peer: A })).toEqual([]);
    expect(detector.standing(A)).toBe('dead');
  });
});

describe('the dead', () => {
  it('are cleared by any sign of life', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    detector.pass(300);
    expect(detector.step({ type: 'heard', peer: A })).toEqual([{ type: 'cleared', peer: A }]);
    expect(detector.standing(A)).toBe('alive');
  });

  it('stay dead as what they were when a later incarnation is heard of', () => {
    const [old, later] = [peer(2, 1n), peer(2, 2n)];
    const detector = new Detector();
    detector.step({ type: 'heard', peer: old, rttMs: 20 });
    expect(detector.step({ type: 'heard', peer: later })).toEqual([{ type: 'verdict', peer: old, isAlive: false }]);
    expect(detector.standing(later)).toBe('alive');
    expect(rtoOf(detector.state, later.id)).toBe(60);
    expect(detector.step({ type: 'judge', peer: old })).toEqual([{ type: 'verdict', peer: old, isAlive: false }]);
    expect(detector.step({ type: 'missed', peer: old })).toEqual([]);
  });

  it('get their verdict, and the suspect as well, when a later incarnation is heard of', () => {
    const detector = new Detector();
    detector.step({ type: 'judge', peer: peer(2, 1n) });
    expect(detector.step({ type: 'heard', peer: peer(2, 2n) })).toEqual([
      { type: 'verdict', peer: peer(2, 1n), isAlive: false },
      { type: 'cleared', peer: peer(2, 2n) },
    ]);
    expect(verdictsOf(detector.pass(1000))).toEqual([]);
  });

  it('are told of again when the ring goes on naming them, once for each time they are probed', () => {
    const detector = new Detector({ successors: [A] });
    detector.step({ type: 'missed', peer: A });
    expect(verdictsOf(detector.pass(300))).toEqual([[A, false]]);
    let verdicts = 0;
    for (let n = 0; n < 10; n += 1) verdicts += verdictsOf(detector.pass(600)).length;
    expect(verdicts).toBeGreaterThan(3);
    expect(verdicts).toBeLessThan(15);
  });
});

describe('a verdict', () => {
  it('comes once for all who ask during one trial', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    const effects = [1, 2, 3].flatMap(() => detector.step({ type: 'judge', peer: A }));
    expect(effects).toEqual([]);
    expect(verdictsOf(detector.pass(1000))).toEqual([[A, false]]);
  });

  it('is in favour of a peer that is heard of, if somebody asked', () => {
    const detector = new Detector();
    detector.step({ type: 'judge', peer: A });
    expect(verdictsOf(detector.step({ type: 'heard', peer: A }))).toEqual([[A, true]]);
  });

  it('comes at once about the dead and about this node', () => {
    const detector = new Detector();
    detector.step({ type: 'judge', peer: A });
    detector.pass(1000);
    expect(detector.step({ type: 'judge', peer: A })).toEqual([{ type: 'verdict', peer: A, isAlive: false }]);
    expect(detector.step({ type: 'judge', peer: SELF })).toEqual([{ type: 'verdict', peer: SELF, isAlive: true }]);
  });

  /** Any order of anything; what is answered is up to chance, and mostly nothing is. */
  const word = fc.oneof(
    fc.record({
      type: fc.constantFrom('heard', 'missed', 'lost', 'judge'),
      isSevered: fc.boolean(),
      n: fc.integer({ min: 2, max: 6 }),
      inc: fc.integer({ min: 1, max: 2 }),
    }),
    fc.record({ type: fc.constantFrom('answer', 'silence', 'refusal'), request: fc.nat(60) }),
    fc.record({ type: fc.constant('pass'), ms: fc.nat(120) }),
    fc.record({ type: fc.constant('lagged'), ms: fc.nat(500) }),
  );

  it(`follows every question, once, within two seconds, whatever happens meanwhile (seed ${SEED})`, () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 80 }), fc.nat(), (words, seed) => {
        const detector = new Detector({ predecessor: A, successors: [B, C] }, seed);
        const asked: { readonly atMs: number; readonly of: string; readonly after: number }[] = [];
        for (const next of words) {
          if ('n' in next) {
            const about = peer(next.n, BigInt(next.inc));
            const question = { atMs: detector.nowMs, of: `${about.id} ${about.inc}`, after: detector.verdicts.length };
            if (next.type === 'judge') asked.push(question);
            detector.step({ type: next.type as 'lost', peer: about, isSevered: next.isSevered });
          } else if ('request' in next) {
            const { type, request } = next;
            if (type === 'answer') detector.step({ type: 'probe_answered', request });
            else detector.step(type === 'refusal' ? shut(request) : unanswered(request));
          } else if (next.type === 'pass') detector.pass(next.ms);
          else detector.step({ type: 'lagged', ms: next.ms });
        }
        detector.pass(2000);
        for (const { atMs, of, after } of asked) {
          const verdict = detector.verdicts.slice(after).find((other) => other.of === of);
          expect((verdict?.atMs ?? Number.POSITIVE_INFINITY) - atMs).toBeLessThanOrEqual(2000);
        }
        // Nobody is told that somebody lives who has not asked.
        expect(detector.verdicts.filter(({ isAlive }) => isAlive).length).toBeLessThanOrEqual(asked.length);
        // A neighbour that is quiet may just be tried, but nobody for longer than a trial takes.
        expect(detector.state.trials.filter(({ deadlineMs }) => deadlineMs < detector.nowMs)).toEqual([]);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});

describe('a node that was held up itself', () => {
  it('gives its suspects another trial, but not for ever', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    let extensions = 0;
    for (; detector.standing(A) === 'suspect' && extensions < 20; extensions += 1) {
      detector.nowMs += 190;
      const effects = detector.step({ type: 'lagged', ms: 190 });
      expect(probesOf(effects).length).toBe(extensions < 3 ? 1 : 0);
      detector.pass(20);
    }
    expect(extensions).toBe(5);
    expect(detector.standing(A)).toBe('dead');
  });

  it('gives others more time for a while, the longer it was held up, within bounds', () => {
    const trialAfter = (lags: readonly number[], waitMs: number) => {
      const detector = new Detector();
      detector.step({ type: 'heard', peer: A, rttMs: 1 });
      for (const ms of lags) detector.step({ type: 'lagged', ms });
      detector.nowMs += waitMs;
      detector.step({ type: 'missed', peer: A });
      const beganMs = detector.nowMs;
      detector.pass(3000);
      return (detector.verdicts[0]?.atMs ?? Number.POSITIVE_INFINITY) - beganMs;
    };
    expect(trialAfter([], 0)).toBe(150);
    expect(trialAfter([20], 0)).toBe(150);
    expect(trialAfter([150], 0)).toBe(300);
    expect(trialAfter([150, 60], 0)).toBe(300);
    expect(trialAfter([150], 1000)).toBe(240);
    expect(trialAfter([150], 6000)).toBe(150);
    expect(trialAfter([4000], 0)).toBe(450);
  });

  it('is known by a tick that comes much too late', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    detector.nowMs = 5000;
    const effects = detector.step({ type: 'tick' });
    expect([verdictsOf(effects), probesOf(effects).length]).toEqual([[], 1]);
    expect(detector.step({ type: 'heard', peer: A })).toEqual([{ type: 'cleared', peer: A }]);
  });

  it('is not one whose loop was held up by less than an answer may take', () => {
    const detector = new Detector();
    detector.step({ type: 'missed', peer: A });
    expect(detector.step({ type: 'lagged', ms: 20 })).toEqual([]);
    expect(verdictsOf(detector.pass(201))).toEqual([[A, false]]);
  });
});

describe('rtoOf()', () => {
  const after = (...rtts: number[]) => {
    const detector = new Detector();
    for (const rttMs of rtts) {
      detector.nowMs += 100;
      detector.step({ type: 'heard', peer: A, rttMs });
    }
    return rtoOf(detector.state, A.id);
  };

  it.each<readonly [string, readonly number[], number]>([
    ['is 200 ms for a peer that has not answered yet', [], 200],
    ['is three times the first round trip', [40], 120],
    ['is never below 50 ms', [1, 1, 1], 50],
    ['is never above 400 ms', [300], 400],
    ['comes down to a steady round trip', Array.from({ length: 60 }, () => 80), 81],
  ])('%s', (_what, rtts, expected) => expect(after(...rtts)).toBe(expected));

  it('grows when round trips vary', () => {
    const varied = Array.from({ length: 40 }, (_none, n) => (n % 2 === 0 ? 20 : 80));
    expect(after(...varied)).toBeGreaterThan(after(...varied.map(() => 50)) + 50);
  });
});

describe('neighbours', () => {
  it('are probed when they are quiet: the predecessor, and the list in turn', () => {
    const detector = new Detector({ predecessor: D, successors: [A, B, C] });
    const probed: NodeId[] = [];
    for (let n = 0; n < 80; n += 1) {
      for (const { peer: quiet, request } of probesOf(detector.pass(50))) {
        probed.push(quiet.id);
        detector.step({ type: 'probe_answered', request, from: quiet });
      }
    }
    const times = (of: Peer) => probed.filter((id) => id === of.id).length;
    for (const each of [A, B, C, D]) expect(times(each)).toBeGreaterThanOrEqual(2);
    expect(probed.length).toBeLessThanOrEqual(4 * 3.5);
  });

  it('are not probed while they are heard of anyway', () => {
    const detector = new Detector({ predecessor: D, successors: [A] });
    for (let n = 0; n < 40; n += 1) {
      detector.step({ type: 'heard', peer: A });
      detector.step({ type: 'heard', peer: D });
      expect(detector.pass(100)).toEqual([]);
    }
  });

  it('are dead within a second after they fell silent', () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const detector = new Detector({ successors: [A] }, seed);
      detector.step({ type: 'heard', peer: A, rttMs: 2 });
      detector.pass(1000);
      expect({ seed, standing: detector.standing(A) }).toEqual({ seed, standing: 'dead' });
    }
  });
});

describe('what is remembered', () => {
  it('is bounded: of strangers, those not heard of for longest are forgotten', () => {
    const detector = new Detector();
    detector.step({ type: 'judge', peer: A });
    for (let n = 10; n < 3000; n += 1) {
      detector.nowMs += 0.01;
      detector.step({ type: 'heard', peer: peer(n), rttMs: 100 });
    }
    expect(detector.state.known.size).toBeLessThanOrEqual(1024);
    expect(rtoOf(detector.state, peer(2999).id)).toBe(300);
    expect(detector.standing(A)).toBe('suspect');
  });

  it('does not change with what says nothing new', () => {
    const detector = new Detector();
    detector.step({ type: 'heard', peer: A, rttMs: 5 });
    const before = detector.state;
    detector.step({ type: 'heard', peer: A, rttMs: 6 });
    expect(detector.state).toBe(before);
  });
});
