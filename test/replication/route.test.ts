/** The way of a request through the ring: what is tried again, what is not, and how it ends. */
import { addressId, type NodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { type BinaryString, EMPTY, fromUtf8, toBuffer } from '../../src/octets';
import type { Done } from '../../src/protocol/rpc-data';
import {
  type Asked,
  GET_PATIENCE_MS,
  HERE_WAIT_MS,
  OTHERS_WAIT_MS,
  type Place,
  REDIRECTS_MAX,
  REST_MS,
  type Route,
  routeOf,
  type RouteEffect,
  type RouteEvent,
  stepRoute,
  WRITE_PATIENCE_MS,
} from '../../src/replication/route';

const peer = (addr: string): Peer => ({ id: addressId(addr), addr, inc: 1n });
const [A, B, C, D, E] = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].map(peer) as [Peer, Peer, Peer, Peer, Peer];
const SELF: NodeId = addressId('self:1');
const DEADLINE_MS = 5000;
const OPS = ['get', 'put', 'delete'] as const;

const HERE: Place = { type: 'here' };
const elsewhere = (at: Peer | undefined): Place => ({ type: 'elsewhere', peer: at });
const done = (fields: Partial<Done> = {}): Done => ({
  type: 'done',
  status: 'success',
  value: EMPTY,
  acks: 1,
  copies: 1,
  degraded: true,
  ...fields,
});

/** A request that is led through its events; time is what the test says. */
class Trip {
  route: Route;
  last: RouteEffect;
  nowMs = 0;

  constructor(asked: Partial<Asked> = {}) {
    const all = { op: 'get', self: SELF, isDirect: false, isForwarded: false, deadlineMs: DEADLINE_MS, valueBytes: 0 };
    this.route = routeOf({ ...all, ...asked } as Asked);
    this.last = { type: 'rest', ms: 0 };
    this.take({ type: 'begun' });
  }

  take(...events: readonly RouteEvent[]): this {
    for (const event of events) [this.route, this.last] = stepRoute(this.route, event, this.nowMs, 0.5);
    return this;
  }

  at(nowMs: number): this {
    this.nowMs = nowMs;
    return this;
  }

  placed = (place: Place) => this.take({ type: 'placed', place });
  fails = (code: string, wasSent: boolean) => this.take({ type: 'failed', failure: { code, wasSent } });
  refers = (hint?: Peer) =>
    this.take({ type: 'answered', answer: hint ? { type: 'not_owner', hint } : { type: 'not_owner' } });
  finds = (owner: Peer | undefined) => this.take({ type: 'looked_up', owner });
  rests = () => this.take({ type: 'rested' });

  /** What is to be done now, in one word or two. */
  get now(): string {
    const { last } = this;
    switch (last.type) {
      case 'send':
        return `send ${last.what} to ${last.to.addr}`;
      case 'finish':
        return last.answer.type === 'done' ? last.answer.status : `not_owner ${last.answer.hint?.addr ?? ''}`.trim();
      default:
        return last.type;
    }
  }

  get text(): string {
    return this.last.type === 'finish' && this.last.answer.type === 'done'
      ? toBuffer(this.last.answer.value).toString()
      : '';
  }
}

const sent = (asked: Partial<Asked> = {}) => new Trip(asked).placed(elsewhere(A));

describe('stepRoute() by the tables of the node', () => {
  it('begins by looking at them', () => {
    expect(new Trip().now).toBe('place');
  });

  it.each(OPS)('serves a %s whose key is here', (op) => {
    expect(new Trip({ op }).placed(HERE).now).toBe('serve');
    const answer = done({ value: fromUtf8('v') });
    expect(new Trip({ op }).placed(HERE).take({ type: 'served', done: answer }).last).toEqual({
      type: 'finish',
      answer,
      hops: 0,
    });
  });

  it('waits while it is being settled who leads the arc, and then asks the ring', () => {
    const trip = new Trip().placed({ type: 'not_yet' });
    for (let ms = 10; ms < HERE_WAIT_MS; ms += 10) {
      expect(trip.now).toBe('rest');
      trip.at(ms).rests().placed({ type: 'not_yet' });
    }
    expect(trip.at(HERE_WAIT_MS).rests().placed({ type: 'not_yet' }).now).toBe('look_up');
    // The ring agrees that it is this node's: there is nothing to do but to wait on.
    expect(trip.finds({ ...A, id: SELF }).now).toBe('rest');
    expect(trip.rests().placed(HERE).now).toBe('serve');
  });

  it('passes on what is elsewhere, and looks up whose it is where nobody is known', () => {
    expect(sent().now).toBe('send request to a:1');
    expect(new Trip().placed(elsewhere(undefined)).now).toBe('look_up');
    expect(new Trip().placed(elsewhere({ ...A, id: SELF })).now).toBe('look_up');
    expect(new Trip().placed(elsewhere(undefined)).finds(B).now).toBe('send request to b:1');
  });

  it('refuses at once where the node is in no ring', () => {
    const trip = new Trip({ op: 'put' }).placed({ type: 'outside' });
    expect([trip.now, trip.text]).toEqual(['not_responsible', 'Cannot put: this node is in no ring']);
  });

  it('names the primary to a client that goes there itself', () => {
    const known = new Trip({ isDirect: true }).placed(elsewhere(A));
    expect([known.now, known.text]).toEqual(['not_responsible', 'a:1']);
    const found = new Trip({ isDirect: true }).placed(elsewhere(undefined)).finds(B);
    expect([found.now, found.text]).toEqual(['not_responsible', 'b:1']);
    expect(new Trip({ isDirect: true }).placed(HERE).now).toBe('serve');
  });
});

describe('stepRoute() of a request that was passed on to it', () => {
  const ASKED = { isForwarded: true } as const;

  it('never passes it on again', () => {
    expect(new Trip(ASKED).placed(elsewhere(A)).now).toBe('not_owner a:1');
    expect(new Trip(ASKED).placed(elsewhere(undefined)).now).toBe('not_owner');
    expect(new Trip(ASKED).placed({ type: 'outside' }).now).toBe('not_owner');
    const trip = new Trip(ASKED).placed({ type: 'not_yet' });
    expect(trip.now).toBe('rest');
    expect(trip.at(HERE_WAIT_MS).rests().placed({ type: 'not_yet' }).now).toBe('not_owner');
    expect(new Trip(ASKED).placed({ type: 'not_yet' }).take({ type: 'expired' }).now).toBe('not_owner');
  });

  it('serves what is here', () => {
    expect(new Trip(ASKED).placed(HERE).now).toBe('serve');
  });
});

describe('stepRoute() after an answer', () => {
  it('gives it to the client, with the number of nodes that it took', () => {
    const answer = done({ status: 'not_found' });
    expect(sent().take({ type: 'answered', answer }).last).toEqual({ type: 'finish', answer, hops: 1 });
    expect(sent().refers(B).take({ type: 'answered', answer }).last).toEqual({ type: 'finish', answer, hops: 2 });
  });

  it.each(OPS)('follows the hints of a %s, but not for ever', (op) => {
    const trip = sent({ op });
    const chain = [B, C, D];
    expect(chain).toHaveLength(REDIRECTS_MAX);
    for (const hint of chain) expect(trip.refers(hint).now).toBe(`send request to ${hint.addr}`);
    expect(trip.refers(E).now).toBe('rest');
    // After a rest it goes on: the ring has had time to agree.
    expect(trip.rests().placed(elsewhere(E)).now).toBe('send request to e:1');
    expect(trip.refers(A).now).toBe('send request to a:1');
  });

  it('rests where the hint leads nowhere, and then asks the ring instead of the same table', () => {
    for (const hint of [undefined, A]) {
      const trip = sent().refers(hint);
      expect(trip.now).toBe('rest');
      expect(trip.rests().placed(elsewhere(A)).now).toBe('look_up');
      expect(trip.finds(A).now).toBe('send request to a:1');
    }
  });

  it('looks at its own tables where the hint is the node itself', () => {
    const own = { ...E, id: SELF };
    expect(sent().refers(own).now).toBe('place');
    expect(sent().refers(own).placed(HERE).now).toBe('serve');
  });

  it('does not run in a circle without a rest', () => {
    const own = { ...E, id: SELF };
    const trip = sent();
    for (let steps = 0; trip.now !== 'rest'; steps += 1) {
      expect(steps).toBeLessThan(20);
      if (trip.now === 'place') trip.placed(elsewhere(A));
      else if (trip.now === 'look_up') trip.finds(A);
      else trip.refers(own);
    }
  });

  const restsOf = (trip: Trip, event: RouteEvent, random: number) =>
    Array.from({ length: 7 }, () => {
      const [route, effect] = stepRoute(trip.route, event, 0, random);
      trip.route = route;
      return effect.type === 'rest' ? effect.ms : undefined;
    });

  it('rests shortly at first, and then longer and longer, up to 25 to 50 ms', () => {
    const lost: RouteEvent = { type: 'looked_up', owner: undefined };
    expect(restsOf(new Trip(), lost, 0)).toEqual([4, 6, 9, 13, 20, 25, 25]);
    expect(restsOf(new Trip(), lost, 0.999)).toEqual([7, 11, 17, 26, 40, 49, 49]);
    expect(REST_MS.most).toBe(25);
  });

  it('looks at its own tables more often, which costs little', () => {
    for (const type of ['not_yet', 'unavailable'] as const) {
      const placed: RouteEvent = { type: 'placed', place: { type, why: '' } };
      expect(restsOf(new Trip(), placed, 0)).toEqual([4, 6, 8, 8, 8, 8, 8]);
      expect(restsOf(new Trip(), placed, 0.999).at(-1)).toBe(15);
    }
  });

  it('goes back to whoever has too much to do only after the longest rest', () => {
    const trip = sent();
    const failure = { code: 'overloaded', wasSent: true };
    expect(stepRoute(trip.route, { type: 'failed', failure }, 0, 0)[1]).toEqual({ type: 'rest', ms: REST_MS.most });
  });
});

describe('stepRoute() after a failure', () => {
  /** What follows for a get, and for a put or a delete. */
  const FAILURES = [
    ['unreachable', false, 'rest', 'rest'],
    ['refused', false, 'rest', 'rest'],
    ['overloaded', false, 'rest', 'rest'],
    ['disconnected', false, 'rest', 'rest'],
    ['timeout', false, 'place', 'place'],
    ['overloaded', true, 'rest', 'rest'],
    ['not_a_member', true, 'rest', 'rest'],
    ['deadline_passed', true, 'rest', 'rest'],
    ['unknown_method', true, 'rest', 'rest'],
    ['bad_request', true, 'rest', 'rest'],
    ['timeout', true, 'place', 'timeout'],
    ['disconnected', true, 'rest', 'timeout'],
    ['bad_answer', true, 'rest', 'timeout'],
    ['internal', true, 'rest', 'timeout'],
    ['something new', true, 'rest', 'timeout'],
  ] as const;
  const FIRST = (asked: Partial<Asked>) => sent(asked);
  const AFTER_A_HINT = (asked: Partial<Asked>) => new Trip(asked).placed(elsewhere(B)).refers(A);
  const AFTER_A_FAILURE = (asked: Partial<Asked>) =>
    new Trip(asked).placed(elsewhere(B)).fails('unreachable', false).rests().placed(elsewhere(A));
  const AFTER_A_LOOKUP = (asked: Partial<Asked>) => new Trip(asked).placed(elsewhere(undefined)).finds(A);

  const cases = FAILURES.flatMap(([code, wasSent, ofGet, ofWrite]) =>
    OPS.flatMap((op) =>
      Object.entries({ FIRST, AFTER_A_HINT, AFTER_A_FAILURE, AFTER_A_LOOKUP }).map(
        ([attempt, lead]) => [code, wasSent, op, attempt, lead, op === 'get' ? ofGet : ofWrite] as const,
      ),
    ),
  );

  it.each(cases)('%s (sent: %s) of a %s, %s', (code, wasSent, op, _attempt, lead, expected) => {
    const trip = lead({ op });
    expect(trip.now).toBe('send request to a:1');
    expect(trip.fails(code, wasSent).now).toBe(expected);
    if (expected === 'timeout') {
      expect(trip.text).toMatch(new RegExp(`^Cannot tell whether the ${op} was done: .*a:1`));
      return;
    }
    // Whoever has failed is asked again only if the ring names him again.
    if (trip.last.type === 'rest') trip.rests();
    if (code === 'overloaded') {
      // It is still the one to ask.
      expect(trip.placed(elsewhere(A)).now).toBe('send request to a:1');
      return;
    }
    expect(trip.placed(elsewhere(A)).now).toBe('look_up');
    expect(trip.finds(B).now).toBe('send request to b:1');
  });

  it('rests when nobody knows the way', () => {
    const trip = new Trip().placed(elsewhere(undefined)).finds(undefined);
    expect(trip.now).toBe('rest');
    expect(trip.rests().now).toBe('place');
  });
});

describe('stepRoute() and time', () => {
  it('gives a node so long to answer, and no longer than there is', () => {
    const patience = (trip: Trip) => (trip.last.type === 'send' ? trip.last.timeoutMs : undefined);
    expect(patience(sent())).toBe(GET_PATIENCE_MS);
    expect(patience(sent({ op: 'put' }))).toBe(WRITE_PATIENCE_MS);
    expect(patience(sent({ op: 'put', valueBytes: 10_000_000 }))).toBe(WRITE_PATIENCE_MS + 1000);
    expect(patience(sent({ op: 'put', deadlineMs: 300.7 }))).toBe(300);
    // A get that a node was too slow for gets more time with the next.
    expect(patience(sent().fails('timeout', true).placed(elsewhere(B)))).toBe(2 * GET_PATIENCE_MS);
    // However often it was held up, it does not stay with one that hangs until its end.
    const tired = new Trip({ deadlineMs: 60_000 });
    for (let n = 0; n < 9; n += 1) tired.placed(HERE).take({ type: 'stuck', written: undefined }).rests();
    expect(patience(tired.placed(elsewhere(B)))).toBe(8 * GET_PATIENCE_MS);
  });

  it('ends at its deadline: what was sent is unknown, what was not is refused', () => {
    const ends = (trip: Trip) => trip.take({ type: 'expired' });
    expect(OPS.map((op) => ends(sent({ op })).now)).toEqual(['timeout', 'timeout', 'timeout']);
    expect(ends(sent({ op: 'get' })).text).toBe('Cannot get: a:1 has not answered in time');
    expect(OPS.map((op) => ends(new Trip({ op }).placed({ type: 'not_yet' })).now)).toEqual([
      'server_error',
      'server_error',
      'server_error',
    ]);
    const refused = ends(sent({ op: 'put' }).fails('unreachable', false));
    expect([refused.now, refused.text]).toEqual(['server_error', 'Cannot put: a:1 cannot be reached']);
    expect(ends(sent().refers()).text).toBe('Cannot get: the ring does not agree on who has the key');
    expect(ends(new Trip().placed(elsewhere(undefined)).finds(undefined)).text).toContain('nobody knows the way');
  });

  it('sends nothing when the time is over', () => {
    const trip = new Trip({ op: 'put' }).at(DEADLINE_MS).placed(elsewhere(A));
    expect(trip.now).toBe('server_error');
  });
});

describe('stepRoute() of what is served here with too few others', () => {
  const unavailable = (trip: Trip) => trip.placed(HERE).take({ type: 'unavailable', why: 'unavailable, for a reason' });

  it.each(OPS)('waits for more of them, and then refuses a %s, which has had no effect', (op) => {
    const trip = new Trip({ op });
    for (let ms = 0; ms < OTHERS_WAIT_MS; ms += 10) {
      expect(unavailable(trip.at(ms)).now).toBe('rest');
      trip.rests();
    }
    expect(unavailable(trip.at(OTHERS_WAIT_MS)).now).toBe('server_error');
    expect(trip.text).toBe(`Cannot ${op}: unavailable, for a reason`);
  });

  it('does the same where the primary is gone, and too few are left to agree on the next one', () => {
    const place: Place = { type: 'unavailable', why: 'unavailable, for a reason' };
    const trip = new Trip({ op: 'put' }).placed(place);
    expect(trip.now).toBe('rest');
    expect(trip.at(OTHERS_WAIT_MS).rests().placed(place).text).toBe('Cannot put: unavailable, for a reason');
  });

  it('refuses it at its deadline, if that is sooner', () => {
    const trip = unavailable(new Trip({ op: 'put' })).take({ type: 'expired' });
    expect([trip.now, trip.text]).toEqual(['server_error', 'Cannot put: unavailable, for a reason']);
  });

  it.each([false, true])(
    'cannot tell of a write that waits for other members at its deadline (passed on: %s)',
    (isForwarded) => {
      const trip = new Trip({ op: 'put', isForwarded }).placed(HERE).take({ type: 'expired', written: done() });
      expect([trip.now, trip.text]).toEqual([
        'timeout',
        'Cannot tell whether the put was done: too few of the nodes that have the key have answered',
      ]);
    },
  );

  it('begins a get again whose members have not answered, and says at its deadline that they have not', () => {
    const trip = new Trip().placed(HERE).take({ type: 'stuck', written: undefined });
    expect(trip.now).toBe('rest');
    expect(trip.rests().now).toBe('place');
    expect(trip.placed(HERE).now).toBe('serve');
    expect(trip.take({ type: 'expired' }).now).toBe('timeout');
    expect(trip.text).toBe('Cannot get: too few of the nodes that have the key have answered');
  });

  it('says so to whoever has passed a get on, who tries it again until its deadline', () => {
    const forwarded = new Trip({ isForwarded: true }).placed(HERE).take({ type: 'stuck', written: undefined });
    expect(forwarded.take({ type: 'expired' }).now).toBe('timeout');
    const trip = sent().take({ type: 'answered', answer: done({ status: 'timeout' }) });
    expect(trip.now).toBe('rest');
    expect(trip.rests().placed(elsewhere(A)).now).toBe('send request to a:1');
    expect(trip.take({ type: 'expired' }).now).toBe('timeout');
    // A write is not tried again.
    expect(sent({ op: 'put' }).take({ type: 'answered', answer: done({ status: 'timeout' }) }).now).toBe('timeout');
  });

  it('does not take a get that is stuck here for one that may be served by another node that was passed it', () => {
    const trip = new Trip({ isForwarded: true }).placed(HERE).take({ type: 'stuck', written: undefined });
    expect(trip.rests().placed(elsewhere(A)).now).toBe('not_owner a:1');
  });
});

describe('stepRoute() of a write that was made here and is not confirmed', () => {
  const version = 'sixteen bytes !!' as BinaryString;
  const WRITTEN = done({ version, acks: 1, copies: 3, degraded: false });
  const stuck = (asked: Partial<Asked> = {}) =>
    new Trip({ op: 'put', ...asked }).placed(HERE).take({ type: 'stuck', written: WRITTEN });
  const moved = (asked: Partial<Asked> = {}) => stuck(asked).rests().placed(elsewhere(A));

  it('goes on for as long as this node leads the arc', () => {
    const trip = stuck();
    for (let times = 0; times < 5; times += 1) {
      expect(trip.now).toBe('rest');
      expect(trip.rests().placed(HERE).now).toBe('serve');
      trip.take({ type: 'stuck', written: WRITTEN });
    }
    const confirmed = done({ version, acks: 2, copies: 3 });
    expect(trip.rests().placed(HERE).take({ type: 'served', done: confirmed }).last).toMatchObject({
      answer: confirmed,
    });
  });

  it('waits while it is being settled who leads the arc, and does not give up before its deadline', () => {
    const trip = stuck().rests().placed({ type: 'not_yet' });
    expect(trip.now).toBe('rest');
    expect(
      trip
        .at(DEADLINE_MS - 1)
        .rests()
        .placed({ type: 'not_yet' }).now,
    ).toBe('rest');
    expect(trip.take({ type: 'unavailable', why: 'unavailable' }).now).toBe('rest');
    expect(trip.at(DEADLINE_MS).take({ type: 'expired' }).now).toBe('timeout');
    expect(trip.text).toMatch(/^Cannot tell whether the put was done: /);
    expect(trip.last).toMatchObject({ answer: { acks: 1, copies: 3, degraded: false } });
  });

  it.each(['success', 'not_found'] as const)(
    'is done where the next primary finds that very version (%s)',
    (status) => {
      expect(moved().now).toBe('send check to a:1');
      const found = done({ status, version, acks: 2, copies: 3 });
      const { acks, copies, degraded } = found;
      const answer = { ...WRITTEN, acks, copies, degraded };
      expect(moved().take({ type: 'answered', answer: found }).last).toMatchObject({ answer, hops: 0 });
    },
  );

  it('is unknown for good where the next primary finds another version, or nothing', () => {
    const other = done({ version: 'another version!' as BinaryString });
    const nothing = done({ status: 'not_found' });
    for (const answer of [other, nothing]) {
      const trip = moved().take({ type: 'answered', answer });
      expect([trip.now, trip.text]).toEqual([
        'timeout',
        'Cannot tell whether the put was done: another node has led its arc since',
      ]);
    }
  });

  it('asks the next primary again after any failure: asking changes nothing', () => {
    for (const code of ['timeout', 'disconnected', 'unreachable', 'internal']) {
      const trip = moved().fails(code, true);
      if (trip.now === 'rest') trip.rests();
      expect(trip.placed(elsewhere(B)).now).toBe('send check to b:1');
    }
    expect(moved().take({ type: 'answered', answer: done({ status: 'server_error' }) }).now).toBe('rest');
    expect(moved().refers(C).now).toBe('send check to c:1');
    expect(moved({ isForwarded: true }).now).toBe('send check to a:1');
    expect(moved({ isDirect: true }).now).toBe('send check to a:1');
    expect(stuck().rests().placed(elsewhere(undefined)).finds(D).now).toBe('send check to d:1');
  });
});
