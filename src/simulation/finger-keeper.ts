/**
 * Finger keepers: how a simulated node keeps its shortcuts. One runs the core that a real node runs;
 * the other refreshes entries round by round, as the nodes of both papers' simulators did.
 */
import { FingerTable, fingerTarget, FINGERS } from '../chord/finger-table';
import { type FingerFixingEvent, startFingerFixing, stepFingerFixing } from '../chord/finger-fixing';
import type { Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { RingMember } from '../chord/ring-member';
import { isWholeRing } from '../chord/ring-size';
import type { LookupOutcome } from './node-lookups';
import type { Surroundings } from './surroundings';

/** What a node has of its fingers, and tells them. */
export interface FingerKeeper {
  readonly peers: readonly Peer[];
  /** A round of stabilisation begins. */
  round(member: RingMember): void;
  /** The node has just come into a ring. */
  joined(member: RingMember): void;
  ringChanged(): void;
  /** A peer has died, or a lookup of this node has found it silent. */
  dead(peer: Peer): void;
  learn(peers: readonly Peer[]): void;
}

/** Looks up who owns `target`. */
export type LookUp = (target: Id, done: (outcome: LookupOutcome) => void) => void;

/** A node without shortcuts: its lookups go along successors. */
export const NO_FINGERS: FingerKeeper = {
  peers: [],
  round() {},
  joined() {},
  ringChanged() {},
  dead() {},
  learn() {},
};

const JITTER = 0.2;

/** Fingers as a real node keeps them. */
export class FixingKeeper implements FingerKeeper {
  private fixing;
  peers: readonly Peer[] = [];

  constructor(
    self: Peer,
    private readonly intervalMs: number,
    private readonly world: Surroundings,
    private readonly member: () => RingMember,
    private readonly lookUp: LookUp,
  ) {
    this.fixing = startFingerFixing(self);
    this.wake();
  }

  /** Begins with fingers that somebody else knows to be right. */
  startWith(fingers: FingerTable): void {
    if (fingers.peers.length > 0) this.learn(fingers.peers);
  }

  round(): void {}
  joined(): void {}

  ringChanged(): void {
    this.advance({ type: 'ring_changed' });
  }

  dead(peer: Peer): void {
    this.advance({ type: 'dead', peer });
  }

  learn(peers: readonly Peer[]): void {
    this.advance({ type: 'learnt', peers });
  }

  private wake(): void {
    const ms = this.intervalMs * (1 + JITTER * (2 * this.world.random.next() - 1));
    this.world.after(ms, () => {
      this.wake();
      const member = this.member();
      if (member.phase !== 'member') return;
      this.advance({ type: 'tick', successors: member.successors, isWhole: isWholeRing(member) });
    });
  }

  private advance(event: FingerFixingEvent): void {
    const [fixing, effects] = stepFingerFixing(this.fixing, event, this.world.nowMs);
    const before = this.fixing.table;
    this.fixing = fixing;
    if (fixing.table !== before) this.peers = fixing.table.peers;
    for (const effect of effects) {
      if (effect.type !== 'lookup') continue;
      const { request, target } = effect;
      // In an event of its own, for a lookup that this node can answer itself ends at once.
      this.world.after(0, () => this.lookUp(target, (outcome) => this.lookedUp(request, outcome)));
    }
  }

  private lookedUp(request: number, { owners: [owner, ...rest], path }: LookupOutcome): void {
    if (owner === undefined) return this.advance({ type: 'failed', request });
    this.advance({ type: 'found', request, owner });
    this.advance({ type: 'learnt', peers: [...path, ...rest] });
  }
}

/** Fingers that are refreshed with the rounds of stabilisation: one entry at a time, or all. */
export class RefreshKeeper implements FingerKeeper {
  /** Which finger comes next. */
  private index = 0;
  /** How many rounds are still for the entries of the successor list. */
  private listTurns = 0;
  peers: readonly Peer[];

  constructor(
    private readonly self: Peer,
    private table: FingerTable,
    private readonly entries: 'one' | 'all',
    private readonly lookUp: LookUp,
  ) {
    this.peers = table.peers;
  }

  /** Begins somewhere in a pass, so that nodes are not all at the same finger. */
  startAt(share: number, listLength: number): void {
    const turn = Math.floor(share * (listLength + this.peers.length));
    this.listTurns = Math.max(0, listLength - turn);
    for (let skipped = listLength; skipped < turn; skipped += 1) this.index = this.table.after(this.index);
    if (this.index >= FINGERS) this.index = 0;
  }

  round(member: RingMember): void {
    if (this.entries === 'all') return this.refreshAll(this.takeList(member));
    const unlisted = this.takeList(member);
    // A round takes the whole successor list from the successor; the fingers' turns come after its entries'.
    if (this.listTurns > 0) {
      this.listTurns -= 1;
      return undefined;
    }
    if (this.index < unlisted) this.index = unlisted;
    this.refresh(this.index, (next) => {
      this.index = next >= FINGERS ? 0 : next;
      if (this.index === 0) this.listTurns = member.successors.length;
    });
  }

  ringChanged(): void {}

  /** Whoever comes in looks up all its fingers at once. */
  joined(member: RingMember): void {
    this.refreshAll(this.takeList(member));
  }

  dead(peer: Peer): void {
    if (this.entries === 'one') this.keep(this.table.forget(peer.id));
  }

  learn(): void {}

  private refreshAll(index: number): void {
    this.refresh(index, (next) => {
      if (next < FINGERS) this.refreshAll(next);
    });
  }

  private refresh(index: number, goOn: (next: number) => void): void {
    if (index >= FINGERS) return goOn(index);
    this.lookUp(fingerTarget(this.self.id, index), ({ owners: [owner] }) => {
      // What is looked up in vain stays as it is.
      if (owner) this.keep(this.table.fix(index, owner));
      goOn(this.table.after(index));
    });
  }

  private keep(table: FingerTable): void {
    if (table !== this.table) this.peers = table.peers;
    this.table = table;
  }

  /** The successor list names the fingers up to its end: they are taken from there. Gives the first behind it. */
  private takeList({ successors }: RingMember): number {
    const listed = successors.reduce((table, peer) => table.learn(peer), FingerTable.of(this.self.id));
    let { table } = this;
    let index = 0;
    for (let peer = listed.finger(0); peer; peer = index < FINGERS ? listed.finger(index) : undefined) {
      table = table.fix(index, peer);
      index = listed.after(index);
    }
    this.keep(table);
    return index;
  }
}
