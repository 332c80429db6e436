/** Key lookup: the way from this node to the owner of a key, and how long each step of it took. */
import type { KeyId } from '../chord/id';
import { type LookupEffect, type LookupEvent, type LookupFailure, startLookup, stepLookup } from '../chord/lookup';
import type { Peer } from '../chord/peer';
import { inRange } from '../chord/range';
import { err, ok, type Result } from '../result';
import type { HopInfo, LookupInfo } from './answers';
import { type Description, peerInfo, type RingView } from './ring-view';

/** Far more than 2·log2 N and the length of any successor list. */
const ASKS_MAX = 128;

/** What is found about a key, without the key. */
export type Found = Omit<LookupInfo, 'key64' | 'keyId'>;

/** Looks the owner of a key up, from `self` on. The owner itself is asked last, whether it says so too. */
export async function lookUp(view: RingView, self: Description, key: KeyId): Promise<Result<Found, LookupFailure>> {
  const startMs = view.nowMs();
  const finish = (path: readonly HopInfo[], confirmed: boolean): Result<Found, LookupFailure> => {
    const owner = path.at(-1) ?? self.self;
    return ok({
      owner: peerInfo(owner),
      confirmed,
      path,
      hops: path.length - 1,
      tookMs: round(view.nowMs() - startMs),
    });
  };
  // A member that is asked for what it owns itself would send the asker all round the ring.
  if (owns(self, key)) return finish([{ ...peerInfo(self.self), tookMs: 0 }], true);
  const way = await findOwner(view, self.self, key);
  if (!way.ok) return way;
  const { owner, path, tookMs } = way.value;
  const askedAtMs = view.nowMs();
  const description = owner.id === self.self.id ? self : await view.describe(owner);
  const last = { ...peerInfo(owner), tookMs: round(view.nowMs() - askedAtMs) };
  const steps = path.map((peer) => ({ ...peerInfo(peer), tookMs: round(tookMs.get(peer.id) ?? 0) }));
  return finish([...steps, last], description !== undefined && owns(description, key));
}

/** The owner, those who were asked before it, and how long each of them took. */
interface Way {
  readonly owner: Peer;
  readonly path: readonly Peer[];
  readonly tookMs: ReadonlyMap<string, number>;
}

async function findOwner(view: RingView, self: Peer, key: KeyId): Promise<Result<Way, LookupFailure>> {
  const tookMs = new Map<string, number>();
  let [lookup, effect]: ReturnType<typeof startLookup> = startLookup(key, self, ASKS_MAX);
  while (effect.type === 'ask') {
    const { peer, excluded } = effect;
    const askedAtMs = view.nowMs();
    const hop = await view.findNext(peer, key, excluded);
    tookMs.set(peer.id, view.nowMs() - askedAtMs);
    const event: LookupEvent = hop ? { type: 'answered', from: peer.id, hop } : { type: 'timed_out', peer: peer.id };
    const [next, then] = stepLookup(lookup, event);
    lookup = next;
    effect = then ?? NO_ROUTE;
  }
  if (effect.type === 'failed') return err(effect.code);
  return ok({ owner: effect.owner, path: effect.path, tookMs });
}

/** An answer that is waited for always leads on; without one there would be nothing to wait for. */
const NO_ROUTE: LookupEffect = { type: 'failed', code: 'no_route', path: [] };

const owns = ({ arcs }: Description, key: KeyId) => arcs.some((arc) => inRange(key, arc));

const MICROSECOND_DIGITS = 1000;

const round = (ms: number) => Math.round(ms * MICROSECOND_DIGITS) / MICROSECOND_DIGITS;
