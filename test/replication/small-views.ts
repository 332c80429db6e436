/**
 * Nodes in memory that keep copies under views: the real core of views, real tables, and a network in which every
 * message takes its own time and may be lost.
 *
 * Virtual time, one seed: the same seed is the same run. The ring is ideal, but each node is told of it with
 * a delay of its own. Clients write and read with majorities, as a coordinator would, and every read has to
 * return at least what was acknowledged before it began.
 */
import { type KeyId, keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange, type Range } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { randomFrom } from '../../src/otp';
import { type ViewAnswer } from '../../src/protocol/rpc-views';
import { compareEpochs } from '../../src/replication/epoch';
import { HybridClock } from '../../src/replication/hybrid-clock';
import {
  compareTimes,
  compareVersions,
  type Version,
  type VersionWords,
  Writers,
  writerId,
} from '../../src/replication/version';
import { isMember, quorumOf, type View } from '../../src/replication/view';
import { mayFetch, noViews, replicaStanding, standingOf, viewsKnown, type Views } from '../../src/replication/views';
import type { SyncJob, SyncOutcome, ViewsEffect, ViewsEvent } from '../../src/replication/views-protocol';
import { stepViews } from '../../src/replication/views-step';
import { MemoryTable } from '../../src/store/memory-table';
import { Record } from '../../src/store/record';

const BEAT_MS = 100;
const SUCCESSORS = 4;
/** How often a primary compares what it has with the other members, until they agree. */
const COMPARE_MS = 1000;
/** When whoever asks hears that nobody answers. */
const SILENCE_MS = 1000;
const EVERYTHING = { recordsMax: 10_000, bytesMax: 1e9 };

export const KEYS = Array.from({ length: 40 }, (_none, n) => fromUtf8(`key-${n}`));
const IDS = new Map(KEYS.map((key) => [key, keyId(key)]));
export const idOf = (key: BinaryString): KeyId => IDS.get(key) ?? keyId(key);

export interface ViewNode {
  readonly self: Peer;
  views: Views;
  readonly table: MemoryTable;
  readonly clock: HybridClock;
  isDead: boolean;
  isPaused: boolean;
  /** In the ring, as the others see it. */
  isIn: boolean;
  left: string | undefined;
  readonly cancelled: Set<number>;
  readonly inbox: (() => void)[];
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class SmallViews {
  readonly nodes: ViewNode[] = [];
  /** The latest acknowledged or read record of each key. */
  readonly acked = new Map<string, VersionWords>();
  readonly problems: string[] = [];
  latencyMaxMs = 20;
  loss = 0;
  /** Longest delay with which a node hears how the ring is. */
  pointersMs = 800;
  syncMs = 100;
  nowMs = 0;
  written = 0;
  writesFailed = 0;
  reads = 0;
  sent = 0;
  dropped = 0;
  losses = 0;
  trace: string[] | undefined;
  private readonly random: () => number;
  private queue: Due[] = [];
  private readonly cut = new Set<string>();
  private readonly writers = new Writers();
  private ports = 0;
  private order = 0;

  constructor(
    readonly seed: number,
    readonly replicas = 3,
  ) {
    this.random = randomFrom(seed);
  }

  get alive(): readonly ViewNode[] {
    return this.nodes.filter(({ isDead }) => !isDead);
  }

  get inRing(): readonly ViewNode[] {
    return this.alive.filter(({ isIn }) => isIn).sort((a, b) => (a.self.id < b.self.id ? -1 : 1));
  }

  /** From 0 up to but not including 1. */
  number(): number {
    return this.random();
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(things: readonly T[]): T | undefined {
    return things[Math.floor(this.random() * things.length)];
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
        this.cut.add(link(one.self, other.self)).add(link(other.self, one.self));
        this.mourn(one, other.self);
        this.mourn(other, one.self);
      }
    this.spreadRing();
  }

  heal(): void {
    this.cut.clear();
    this.spreadRing();
    for (const node of this.alive)
      for (const other of this.alive)
        if (node !== other) this.tell(node, { type: 'verdict', peer: other.self, isAlive: true });
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let due = this.next(endMs); due; due = this.next(endMs)) {
      this.nowMs = due.atMs;
      due.run();
    }
    this.nowMs = endMs;
  }

  runUntil(condition: () => boolean, ms: number): boolean {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      if (condition()) return true;
      this.run(50);
    }
    return condition();
  }

  after(ms: number, run: () => void): void {
    this.order += 1;
    const due = { atMs: this.nowMs + ms, order: this.order, run };
    let low = 0;
    let high = this.queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.queue[middle];
      // The last is the first to come.
      if (other !== undefined && (other.atMs > due.atMs || (other.atMs === due.atMs && other.order < due.order)))
        low = middle + 1;
      else high = middle;
    }
    this.queue.splice(low, 0, due);
  }

  /** A client that writes or reads every so often. */
  keepBusy(everyMs: number, ms: number): void {
    const endMs = this.nowMs + ms;
    const go = () => {
      if (this.chance(0.6)) this.write();
      else this.read();
      if (this.nowMs < endMs) this.after(everyMs, go);
    };
    go();
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

  /** Acknowledged writes that the majority of their view has not. */
  lost(): readonly string[] {
    return [...this.acked].flatMap(([key, version]) => {
      const id = idOf(key as BinaryString);
      const primary = this.alive.find(({ views }) => standingOf(views, id).type === 'primary');
      const standing = primary && standingOf(primary.views, id);
      if (standing?.type !== 'primary') return [`${key} is served by nobody`];
      const holders = standing.view.members.filter((peer) => {
        const record = this.at(peer)?.table.get(key as BinaryString);
        return record && compareVersions(record, version) >= 0;
      });
      return holders.length >= quorumOf(standing.view.members.length)
        ? []
        : [`${key} is at ${holders.map(name).join()} only`];
    });
  }

  show(): string {
    return this.alive
      .map(({ self, views, isIn }) => {
        const pieces = views.holdings
          .filter(({ role, arc }) => role !== 'none' || keysAreLost(this, arc))
          .map(({ arc, view, role, promised }) => {
            const members = view?.members
              .map((peer) => `${name(peer)}${view.voters.includes(peer.id) ? '' : '?'}`)
              .join(',');
            return `(${arc.lo.slice(0, 4)},${arc.hi.slice(0, 4)}]${role} e${view?.epoch.n}<=${promised.n} by ${view ? view.primary.slice(0, 4) : '-'} [${members}] s${view?.syncs}`;
          });
        const { newcomers, lessons, attempts, tells, dues } = views;
        return [
          `  ${name(self)} ${isIn ? '' : 'out'} p=${name(views.ring.predecessor)} s=${views.ring.successors.map(name).join()} dead=${[...views.dead.values()].map(name).join()}`,
          ...pieces,
          `attempts ${attempts.map(({ arc, epoch, members }) => `${arc.lo.slice(0, 4)}-${arc.hi.slice(0, 4)}e${epoch.n}[${members.map(name).join()}]`).join()}`,
          `newcomers ${newcomers.map(({ peer, arc, state }) => `${name(peer)}:${arc.hi.slice(0, 4)}:${state}`).join()}`,
          `lessons ${lessons.map((lesson) => shown(lesson, this.nowMs)).join()}`,
          `tells ${tells.map(({ to }) => name(to)).join()} dues ${dues.map(({ reason, arc, rank }) => `${reason}:${arc.hi.slice(0, 4)}:${rank}`).join()}`,
        ].join('\n    ');
      })
      .join('\n');
  }

  at({ id, inc }: Peer): ViewNode | undefined {
    return this.nodes.find(({ self }) => self.id === id && self.inc === inc);
  }

  // Clients

  write(): void {
    const key = this.pick(KEYS);
    if (key !== undefined) this.operate(key, 0, (node, view, listeners) => this.put(node, view, listeners, key));
  }

  read(): void {
    const key = this.pick(KEYS);
    if (key === undefined) return;
    const floor = this.acked.get(key);
    const { losses } = this;
    this.operate(key, 0, (node, view) =>
      this.get(node, view, key, (found) => {
        this.reads += 1;
        const isOld = floor !== undefined && (found === undefined || compareVersions(found, floor) < 0);
        if (isOld && losses === this.losses) {
          this.problem(`${name(node.self)} read an old ${key} (${idOf(key).slice(0, 4)}) under e${view.epoch.n}`);
        }
        if (found && losses === this.losses) this.acknowledge(found);
      }),
    );
  }

  private operate(
    key: BinaryString,
    tries: number,
    run: (node: ViewNode, view: View, listeners: readonly Peer[]) => void,
  ): void {
    const id = idOf(key);
    for (const node of this.alive) {
      const standing = standingOf(node.views, id);
      // Whoever thinks that it is the primary may be asked, however wrong it is.
      if (standing.type === 'primary' && !node.isPaused && this.chance(0.9)) {
        run(node, standing.view, standing.listeners);
        return;
      }
    }
    if (tries < 50) this.after(50, () => this.operate(key, tries + 1, run));
    else this.writesFailed += 1;
  }

  private put(node: ViewNode, view: View, listeners: readonly Peer[], key: BinaryString): void {
    const minted = node.clock.mint(node.table.get(key) ?? ZERO, this.wall());
    if (!minted.ok) throw new Error('The clock is wrong');
    this.written += 1;
    const record = new Record(idOf(key), key, minted.value, fromUtf8(`value ${this.written}`), undefined, false);
    node.table.merge(record);
    const { losses } = this;
    this.replicate(node, view, listeners, record, () => {
      if (losses === this.losses) this.acknowledge(record);
    });
  }

  private acknowledge(record: Record): void {
    const before = this.acked.get(record.key);
    if (before === undefined || compareVersions(record, before) > 0) this.acked.set(record.key, record);
  }

  /** Calls back once a majority has it. */
  private replicate(node: ViewNode, view: View, listeners: readonly Peer[], record: Record, then: () => void): void {
    let acks = 1;
    const count = () => {
      if (acks === quorumOf(view.members.length)) then();
    };
    count();
    for (const to of [...view.members, ...listeners]) {
      if (to.id === node.self.id) continue;
      this.exchange(
        node,
        to,
        (other) => {
          const standing = replicaStanding(other.views, record.keyId, view.epoch);
          if (standing.type !== 'stale') other.table.merge(record);
          return standing;
        },
        (standing) => {
          if (standing?.type === 'member') {
            acks += 1;
            count();
          }
          if (standing?.type === 'stale') this.staleAt(node, to, view, standing.view);
        },
      );
    }
  }

  private staleAt(node: ViewNode, to: Peer, view: View, known: View | undefined): void {
    if (known && compareEpochs(known.epoch, view.epoch) > 0) this.tell(node, { type: 'heard_of', view: known });
    else if (isMember(view, to)) this.tell(node, { type: 'unaware', peer: to, arc: view.arc });
  }

  private get(node: ViewNode, view: View, key: BinaryString, then: (found: Record | undefined) => void): void {
    const id = idOf(key);
    const answers: (Record | undefined)[] = [];
    const add = (record: Record | undefined) => {
      answers.push(record);
      if (answers.length === quorumOf(view.members.length)) this.decideRead(node, view, answers, then);
    };
    add(copyOf(node, key));
    for (const to of view.members) {
      if (to.id === node.self.id) continue;
      this.exchange(
        node,
        to,
        (other) => ({ standing: replicaStanding(other.views, id, view.epoch), record: copyOf(other, key) }),
        (answer) => {
          if (answer?.standing.type === 'member' && answer.standing.isVoter) add(answer.record);
          if (answer?.standing.type === 'stale') this.staleAt(node, to, view, answer.standing.view);
        },
      );
    }
  }

  /** The newest of them; where they differ, only after a majority has it. */
  private decideRead(
    node: ViewNode,
    view: View,
    answers: readonly (Record | undefined)[],
    then: (found: Record | undefined) => void,
  ): void {
    const winner = answers.reduce((a, b) => (a === undefined || (b && compareVersions(a, b) < 0) ? b : a), undefined);
    if (winner === undefined || answers.every((record) => record && compareVersions(record, winner) === 0)) {
      then(winner);
      return;
    }
    node.table.merge(winner);
    this.replicate(node, view, [], winner, () => then(winner));
  }

  /** Whatever was acknowledged in an arc may be gone. */
  private lose(arc: Range): void {
    this.losses += 1;
    for (const key of KEYS) if (inRange(idOf(key), arc)) this.acked.delete(key);
  }

  private problem(text: string): void {
    if (this.problems.length < 5) this.problems.push(`${this.nowMs.toFixed(0)} ms: ${text}\n${this.show()}`);
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
          !this.cut.has(link(node.self, member.self)) &&
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
        const ring = this.inRing.filter(({ self }) => !this.cut.has(link(node.self, self)));
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
      const isSilent = !other || other.isDead || other.isPaused || this.cut.has(link(node.self, dead));
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
        if (effect.event === 'possible_loss') this.lose(effect.arc);
        return this.say(
          `${name(node.self)} ${effect.event} (${effect.arc.lo.slice(0, 4)},${effect.arc.hi.slice(0, 4)}] ${effect.members.map(name).join()}`,
        );
      case 'left':
        this.say(`${name(node.self)} left ${effect.outcome}`);
        node.left = effect.outcome;
        return;
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
        if (source.isDead || source.isPaused || this.cut.has(link(node.self, source.self))) return end('failed');
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

  // The network

  /** A question and its answer, each of which may be late or lost; `then` hears undefined when there is no answer. */
  private exchange<T>(
    from: ViewNode,
    to: Peer,
    serve: (node: ViewNode) => T | undefined,
    then: (answer: T | undefined) => void,
  ): void {
    this.sent += 1;
    let isOver = false;
    const end = (answer: T | undefined) => {
      if (isOver || from.isDead) return;
      isOver = true;
      then(answer);
    };
    const target = this.at(to);
    const latency = () => this.latencyMaxMs * this.random();
    this.after(target === undefined || target.isDead ? latency() : SILENCE_MS, () => end(undefined));
    if (this.isLost(from.self, to)) return;
    this.after(latency(), () => {
      const node = this.at(to);
      if (node === undefined || node.isDead) return;
      const run = () => {
        const answer = serve(node);
        if (!this.isLost(to, from.self)) this.after(latency(), () => end(answer));
      };
      if (node.isPaused) node.inbox.push(run);
      else run();
    });
  }

  private isLost(from: Peer, to: Peer): boolean {
    return this.cut.has(link(from, to)) || this.chance(this.loss);
  }

  private next(endMs: number): Due | undefined {
    const due = this.queue.at(-1);
    return due && due.atMs <= endMs ? this.queue.pop() : undefined;
  }

  /** The time of day of all of them. */
  private wall(): number {
    return Math.floor(this.nowMs) + 1_000_000;
  }

  private say(text: string): void {
    this.trace?.push(`${this.nowMs.toFixed(0)} ${text}`);
  }
}

export const name = ({ id, inc }: Peer) => `${id.slice(0, 4)}${inc % 65_536n > 0n ? 'x' : ''}`;

const link = (a: Peer, b: Peer) => `${a.id}>${b.id}`;

const ZERO = { word0: 0, word1: 0, writer: new Writers().intern(writerId(nodeId('0', 0), 0)) };

function copyOf({ table }: ViewNode, key: BinaryString): Record | undefined {
  const record = table.get(key);
  return record && copied(record);
}

function copied(
  record: Pick<Record, 'keyId' | 'key' | 'word0' | 'word1' | 'writer' | 'value' | 'expireAtMs' | 'ev'>,
): Record {
  return new Record(record.keyId, record.key, record, record.value, record.expireAtMs, record.ev);
}

function shown(
  { kind, arc, epoch, job, merged, needed, failures, dueAtMs }: Views['lessons'][number],
  nowMs: number,
): string {
  const progress = `${merged.map((id) => id.slice(0, 4)).join('+')}/${needed}`;
  return `${kind}:${arc.hi.slice(0, 4)}:e${epoch.n}${job ? '*' : ''} ${progress} ${failures} failures, due in ${dueAtMs - nowMs}`;
}

/** Whether nobody serves the end of an arc. */
function keysAreLost({ alive }: SmallViews, { hi }: Range): boolean {
  return !alive.some(({ views }) => standingOf(views, hi as KeyId).type === 'primary');
}
