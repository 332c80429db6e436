/**
 * Led arc: the part of the ring that a node answers for, put together from the views that it leads.
 */
import type { Id } from '../chord/id';
import type { Range } from '../chord/range';
import type { Peer } from '../chord/peer';
import type { View } from './view';
import type { Views } from './views';

/** The newest views that this node leads and votes in, each for its piece. */
export function viewsLed({ holdings, self }: Pick<Views, 'holdings' | 'self'>): readonly View[] {
  return holdings.flatMap(({ view, role }) => (role === 'voter' && view?.primary === self.id ? [view] : []));
}

/** How far back from a node everything is led by it; undefined: not even its own place in the ring is. */
export function ledArc(views: Pick<Views, 'holdings' | 'self'>): Range | undefined {
  const led = viewsLed(views).map(({ arc }) => arc);
  const { id: hi }: Peer = views.self;
  let lo: Id = hi;
  for (let left = led.length; left > 0; left -= 1) {
    const next = led.find((arc) => arc.hi === lo);
    if (next === undefined) break;
    ({ lo } = next);
    // All the way round.
    if (lo === hi) return { lo, hi };
  }
  return lo === hi ? undefined : { lo, hi };
}
