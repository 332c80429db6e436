/**
 * One key, a few nodes, and views that change all the time: what src/replication/views-attempt.ts and views-sealing.ts
 * allow, tried out by nodes of the simplest kind.
 *
 * There is no time: whatever is under way may come next, later, twice or never. Nodes restart with empty
 * memory, clocks differ, anybody who may attempts a view with any members. A client's put counts when a majority of
 * the members has it; a get asks a majority of the voters, and writes back what not all of them have. One seed, one
 * history. A rule can be left out, to show that histories then go wrong.
 */
import { type Id, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { randomFrom } from '../../src/otp';
import { compareEpochs, type Epoch } from '../../src/replication/epoch';
import { type Holding, type Holdings, isSealed } from '../../src/replication/holding';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { ABSENT, compareVersions, type Version, writerId, Writers } from '../../src/replication/version';
import { allVote, isMember, quorumOf, updated, type View } from '../../src/replication/view';
import {
  asked,
  type Attempt,
  beginAttempt,
  clocksSeen,
  judge,
  sealedBy,
  sealOf,
  toAsk,
  type Verdict,
  viewMade,
} from '../../src/replication/views-attempt';
import { adoptView, concedeTo, sealPieces } from '../../src/replication/views-sealing';
import type { Operation } from './register-history';

/** What can be left out. */
export type Rule =
  | 'sealed nodes serve nothing'
  | 'the silent are not taken for dead'
  | 'a view needs a majority of the one before'
  | 'merge before a view is made by less than a majority of voters'
  | 'learners merge from as many as the view says'
  | 'reads write back'
  | 'the maker has seen all clocks'
  | 'merge before fewer need be merged'
  | 'whoever has forgotten everything is somebody else';

interface Rec {
  readonly version: Version;
  readonly value: number;
}

interface SmallNode {
  readonly self: Peer;
  readonly clock: HybridClock;
  readonly skewMs: number;
  holdings: Holdings;
  record: Rec | undefined;
  attempt: Attempt | undefined;
  /** Of whom a rescue still waits for what he has. */
  rescuing: Peer[] | undefined;
  /** As a learner: from whom it has merged. */
  merged: Set<string>;
  /** Grows when it is sealed or adopts a view: what it was doing before is over. */
  turn: number;
  isDead: boolean;
}

const POINT = nodeId('10.0.0.0', 1) as Id;
const WHOLE = { lo: POINT, hi: POINT };
const OPERATIONS_MAX = 18;

export class SmallRegister {
  readonly operations: Operation[] = [];
  readonly nodes: SmallNode[] = [];
  /** Whether a view was made that says it may have lost something. */
  isLost = false;
  viewsMade = 0;
  rescues = 0;
  private readonly random: () => number;
  private readonly writers = new Writers();
  private readonly flying: (() => void)[] = [];
  private step = 0;
  private restartsLeft: number;
  /** How likely a message is lost, and how likely the next thing to happen is that one arrives. */
  private readonly loss: number;
  private readonly haste: number;
  /** How likely somebody begins to make a view. */
  private readonly unrest: number;

  constructor(
    seed: number,
    private readonly leftOut?: Rule,
  ) {
    this.random = randomFrom(seed);
    const size = 3 + this.below(4);
    this.restartsLeft = this.below(3);
    this.loss = this.random() * 0.25;
    this.haste = 0.4 + this.random() * 0.4;
    this.unrest = 0.02 + this.random() * 0.15;
    for (let at = 0; at < size; at += 1) this.nodes.push(this.started(at, 1n));
    const members = this.nodes.slice(0, 1 + this.below(4)).map(({ self }) => self);
    const [maker] = members;
    if (maker === undefined) throw new Error('There is no node');
    const view: View = {
      epoch: { n: 1, by: maker.inc },
      arc: WHOLE,
      members,
      primary: maker.id,
      voters: members.map(({ id }) => id),
      syncs: 1,
      floor: ABSENT,
    };
    const first = this.nodes.slice(0, members.length);
    for (const node of first) node.holdings = [{ arc: WHOLE, view, role: 'voter', promised: view.epoch, pending: [] }];
    this.writeFirst(first);
  }

  /** Begins with a write that a majority has. */
  private writeFirst(members: readonly SmallNode[]): void {
    const [primary] = members;
    const minted = primary?.clock.mint(ABSENT, this.nowMs(primary));
    if (!minted?.ok) throw new Error('The clock of the first node stands still');
    const value = this.operations.push({ type: 'put', value: 1, from: 0, to: 0 });
    for (const node of members.slice(0, quorumOf(members.length))) this.merge(node, { version: minted.value, value });
  }

  /** Lets so many things happen. */
  run(steps: number): void {
    for (let left = steps; left > 0 && !this.isLost; left -= 1) {
      this.step += 1;
      if (this.flying.length > 0 && this.random() < this.haste) this.deliver();
      else this.act();
    }
  }

  // Chance

  private below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  private oneOf<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  private deliver(): void {
    const at = this.below(this.flying.length);
    const [run] = this.random() < 0.05 ? [this.flying[at]] : this.flying.splice(at, 1);
    if (run !== undefined && this.random() >= this.loss) run();
  }

  private act(): void {
    const dice = this.random();
    const among = (isFit: (node: SmallNode, holding: Holding) => boolean) =>
      this.oneOf(this.nodes.filter((node) => node.holdings[0] !== undefined && isFit(node, node.holdings[0])));
    const act = (node: SmallNode | undefined, what: (node: SmallNode) => void) => node && what(node);
    if (dice < 0.01 && this.restartsLeft > 0) act(this.oneOf(this.nodes), (node) => this.restart(node));
    else if (dice < 0.15)
      act(
        among((node) => this.ledBy(node) !== undefined),
        (node) => this.serve(node),
      );
    else if (dice < 0.15 + this.unrest)
      act(
        among((_node, { role }) => role !== 'none'),
        (node) => this.begin(node),
      );
    else if (dice < 0.45)
      act(
        among(({ attempt }) => attempt !== undefined),
        (node) => this.goOn(node),
      );
    else if (dice < 0.8)
      act(
        among((_node, { role }) => role === 'learner'),
        (node) => this.learn(node),
      );
    else if (dice < 0.85)
      act(
        among((node) => this.ledBy(node) !== undefined),
        (node) => this.settle(node),
      );
    else
      act(
        among((_node, { view }) => view !== undefined),
        (node) => this.tell(node),
      );
  }

  // Nodes and messages

  private started(at: number, inc: bigint): SmallNode {
    const addr = `10.0.0.${at + 1}:1`;
    const self = { id: nodeId(`10.0.0.${at + 1}`, 1), addr, inc: inc * 100n + BigInt(at) };
    const clock = new HybridClock(this.writers.intern(writerId(self.id, self.inc)));
    const node = { self, clock, skewMs: this.below(900), holdings: [], record: undefined, attempt: undefined };
    return { ...node, rescuing: undefined, merged: new Set(), turn: 0, isDead: false };
  }

  private restart(node: SmallNode): void {
    this.restartsLeft -= 1;
    node.isDead = true;
    const at = Number(node.self.inc % 100n);
    const again = this.started(
      at,
      this.kept('whoever has forgotten everything is somebody else') ? node.self.inc / 100n + 1n : node.self.inc / 100n,
    );
    // With its old identity it takes its old place: it is a voter, and knows nothing.
    if (again.self.inc === node.self.inc) again.holdings = node.holdings;
    this.nodes.splice(this.nodes.indexOf(node), 1, again);
  }

  private kept(rule: Rule): boolean {
    return this.leftOut !== rule;
  }

  private nowMs(node: SmallNode): number {
    return this.step + node.skewMs;
  }

  /** Asks somebody, who answers or does not; the answer counts while the asker is at the same turn. */
  private ask<T>(from: SmallNode, to: Peer, answer: (node: SmallNode) => T | undefined, then: (got: T) => void): void {
    const { turn } = from;
    this.flying.push(() => {
      const node = this.nodes.find(({ self }) => self.id === to.id && self.inc === to.inc);
      const got = node && answer(node);
      if (got === undefined) return;
      this.flying.push(() => {
        if (!from.isDead && from.turn === turn) then(got);
      });
    });
  }

  // Views

  private adopt(node: SmallNode, view: View, take = adoptView): boolean {
    const outcome = take(node.holdings, view, node.self);
    if (outcome.type === 'nack') return false;
    node.holdings = outcome.holdings;
    for (const { role } of outcome.became) {
      if (role === 'learner') node.record = undefined;
      this.turned(node);
    }
    return true;
  }

  private turned(node: SmallNode, isOver = true): void {
    if (isOver) node.turn += 1;
    node.merged = new Set();
    node.attempt = undefined;
    node.rescuing = undefined;
  }

  private begin(node: SmallNode): void {
    const holding = node.holdings[0];
    if (holding === undefined) return;
    if (this.nodes.some(({ attempt }) => attempt !== undefined) && this.random() < 0.8) return;
    if (holding.role === 'learner' && this.random() < 0.7) return;
    const members = [node.self];
    const others = this.nodes.map(({ self }) => self).filter(({ id }) => id !== node.self.id);
    while (others.length > 0 && this.random() < 0.75) members.push(...others.splice(this.below(others.length), 1));
    const epoch = { n: holding.promised.n + 1, by: node.self.inc };
    const own = node.holdings;
    const clock = node.clock.stamp;
    const attempt = beginAttempt({ id: this.step, arc: WHOLE, epoch, members, self: node.self, own, clock, nowMs: 0 });
    if (!this.seal(node, attempt)) return;
    node.attempt = attempt;
    this.goOn(node);
  }

  private seal(node: SmallNode, attempt: Attempt) {
    const before = node.holdings[0]?.promised;
    const outcome = sealPieces(node.holdings, sealOf(attempt));
    if (outcome.type === 'nack') return undefined;
    node.holdings = outcome.holdings;
    const isFirst = before === undefined || compareEpochs(before, attempt.epoch) < 0;
    if (isFirst) this.turned(node, this.kept('sealed nodes serve nothing'));
    return { type: 'sealed' as const, pieces: outcome.pieces, clock: node.clock.latest };
  }

  private goOn(node: SmallNode): void {
    const { attempt } = node;
    if (attempt === undefined) return;
    const again = this.random() < 0.3 ? { ...attempt, asked: [] } : attempt;
    const wanted = toAsk(again);
    node.attempt = wanted.reduce(asked, attempt);
    for (const peer of wanted) {
      this.ask(
        node,
        peer,
        (other) => this.seal(other, attempt),
        (sealed) => {
          if (node.attempt?.epoch.n !== attempt.epoch.n || node.rescuing !== undefined) return;
          node.attempt = sealedBy(node.attempt, peer, sealed);
          this.goOn(node);
        },
      );
    }
    if (node.rescuing === undefined)
      this.conclude(
        node,
        node.attempt,
        judge(node.attempt, (peer) => this.isDead(peer)),
      );
    else this.rescue(node, attempt.epoch);
  }

  private isDead(peer: Peer): boolean {
    const isThere = this.nodes.some(({ self }) => self.id === peer.id && self.inc === peer.inc);
    return !isThere || !this.kept('the silent are not taken for dead');
  }

  private conclude(node: SmallNode, attempt: Attempt, verdict: Verdict): void {
    switch (verdict.type) {
      case 'wait':
        if (!this.kept('a view needs a majority of the one before'))
          this.make(node, attempt, { voters: [node.self.id], syncs: 1 });
        return;
      case 'made':
        if (this.kept('the silent are not taken for dead')) this.isLost ||= verdict.isLoss;
        return this.make(node, attempt, verdict);
      case 'rescue':
        if (this.kept('the silent are not taken for dead')) this.isLost ||= verdict.isLoss;
        if (!this.kept('merge before a view is made by less than a majority of voters'))
          return this.make(node, attempt, { voters: [node.self.id], syncs: 1 });
        node.rescuing = [...verdict.from];
        return this.rescue(node, attempt.epoch);
      case 'hopeless':
        node.attempt = undefined;
        if (verdict.newer !== undefined && this.random() < 0.7) this.adopt(node, verdict.newer, concedeTo);
    }
  }

  private rescue(node: SmallNode, epoch: Epoch): void {
    for (const peer of node.rescuing ?? []) {
      this.ask(
        node,
        peer,
        (other) => {
          const [holding] = other.holdings;
          return holding && compareEpochs(holding.promised, epoch) === 0 ? { record: other.record } : undefined;
        },
        ({ record }) => {
          if (node.attempt === undefined || node.rescuing === undefined) return;
          this.merge(node, record);
          node.rescuing = node.rescuing.filter(({ id }) => id !== peer.id);
          if (node.rescuing.length > 0) return;
          this.rescues += 1;
          this.make(node, node.attempt, { voters: [node.self.id], syncs: 1 });
        },
      );
    }
  }

  private make(node: SmallNode, attempt: Attempt, by: Pick<View, 'voters' | 'syncs'>): void {
    if (this.kept('the maker has seen all clocks'))
      for (const clock of clocksSeen(attempt)) node.clock.observe(clock, this.nowMs(node));
    const view = viewMade(attempt, node.clock.stamp, by);
    if (!this.adopt(node, view)) throw new Error('Nobody has taken over a view that he had promised himself to make');
    this.viewsMade += 1;
    for (const peer of view.members) this.tellTo(node, view, peer);
  }

  private tell(node: SmallNode): void {
    const other = this.oneOf(this.nodes);
    const view = node.holdings[0]?.view;
    if (other !== undefined && view !== undefined) this.tellTo(node, view, other.self);
  }

  private tellTo(node: SmallNode, view: View, peer: Peer): void {
    if (peer.id === node.self.id) return;
    this.ask(
      node,
      peer,
      (other) => this.adopt(other, view),
      () => undefined,
    );
  }

  // Learning

  private learn(node: SmallNode): void {
    const [holding] = node.holdings;
    const { view } = holding ?? {};
    if (!holding || !view || holding.role !== 'learner' || isSealed(holding)) return;
    const primary = view.members.find(({ id }) => id === view.primary);
    const source = node.merged.has(view.primary) ? this.oneOf(view.members) : primary;
    if (source === undefined || source.id === node.self.id || node.merged.has(source.id)) return;
    this.ask(
      node,
      source,
      (other) => (this.serves(other, view.epoch)?.role === 'voter' ? { record: other.record } : undefined),
      ({ record }) => {
        const [now] = node.holdings;
        if (!now?.view || now.role !== 'learner' || compareEpochs(now.view.epoch, view.epoch) !== 0) return;
        this.merge(node, record);
        node.merged.add(source.id);
        const enough = this.kept('learners merge from as many as the view says') ? now.view.syncs : 1;
        if (node.merged.size < enough) return;
        const voting = updated(now.view, { voters: [...now.view.voters, node.self.id], syncs: now.view.syncs });
        node.holdings = [{ ...now, view: voting, role: 'voter' }];
        if (primary !== undefined) this.tellTo(node, voting, primary);
      },
    );
  }

  /** Has all members have what a majority of the voters has; from then on one of them is enough to merge from. */
  private settle(node: SmallNode): void {
    const view = this.ledBy(node);
    if (view === undefined || view.syncs === 1) return;
    const announce = () => {
      const [holding] = node.holdings;
      if (!holding?.view || compareEpochs(holding.view.epoch, view.epoch) !== 0) return;
      node.holdings = [{ ...holding, view: { ...holding.view, syncs: 1 } }];
      for (const peer of view.members) this.tellTo(node, { ...holding.view, syncs: 1 }, peer);
    };
    if (!this.kept('merge before fewer need be merged')) return announce();
    if (!allVote(view)) return;
    this.collect(node, view, (records) => {
      for (const record of records) this.merge(node, record);
      if (node.record === undefined) announce();
      else this.spread(node, view, node.record, view.members.length, announce);
    });
  }

  // Operations

  private serve(node: SmallNode): void {
    const type = this.random() < 0.4 ? 'put' : 'get';
    const view = this.ledBy(node);
    if (view === undefined || this.operations.length >= OPERATIONS_MAX) return;
    const operation: Operation = { type, value: undefined, from: this.step, to: undefined };
    const done = () => {
      operation.to = this.step;
    };
    if (type === 'put') {
      const minted = node.clock.mint(node.record?.version ?? ABSENT, this.nowMs(node));
      if (!minted.ok) return;
      operation.value = this.operations.push(operation);
      this.merge(node, { version: minted.value, value: operation.value });
      this.spread(node, view, { version: minted.value, value: operation.value }, quorumOf(view.members.length), done);
      return;
    }
    this.operations.push(operation);
    this.collect(node, view, (records) => {
      for (const record of records) this.merge(node, record);
      const winner = node.record;
      operation.value = winner?.value;
      const isSame = records.every((each) => each?.value === winner?.value);
      if (winner === undefined || isSame || !this.kept('reads write back')) done();
      else this.spread(node, view, winner, quorumOf(view.members.length), done);
    });
  }

  private ledBy(node: SmallNode): View | undefined {
    const [holding] = node.holdings;
    return holding?.view?.epoch.by === node.self.inc && this.serves(node, holding.view.epoch)
      ? holding.view
      : undefined;
  }

  private serves(node: SmallNode, epoch: Epoch): Holding | undefined {
    const [holding] = node.holdings;
    if (!holding?.view || holding.role === 'none' || compareEpochs(holding.view.epoch, epoch) !== 0) return undefined;
    return isSealed(holding) && this.kept('sealed nodes serve nothing') ? undefined : holding;
  }

  /** What a majority of the voters has, this node itself first. */
  private collect(node: SmallNode, view: View, then: (records: readonly (Rec | undefined)[]) => void): void {
    const got = new Map<string, Rec | undefined>([[node.self.id, node.record]]);
    const needed = quorumOf(view.members.length);
    const check = () => {
      if (got.size === needed) then([...got.values()]);
    };
    for (const peer of view.members) {
      if (peer.id === node.self.id) continue;
      this.ask(
        node,
        peer,
        (other) => (this.serves(other, view.epoch)?.role === 'voter' ? { record: other.record } : undefined),
        ({ record }) => {
          if (got.has(peer.id)) return;
          got.set(peer.id, record);
          check();
        },
      );
    }
    check();
  }

  /** Has so many members have a record. */
  private spread(node: SmallNode, view: View, record: Rec, needed: number, then: () => void): void {
    const having = new Set([node.self.id]);
    const check = () => {
      if (having.size === needed) then();
    };
    for (const peer of view.members) {
      if (peer.id === node.self.id) continue;
      this.ask(
        node,
        peer,
        (other) => {
          if (!isMember(view, other.self) || !this.serves(other, view.epoch)) return undefined;
          this.merge(other, record);
          return other.record?.value === record.value ? true : undefined;
        },
        () => {
          if (having.has(peer.id)) return;
          having.add(peer.id);
          check();
        },
      );
    }
    check();
  }

  private merge(node: SmallNode, record: Rec | undefined): void {
    if (record === undefined) return;
    node.clock.observe(record.version, this.nowMs(node));
    if (node.record === undefined || compareVersions(node.record.version, record.version) < 0) node.record = record;
  }
}
