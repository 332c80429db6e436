/** Quorum writes and reads under whatever order of answers, failures and delays: what never happens. */
import * as fc from 'fast-check';
import type { Peer } from '../../src/chord/peer';
import {
  beginRead,
  type QuorumRead,
  type ReadEffect,
  type ReadEvent,
  stepRead,
} from '../../src/replication/quorum-read';
import {
  type QuorumWrite,
  REMINTS_MAX,
  stepWrite,
  type WriteEffect,
  type WriteEvent,
  writeOf,
} from '../../src/replication/quorum-write';
import { compareVersions } from '../../src/replication/version';
import { quorumOf } from '../../src/replication/view';
import { peerOf, versionBy, viewOf, writerOf } from '../support/small-view';

const PEERS = ['self:1', 'a:1', 'b:1', 'c:1', 'd:1'].map((addr) => peerOf(addr));
const [SELF] = PEERS as [Peer, ...Peer[]];

const sizes = fc.integer({ min: 1, max: PEERS.length });
const others = fc.constantFrom(...PEERS.slice(1));
const trusts = fc.array(fc.boolean(), { minLength: PEERS.length, maxLength: PEERS.length });
const times = fc.integer({ min: 1, max: 4 });

const trustIn = (trust: readonly boolean[]) => (peer: Peer) => trust[PEERS.indexOf(peer)] ?? false;

describe('a quorum write, whatever happens,', () => {
  const events: fc.Arbitrary<WriteEvent> = fc.oneof(
    { weight: 4, arbitrary: others.map((from) => ({ type: 'stored', from }) as const) },
    others.map((to) => ({ type: 'failed', to }) as const),
    others.map((from) => ({ type: 'refused', from }) as const),
    others.map((from) => ({ type: 'stale', from, view: undefined }) as const),
    fc.record({ from: others, ms: times }).map(({ from, ms }) => {
      return { type: 'superseded', from, version: versionBy(from.addr, ms) } as const;
    }),
    fc.constant({ type: 'overdue' } as const),
  );

  it('is confirmed once at most, and only when a majority has said that it has that very version', () => {
    fc.assert(
      fc.property(sizes, trusts, fc.array(events, { maxLength: 40 }), (size, trust, history) => {
        const view = viewOf(PEERS.slice(0, size));
        const placed: WriteEvent = { type: 'placed', view, listeners: [], isAlive: trustIn(trust) };
        let write: QuorumWrite = writeOf(SELF.id, writerOf(SELF.addr));
        const said = new Set([SELF.id]);
        let confirmations = 0;
        let mints = 0;
        const take = (event: WriteEvent) => {
          const wasAwaited = (peer: Peer) => write.awaited.some(({ id }) => id === peer.id);
          if (event.type === 'stored' && wasAwaited(event.from)) said.add(event.from.id);
          const [next, effects] = stepWrite(write, event);
          write = next;
          for (const effect of effects) follow(effect);
        };
        const follow = (effect: WriteEffect) => {
          if (effect.type === 'confirmed') {
            confirmations += 1;
            expect(said.size).toBeGreaterThanOrEqual(quorumOf(size));
          }
          if (effect.type === 'stuck') {
            expect(confirmations).toBe(0);
            expect(said.size + write.awaited.length).toBeLessThan(quorumOf(size));
          }
          if (effect.type !== 'mint_above') return;
          expect(confirmations).toBe(0);
          mints += 1;
          said.clear();
          said.add(SELF.id);
          take({ type: 'minted' });
        };
        take(placed);
        for (const event of history) {
          take(event);
          if (write.state === 'stuck') take(placed);
        }
        expect(confirmations).toBeLessThanOrEqual(1);
        expect(mints).toBeLessThanOrEqual(REMINTS_MAX);
        // Nobody is waited for in vain: it is done, begun again, or somebody still has to answer.
        expect(write.state !== 'open' || write.awaited.length > 0).toBe(true);
      }),
    );
  });
});

describe('a quorum read, whatever happens,', () => {
  const events: fc.Arbitrary<ReadEvent> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .record({ from: others, ms: fc.option(times, { nil: undefined }), isVoter: fc.boolean() })
        .map(({ from, ms, isVoter }) => {
          const version = ms === undefined ? undefined : versionBy(SELF.addr, ms);
          return { type: 'replica', from, isVoter, version } as const;
        }),
    },
    { weight: 2, arbitrary: others.map((from) => ({ type: 'stored', from }) as const) },
    fc.option(times, { nil: undefined }).map((ms) => {
      return { type: 'fetched', version: ms === undefined ? undefined : versionBy(SELF.addr, ms) } as const;
    }),
    others.map((to) => ({ type: 'failed', to }) as const),
    others.map((from) => ({ type: 'stale', from, view: undefined }) as const),
    fc.constant({ type: 'slow' } as const),
  );

  const beginnings = fc.record({
    size: sizes,
    trust: trusts,
    own: fc.option(times, { nil: undefined }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });

  it('ends once at most, and tells only what a majority is known to have, the latest that it has seen', () => {
    fc.assert(
      fc.property(beginnings, fc.array(events, { maxLength: 40 }), ({ size, trust, own, random }, history) => {
        const view = viewOf(PEERS.slice(0, size));
        const ownVersion = own === undefined ? undefined : versionBy(SELF.addr, own);
        const isTrusted = trustIn(trust);
        let ends = 0;
        let read: QuorumRead;
        const follow = (effect: ReadEffect) => {
          if (effect.type !== 'answer' && effect.type !== 'stuck') return;
          ends += 1;
          expect(read.state).toBe('over');
          if (effect.type === 'stuck') return;
          const orders = read.answers.map(({ version }) => compareVersions(version, read.winner));
          const having = orders.every((order) => order === 0) ? read.answers.length : read.holders.length;
          expect(having).toBeGreaterThanOrEqual(quorumOf(size));
          expect(Math.max(...orders)).toBeLessThanOrEqual(0);
        };
        const [begun, first] = beginRead({ view, self: SELF, own: ownVersion, isTrusted, random });
        read = begun;
        for (const effect of first) follow(effect);
        for (const event of history) {
          const [next, effects] = stepRead(read, event);
          read = next;
          for (const effect of effects) follow(effect);
        }
        expect(ends).toBeLessThanOrEqual(1);
        expect(read.state === 'over').toBe(ends === 1);
        expect(read.state === 'over' || read.awaited.length > 0).toBe(true);
      }),
    );
  });
});
