/**
 * Nodes in memory that keep copies under views: the real core of views and real tables.
 *
 * The ring is ideal, but each node is told of it with a delay of its own.
 */
import { type KeyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { Range } from '../../src/chord/range';
import type { ViewAnswer } from '../../src/protocol/rpc-views';
import { compareEpochs } from '../../src/replication/epoch';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { compareTimes, compareVersions, type Version, Writers, writerId } from '../../src/replication/version';
import { isMember } from '../../src/replication/view';
import { mayFetch, noViews, replicaStanding, viewsKnown } from '../../src/replication/views';
import type { SyncJob, SyncOutcome, ViewsEffect, ViewsEvent } from '../../src/replication/views-protocol';
import { stepViews } from '../../src/replication/views-step';
import { MemoryTable } from '../../src/store/memory-table';
import { copied, SmallClients } from './small-clients';
import { SmallNetwork, type ViewNode } from './small-network';
import { name } from './views-drawing';

const BEAT_MS = 100;
const SUCCESSORS = 4;
/** How often a primary compares what it has with the other members, until they agree. */
const COMPARE_MS = 1000;
const EVERYTHING = { recordsMax: 10_000, bytesMax: 1e9 };

export class SmallViews extends SmallNetwork {
  readonly clients = new SmallClients(this);
  /** Longest delay with which a node hears how the ring is. */
  pointersMs = 800;
  private readonly syncMs = 100;
  dropped = 0;
  private readonly writers = new Writers();
  private ports = 0;

  constructor(
    seed: number,
    readonly replicas = 3,
  ) {
    super(seed);
  }

  get inRing(): readonly ViewNode[] {
    return this.alive.filter(({ isIn }) => isIn).sort((a, b) => (a.self.id < b.self.id ? -1 : 1));
  }

  // What a test does

  create(): ViewNode {
    const node = this.start(this.newPeer());
    node.isIn = true;
    this.spreadRing();
    this.run(this.pointersMs + 1);
    this.tell(node, { type: 'create' });
    return node;
  }

  join(again?: Peer): ViewNode {
    const node = this.start(again ? { ...again, inc: again.inc + 1n } : this.newPeer());
    node.isIn = true;
    this.say(`join ${name(node.self)}`);
    this.spreadRing();
    return node;
  }

  kill(node: ViewNode): void {
    this.say(`kill ${name(node.self)}`);
    node.isDead = true;
    for (const other of this.alive) this.mourn(other, node.self);
    this.spreadRing();
  }

  /** Stops a node as SIGSTOP does; the others take it for dead. */
  pause(node: ViewNode, ms: number): void {
    this.say(`pause ${name(node.self)}`);
    node.isPaused = true;
    for (const other of this.alive) if (other !== node) this.mourn(other, node.self);
    this.after(ms, () => {
      this.say(`resume ${name(node.self)}`);
      node.isPaused = false;
      for (const run of node.inbox.splice(0)) run();
      for (const other of this.alive) {
        this.after(300, () => this.tell(other, { type: 'verdict', peer: node.self, isAlive: true }));
      }
    });
  }

  leave(node: ViewNode, deadlineMs = 60_000): void {
    this.say(`leave ${name(node.self)}`);
    this.tell(node, { type: 'leave', deadlineMs: this.nowMs + deadlineMs });
  }

  /** Nothing passes between the two, and each takes the other for dead. */
  partition(a: readonly ViewNode[], b: readonly ViewNode[]): void {
    for (const one of a)
      for (const other of b) {
        this.separate(one.self, other.self);
        this.mourn(one, other.self);
        this.mourn(other, one.self);
      }
    this.spreadRing();
  }

  heal(): void {
    this.reconnect();
    this.spreadRing();
    for (const node of this.alive)
      for (const other of this.alive)
        if (node !== other) this.tell(node, { type: 'verdict', peer: other.self, isAlive: true });
  }

  // What a test looks at

  /** What keeps the ring from being as it should be; undefined: nothing. */
  unsettled(): string | undefined {
    const ring = this.inRing;
    const size = Math.min(this.replicas, ring.length);
    for (const [index, node] of ring.entries()) {
      const { self, views } = node;
      const arc: Range = { lo: ring.at(index - 1)?.self.id ?? self.id, hi: self.id };
      const wanted = Array.from({ length: size }, (_none, n) => ring[(index + n) % ring.length]?.self);
      const [piece, ...more] = views.holdings.filter(({ view }) => view?.primary === self.id);
      if (piece === undefined || more.length > 0)
        return `${name(self)} leads ${more.length === 0 ? 'nothing' : 'more than one piece'}`;
      const isWhole = size === 1 && piece.arc.lo === piece.arc.hi;
      if (!isWhole && (piece.arc.lo !== arc.lo || piece.arc.hi !== arc.hi))
        return `${name(self)} does not lead exactly its arc`;
      const { view } = piece;
      if (!view || compareEpochs(view.epoch, piece.promised) !== 0 || piece.role !== 'voter')
        return `${name(self)} does not serve`;
      if (view.members.length !== size || !wanted.every((peer) => peer && isMember(view, peer)))
        return `${name(self)} has the wrong members`;
      if (view.voters.length !== size) return `not all vote in the view of ${name(self)}`;
      for (const peer of view.members) {
        const member = this.at(peer);
        const [known] = member ? viewsKnown(member.views, arc) : [];
        if (!member || !known || compareEpochs(known.epoch, view.epoch) !== 0)
          return `${name(peer)} does not know the view of ${name(self)}`;
        if (views.lessons.length + views.newcomers.length + views.attempts.length > 0) return `${name(self)} is busy`;
      }
    }
    return undefined;
  }

  // Nodes

  private start(self: Peer): ViewNode {
    const clock = new HybridClock(this.writers.intern(writerId(self.id, self.inc)));
    const node: ViewNode = {
      self,
      views: noViews(self, this.replicas, this.nowMs, 3000),
      table: new MemoryTable(),
      clock,
      isDead: false,
      isPaused: false,
      isIn: false,
      left: undefined,
      cancelled: new Set(),
      inbox: [],
    };
    this.nodes.push(node);
    this.every(node, BEAT_MS, () => this.tell(node, { type: 'tick' }));
    this.every(node, COMPARE_MS, () => this.compareAll(node));
    return node;
  }

  private every(node: ViewNode, ms: number, run: () => void): void {
    const go = () => {
      if (node.isDead) return;
      run();
      this.after(ms, go);
    };
    this.after(ms * this.random(), go);
  }

  /** What anti-entropy does, in one go: whatever a member lacks it gets, and when nobody lacks anything that is said. */
  private compareAll(node: ViewNode): void {
    for (const { arc, epoch, isAgreed } of node.views.leads) {
      const [view] = viewsKnown(node.views, arc);
      if (isAgreed || node.isPaused || view === undefined || compareEpochs(view.epoch, epoch) !== 0) continue;
      const members = view.members.flatMap((peer) => this.at(peer) ?? []);
      const isServed = members.every(
        (member) =>
          !member.isDead &&
          !member.isPaused &&
          !this.isCut(node.self, member.self) &&
          replicaStanding(member.views, arc.hi as KeyId, epoch).type === 'member',
      );
      if (!isServed || viewsKnown(node.views, arc).length !== 1 || view.voters.length < view.members.length) continue;
      for (const from of members) for (const to of members) this.copy(to, from, arc, undefined);
      this.tell(node, { type: 'agreed', arc: view.arc, epoch });
    }
  }

  private newPeer(): Peer {
    this.ports += 1;
    const port = 1000 + this.ports + 100 * this.seed;
    return { id: nodeId('127.0.0.1', port), addr: `127.0.0.1:${port}`, inc: BigInt(65_536 * this.ports) };
  }

  /** Everybody hears how the ring is, sooner or later. Those whom a partition separates have rings of their own. */
  private spreadRing(): void {
    for (const node of this.inRing) {
      this.after(this.pointersMs * this.random(), () => {
        if (node.isDead || !node.isIn) return;
        const ring = this.inRing.filter(({ self }) => !this.isCut(node.self, self));
        const at = ring.indexOf(node);
        const others = [...ring.slice(at + 1), ...ring.slice(0, at)].map(({ self }) => self);
        const successors = others.length === 0 ? [node.self] : others.slice(0, SUCCESSORS);
        const predecessor = others.at(-1) ?? node.self;
        this.tell(node, {
          type: 'ring',
          ring: { isMember: true, predecessor, successors, isSettled: true, isComplete: true },
        });
      });
    }
  }

  /** The failure detector finds out, if it is so still. */
  private mourn(node: ViewNode, dead: Peer): void {
    this.after(300 + 900 * this.random(), () => {
      const other = this.at(dead);
      const isSilent = !other || other.isDead || other.isPaused || this.isCut(node.self, dead);
      if (isSilent) this.tell(node, { type: 'verdict', peer: dead, isAlive: false });
    });
  }

  tell(node: ViewNode, event: ViewsEvent): readonly ViewsEffect[] {
    if (node.isDead) return [];
    if (node.isPaused) {
      if (event.type !== 'tick') node.inbox.push(() => this.tell(node, event));
      return [];
    }
    const [views, effects] = stepViews(node.views, event, this.nowMs, this.random, node.clock.stamp);
    node.views = views;
    for (const effect of effects) this.perform(node, effect);
    return effects;
  }

  private perform(node: ViewNode, effect: ViewsEffect): void {
    switch (effect.type) {
      case 'ask':
        return this.ask(node, effect);
      case 'observe':
        for (const version of effect.versions) node.clock.observe(version, this.wall());
        return;
      case 'sync':
        return this.sync(node, effect.job);
      case 'cancel_sync':
        node.cancelled.add(effect.job);
        return;
      case 'drop': {
        const count = node.table.dropRange(effect.arc, 1000);
        this.dropped += count;
        this.after(1, () => this.tell(node, { type: 'dropped', arc: effect.arc, isAll: count < 1000 }));
        return;
      }
      case 'report':
        if (effect.event === 'possible_loss') this.clients.lose(effect.arc);
        return this.say(
          `${name(node.self)} ${effect.event} (${effect.arc.lo.slice(0, 4)},${effect.arc.hi.slice(0, 4)}] ${effect.members.map(name).join()}`,
        );
      case 'left':
        this.say(`${name(node.self)} left ${effect.outcome}`);
        node.left = effect.outcome;
        return;
      case 'begin_anew':
      case 'answer':
      case 'answer_sealed':
        return;
    }
  }

  private ask(node: ViewNode, { to, question, request }: Extract<ViewsEffect, { type: 'ask' }>): void {
    this.exchange(
      node,
      to,
      (other): ViewAnswer | undefined => {
        const [effect] = this.tell(other, { type: 'asked', from: node.self, question }).filter(
          ({ type }) => type === 'answer' || type === 'answer_sealed',
        );
        if (effect?.type === 'answer_sealed') {
          return { type: 'sealed', pieces: effect.pieces, clock: other.clock.latest };
        }
        return effect?.type === 'answer' ? (effect.answer as ViewAnswer) : undefined;
      },
      (answer) => {
        if (answer !== undefined) this.tell(node, { type: 'answered', request, from: to, answer });
        else this.tell(node, { type: 'failed', request, isRefused: this.at(to)?.isDead === true });
      },
    );
  }

  /** Fetches an arc in one go, after a while. */
  private sync(node: ViewNode, job: SyncJob): void {
    const end = (outcome: SyncOutcome) => {
      if (!node.cancelled.has(job.id)) this.tell(node, { type: 'synced', job: job.id, outcome });
    };
    const { arc, epoch, purpose } = job;
    let floor = job.floor;
    this.question(node, job.source, { type: 'sync_open', arc, epoch, purpose }, (opened, source) => {
      if (opened === undefined || source === undefined) return end('failed');
      if (opened.type !== 'opened') return end('stale');
      floor ??= source.clock.stamp;
      this.after(this.syncMs * this.random(), () => {
        if (node.isDead || node.cancelled.has(job.id)) return;
        if (source.isDead || source.isPaused || this.isCut(node.self, source.self)) return end('failed');
        if (mayFetch(source.views, arc, epoch, node.self) !== 'yes') return end('stale');
        this.copy(node, source, arc, job.mode === 'adopt' ? floor : undefined);
        if (purpose !== 'listen') return end('done');
        this.question(node, job.source, { type: 'sync_ready', arc, epoch }, (answer) =>
          end(answer?.type === 'noted' ? 'done' : 'failed'),
        );
      });
    });
  }

  /** With a floor, whatever is here and not at the source goes, unless the source's node has written it later than that. */
  private copy(node: ViewNode, source: ViewNode, arc: Range, floor: Version | undefined): void {
    for (const record of floor ? [...node.table.walk(arc, undefined, EVERYTHING).records] : []) {
      const theirs = source.table.get(record.key);
      const isNewer = theirs === undefined || compareVersions(record, theirs) > 0;
      const isItsOwn = floor && compareTimes(record, floor) > 0 && record.writer.id === floor.writer.id;
      if (isNewer && !isItsOwn) node.table.forget(record.key, record);
    }
    for (const record of source.table.walk(arc, undefined, EVERYTHING).records) node.table.merge(copied(record));
  }

  private question(
    node: ViewNode,
    to: Peer,
    question: Extract<ViewsEvent, { type: 'asked' }>['question'],
    then: (answer: { readonly type: string } | undefined, source: ViewNode | undefined) => void,
  ): void {
    this.exchange(
      node,
      to,
      (other) => this.tell(other, { type: 'asked', from: node.self, question }).find(({ type }) => type === 'answer'),
      (effect) => then(effect?.type === 'answer' ? effect.answer : undefined, this.at(to)),
    );
  }
}
