/**
 * Nodes in memory that own arcs: the real cores of the ring and of ownership, real tables, and a network
 * in which every message takes its own time and may be lost.
 *
 * Virtual time, one seed: the same seed is the same run. Whoever asks a dead or paused node learns
 * after a while that it is dead; what is only lost on the way is known to be no death, unless the test
 * spreads false news. Clients write and read at whichever node says that a key is its own. After every event all of
 * the promises are looked at.
 */
import { type Id, type KeyId, keyId, type NodeId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange, rangesOverlap } from '../../src/chord/range';
import { createRing, outsider, type RingMember, stepRing } from '../../src/chord/ring-member';
import type { RingEffect, RingEvent } from '../../src/chord/ring-protocol';
import { randomFrom } from '../../src/otp';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { acceptsReplica, isAwake, type Ownership, ownsNothing, standingOf } from '../../src/replication/ownership';
import type { OwnershipEffect, OwnershipEvent, StraysOutcome } from '../../src/replication/ownership-protocol';
import { stepOwnership } from '../../src/replication/ownership-step';
import { ringView } from '../../src/replication/ring-view';
import { compareVersions, Writers, writerId } from '../../src/replication/version';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { type SyncAnswer } from '../../src/protocol/rpc-sync';
import { answerFrom, drop, isEqual, sliceOf } from '../../actors/arc-table';
import { putLocally } from '../../src/store/local-write';
import { MemoryTable } from '../../src/store/memory-table';
import { compareRecords, type Record } from '../../src/store/record';

/** How the network is, and what the failure detectors make of it. */
export interface Weather {
  readonly latencyMaxMs: number;
  /** From 0 to 1: of questions, and of answers. */
  readonly loss: number;
}

const SILENCE_MS = 250;
const RING_TICK_MS = 500;
const BEAT_MS = 100;
const PROBE_MS = 2000;
/** Few records at a time, so that transfers take many steps. */
const CHUNK = 3;

const KEYS = Array.from({ length: 40 }, (_none, n) => fromUtf8(`key-${n}`));
const IDS = new Map(KEYS.map((key) => [key, keyId(key)]));
const idOf = (key: BinaryString): KeyId => IDS.get(key) ?? keyId(key);

export interface OwnerNode {
  readonly self: Peer;
  member: RingMember;
  ownership: Ownership;
  readonly table: MemoryTable;
  readonly clock: HybridClock;
  isPaused: boolean;
  isDead: boolean;
  /** What has come while it was paused. */
  readonly inbox: (() => void)[];
  left: string | undefined;
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class SmallOwners {
  readonly nodes: OwnerNode[] = [];
  /** The latest acknowledged write of each key. */
  readonly acked = new Map<string, Record>();
  readonly problems: string[] = [];
  /** Whether each key must have an owner, or be on its way to one, at every moment, and its latest write with it. */
  isStrict = true;
  /** Whether nobody but one may serve a key. */
  isExclusive = true;
  nowMs = 0;
  weather: Weather = { latencyMaxMs: 20, loss: 0 };
  served = 0;
  transfers = 0;
  drops = 0;
  trace: string[] | undefined;
  private readonly random: () => number;
  private readonly queue: Due[] = [];
  private readonly cut = new Set<string>();
  private ports = 0;
  private order = 0;
  private isChanged = true;
  private readonly writers = new Writers();

  constructor(readonly seed: number) {
    this.random = randomFrom(seed);
  }

  get alive(): readonly OwnerNode[] {
    return this.nodes.filter(({ isDead }) => !isDead);
  }

  get members(): readonly OwnerNode[] {
    return this.alive.filter(({ member }) => member.phase === 'member');
  }

  /** Those who own something and are not about to go. */
  staying(): readonly OwnerNode[] {
    return this.members.filter(({ ownership }) => ownership.owned && !ownership.leaving && !ownership.isGone);
  }

  /** Those whose address is free. */
  buried(): readonly OwnerNode[] {
    const taken = new Set(this.alive.map(({ self }) => self.id));
    return this.nodes.filter(
      ({ self }, index) =>
        !taken.has(self.id) && this.nodes.findLastIndex((node) => node.self.id === self.id) === index,
    );
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(things: readonly T[]): T | undefined {
    return things[Math.floor(this.random() * things.length)];
  }

  // What a test does

  create(): OwnerNode {
    const self = this.newPeer();
    return this.start(createRing(self, 4));
  }

  /** Brings a node in; with `again`, one that was here before, under its old address and with nothing. */
  join(again?: Peer): OwnerNode {
    const self = again ? { ...again, inc: again.inc + 100n } : this.newPeer();
    const node = this.start(outsider(self, 4));
    this.tryToJoin(node);
    return node;
  }

  kill(node: OwnerNode): void {
    this.say(`kill ${name(node.self)}`);
    node.isDead = true;
    // Its arc is lost with it. All other keys must live on.
    for (const key of KEYS) {
      const { owned, grants } = node.ownership;
      const id = idOf(key);
      const isOwn = owned && inRange(id, owned.arc);
      if (isOwn || grants.some(({ arc, isConfirmed }) => !isConfirmed && inRange(id, arc)) || this.isInTheAir(id))
        this.acked.delete(key);
    }
    for (const other of this.alive) this.mourn(other, node.self);
  }

  /** Stops a node as SIGSTOP does. The others bury it if it takes long. */
  pause(node: OwnerNode, ms: number): void {
    this.say(`pause ${name(node.self)} ${ms.toFixed(0)}`);
    node.isPaused = true;
    for (const other of this.alive) if (other !== node) this.mourn(other, node.self);
    this.after(ms, () => {
      this.say(`resume ${name(node.self)} with ${node.inbox.length}`);
      node.isPaused = false;
      this.isChanged = true;
      for (const run of this.shuffled(node.inbox.splice(0))) run();
    });
  }

  leave(node: OwnerNode, deadlineMs = 8000): void {
    this.say(`leave ${name(node.self)}`);
    this.tell(node, { type: 'leave', deadlineMs: this.nowMs + deadlineMs });
  }

  /** A node that lives is taken for dead by another. */
  slander(by: OwnerNode, about: OwnerNode): void {
    this.say(`${name(by.self)} buries ${name(about.self)}`);
    this.ring(by, { type: 'dead', peer: about.self });
    this.tell(by, { type: 'verdict', peer: about.self, isAlive: false });
  }

  /** Nothing passes between the two. */
  partition(a: readonly OwnerNode[], b: readonly OwnerNode[]): void {
    for (const one of a)
      for (const other of b)
        for (const pair of [
          [one, other],
          [other, one],
        ] as const)
          this.cut.add(link(pair[0].self, pair[1].self));
    for (const one of a)
      for (const other of b) {
        this.mourn(one, other.self);
        this.mourn(other, one.self);
      }
  }

  heal(): void {
    this.cut.clear();
    // What the ring probe would find.
    for (const node of this.members)
      for (const other of this.members)
        if (node !== other) this.ring(node, { type: 'consider', candidate: other.self });
  }

  /** A client writes a key at whoever has it; nobody may. */
  write(): void {
    const key = this.pick(KEYS);
    if (key !== undefined) this.writeKey(key, 0);
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let due = this.next(endMs); due; due = this.next(endMs)) {
      this.nowMs = due.atMs;
      due.run();
      this.check();
    }
    this.nowMs = endMs;
  }

  runUntil(condition: () => boolean, ms: number): boolean {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      if (condition()) return true;
      this.run(20);
    }
    return condition();
  }

  /** Whether everybody in the ring knows all the others. */
  isRound(): boolean {
    const { members } = this;
    const least = Math.min(3, members.length - 1);
    return members.every(
      ({ self, member }) =>
        member.predecessor.id !== self.id &&
        member.successors.filter(({ id }) => id !== self.id && members.some((other) => other.self.id === id)).length >=
          least,
    );
  }

  /** Whether everybody who is in the ring owns exactly what lies between the one before it and itself. */
  isWhole(): boolean {
    const members = [...this.members].sort((a, b) => (a.self.id < b.self.id ? -1 : 1));
    const areIn = this.alive.every(({ member }) => member.phase !== 'outside');
    return (
      areIn &&
      members.every(({ ownership, self }, index) => {
        const before = members.at(index - 1)?.self.id ?? self.id;
        const { owned, isConfirmed, source, receiver } = ownership;
        return owned?.arc.lo === before && isConfirmed && !source && !receiver;
      })
    );
  }

  /** Whether whoever serves a key has its latest acknowledged write. */
  lost(): readonly string[] {
    return [...this.acked].flatMap(([key, record]) => {
      const [owner] = this.serving(record.keyId);
      const held = owner?.table.get(record.key);
      if (owner && held && compareVersions(held, record) >= 0) return [];
      const holders = this.nodes.filter(({ table }) => {
        const copy = table.get(record.key);
        return copy && compareVersions(copy, record) >= 0;
      });
      return [
        `${key} of ${record.keyId.slice(0, 4)} is not at ${owner ? name(owner.self) : 'nobody'} but at ${holders.map(({ self, isDead }) => name(self) + (isDead ? '+' : '')).join(',')}`,
      ];
    });
  }

  // Promises

  serving(key: KeyId): readonly OwnerNode[] {
    return this.alive.filter(
      ({ ownership, isPaused }) =>
        !isPaused && isAwake(ownership.beatMs, this.nowMs) && standingOf(ownership, key).type === 'mine',
    );
  }

  /** Only when something has changed that a promise is about: most events are beats. */
  private check(): void {
    if (!this.isChanged) return;
    this.isChanged = false;
    this.checkDisjoint();
    if (this.isStrict) for (const key of KEYS) this.checkKey(key, idOf(key));
  }

  private checkDisjoint(): void {
    if (!this.isExclusive) return;
    const holders = this.alive.filter(
      ({ ownership, isPaused }) =>
        !isPaused && ownership.owned && ownership.isConfirmed && isAwake(ownership.beatMs, this.nowMs),
    );
    for (const [index, a] of holders.entries()) {
      for (const b of holders.slice(index + 1)) {
        if (a.ownership.owned && b.ownership.owned && rangesOverlap(a.ownership.owned.arc, b.ownership.owned.arc)) {
          this.problem(`${name(a.self)} and ${name(b.self)} own the same keys`);
        }
      }
    }
  }

  private checkKey(key: BinaryString, id: KeyId): void {
    const owners = this.serving(id);
    const [owner] = owners;
    if (owner === undefined) {
      if (!this.isInTheAir(id)) this.problem(`nobody has ${key} (${id.slice(0, 4)})`);
      return;
    }
    const latest = this.acked.get(key);
    const held = owner.table.get(key);
    if (latest && (!held || compareVersions(held, latest) < 0)) {
      this.problem(`${name(owner.self)} serves ${key} without its latest write`);
    }
  }

  /** It was granted, and the new owner has not heard of it yet. */
  private isInTheAir(id: KeyId): boolean {
    return this.alive.some(({ ownership }) =>
      ownership.grants.some(
        ({ arc, to, isConfirmed }) =>
          !isConfirmed &&
          inRange(id, arc) &&
          this.alive.some((node) => node.self.id === to.id && node.ownership.receiver?.stage === 'taking'),
      ),
    );
  }

  private problem(text: string): void {
    if (this.problems.length < 5) this.problems.push(`${this.nowMs.toFixed(0)} ms: ${text}\n${this.show()}`);
  }

  show(): string {
    return [...this.alive]
      .sort((a, b) => (a.self.id < b.self.id ? -1 : 1))
      .map(({ self, member, ownership: o, isPaused }) => {
        const owned = o.owned
          ? `(${o.owned.arc.lo.slice(0, 4)},${o.owned.arc.hi.slice(0, 4)}] e${o.owned.epoch.n}`
          : '-';
        const pointers = `${member.phase} p=${name(member.predecessor)} s=${member.successors.map(name).join(',')}`;
        const sessions = `${o.source ? `source->${name(o.source.to)}` : ''} ${o.receiver ? `${o.receiver.kind}:${o.receiver.stage}<-${name(o.receiver.from)}` : ''}`;
        return `  ${name(self)} ${owned} ${o.isConfirmed ? '' : 'unconfirmed '}${isPaused ? 'paused ' : ''}${pointers} ${sessions} ${o.leaving ? 'leaving' : ''}${o.isGone ? 'gone' : ''} surplus=${o.surplus.map((each) => `(${each.arc.lo.slice(0, 4)},${each.arc.hi.slice(0, 4)}]${each.to ? name(each.to) : '?'}`).join(' ')} gap=${o.gapSinceMs}`;
      })
      .join('\n');
  }

  // Clients

  private writeKey(key: BinaryString, tries: number): void {
    const id = idOf(key);
    const [owner] = this.serving(id);
    if (tries > 100) return;
    const standing = owner && standingOf(owner.ownership, id);
    if (owner === undefined || standing?.type !== 'mine' || standing.sealed) {
      this.after(20, () => this.writeKey(key, tries + 1));
      return;
    }
    this.served += 1;
    const value = fromUtf8(`value ${this.served}`);
    const put = putLocally(owner, { key, value, expireAtMs: undefined, ev: false }, Math.floor(this.nowMs) + 1_000_000);
    if (!put.ok) throw new Error('The clock is wrong');
    const record = put.value;
    this.isChanged = true;
    const acknowledge = () => {
      this.isChanged = true;
      const before = this.acked.get(key);
      if (before === undefined || compareVersions(record, before) > 0) this.acked.set(key, record);
    };
    if (standing.mirror === undefined) return acknowledge();
    const { mirror } = standing;
    this.replicate(owner, mirror, record, (isStored) => {
      if (owner.isDead) return;
      if (!isStored) this.tell(owner, { type: 'mirror_failed', to: mirror });
      acknowledge();
    });
  }

  private replicate(from: OwnerNode, to: Peer, record: Record, then: (isStored: boolean, hint?: Peer) => void): void {
    this.exchange(
      from,
      to,
      (node) => {
        if (!acceptsReplica(node.ownership, record.keyId, from.self.id)) {
          const standing = standingOf(node.ownership, record.keyId);
          return { isStored: false, hint: standing.type === 'elsewhere' ? standing.hint : undefined };
        }
        node.table.merge(record);
        return { isStored: true, hint: undefined };
      },
      (result) => then(result?.isStored ?? false, result?.hint),
    );
  }

  // The network

  /** A question and its answer, each of which may be late or lost; `then` hears undefined when there is no answer. */
  private exchange<T>(
    from: OwnerNode,
    to: Peer,
    serve: (node: OwnerNode) => T | undefined,
    then: (answer: T | undefined) => void,
  ): void {
    let isOver = false;
    const end = (answer: T | undefined) => {
      if (isOver || from.isDead) return;
      isOver = true;
      then(answer);
    };
    const timeoutMs = SILENCE_MS + 100 * this.random();
    this.after(timeoutMs, () => this.at(from, () => end(undefined)));
    if (!this.passes(from.self, to)) return;
    this.after(this.latency(), () => {
      const node = this.nodes.find(({ self, isDead }) => !isDead && self.id === to.id);
      if (node === undefined || node.self.inc !== to.inc) return;
      this.at(node, () => {
        const answer = serve(node);
        if (answer === undefined || !this.passes(node.self, from.self)) return;
        this.after(this.latency(), () => this.at(from, () => end(answer)));
      });
    });
  }

  private passes(from: Peer, to: Peer): boolean {
    return !this.cut.has(link(from, to)) && !this.chance(this.weather.loss);
  }

  private latency(): number {
    return 0.2 + this.random() * this.weather.latencyMaxMs;
  }

  /** Runs at a node, or waits until it goes on. */
  private at(node: OwnerNode, run: () => void): void {
    if (node.isDead) return;
    if (node.isPaused) node.inbox.push(run);
    else run();
  }

  private mourn(who: OwnerNode, dead: Peer): void {
    this.after(SILENCE_MS * (0.9 + 0.8 * this.random()), () =>
      this.at(who, () => {
        if (who.isPaused || who.isDead || this.canHear(who.self, dead)) return;
        this.ring(who, { type: 'dead', peer: dead });
        this.tell(who, { type: 'verdict', peer: dead, isAlive: false });
      }),
    );
  }

  private canHear(who: Peer, whom: Peer): boolean {
    const node = this.alive.find(({ self }) => self.id === whom.id && self.inc === whom.inc);
    return node !== undefined && !node.isPaused && node.member.phase !== 'left' && !this.cut.has(link(who, whom));
  }

  // The ring

  private newPeer(): Peer {
    this.ports += 1;
    return { id: nodeId('127.0.0.1', this.ports), addr: `127.0.0.1:${this.ports}`, inc: BigInt(this.ports) };
  }

  private start(member: RingMember): OwnerNode {
    const { self } = member;
    const node: OwnerNode = {
      self,
      member,
      ownership: ownsNothing(self, this.nowMs),
      table: new MemoryTable(),
      clock: new HybridClock(this.writers.intern(writerId(self.id, self.inc))),
      isPaused: false,
      isDead: false,
      inbox: [],
      left: undefined,
    };
    this.nodes.push(node);
    this.say(`start ${name(self)}`);
    this.every(node, RING_TICK_MS, () => this.ring(node, { type: 'tick' }));
    this.every(node, PROBE_MS, () => this.probe(node));
    this.every(node, BEAT_MS, () => this.tell(node, { type: 'tick' }));
    this.look(node);
    return node;
  }

  private every(node: OwnerNode, ms: number, run: () => void): void {
    this.after(ms * (0.8 + 0.4 * this.random()), () => {
      if (node.isDead) return;
      this.at(node, run);
      this.every(node, ms, run);
    });
  }

  /** What a ring probe finds: somebody who lives, wherever he stands. */
  private probe(node: OwnerNode): void {
    const candidate = this.pick(this.members.filter((other) => this.canHear(node.self, other.self)))?.self;
    if (candidate && candidate.id !== node.self.id) this.ring(node, { type: 'consider', candidate });
  }

  private tryToJoin(node: OwnerNode): void {
    if (node.isDead || node.member.phase !== 'outside') return;
    const others = this.members.filter((other) => other !== node);
    const contact = others.reduce<OwnerNode | undefined>(
      (best, other) =>
        !best || distance(other.self.id, node.self.id) < distance(best.self.id, node.self.id) ? other : best,
      undefined,
    );
    if (contact && node.member.step === undefined) this.ring(node, { type: 'join', contact: contact.self });
    this.after(300, () => this.tryToJoin(node));
  }

  private ring(node: OwnerNode, event: RingEvent): void {
    if (node.isDead) return;
    const [after, effects] = stepRing(node.member, event);
    node.member = after;
    for (const effect of effects) this.performRing(node, effect);
    this.look(node);
  }

  private performRing(node: OwnerNode, effect: RingEffect): void {
    switch (effect.type) {
      case 'ask': {
        const { to, question, request } = effect;
        const isSilent = () => this.ring(node, { type: 'silent', request });
        this.exchange(
          node,
          to,
          (other) => this.askRing(other, node.self, question),
          (answer) => {
            if (answer) this.ring(node, { type: 'answered', from: this.peerAt(to), answer, request });
            else if (this.canHear(node.self, to))
              this.ring(node, { type: 'answered', from: to, answer: { type: 'busy' }, request });
            else isSilent();
          },
        );
        return;
      }
      case 'tell': {
        const { to, tale } = effect;
        if (!this.passes(node.self, to)) return;
        this.after(this.latency(), () => {
          const other = this.alive.find(({ self }) => self.id === to.id);
          if (other) this.at(other, () => this.ring(other, { type: 'told', from: node.self, tale }));
        });
        return;
      }
      case 'retry_soon':
        this.after(100 * this.random(), () => this.at(node, () => this.ring(node, { type: 'tick' })));
        return;
      default:
    }
  }

  private askRing(node: OwnerNode, from: Peer, question: Extract<RingEffect, { type: 'ask' }>['question']) {
    if (node.member.phase === 'left') return undefined;
    const ref = 0;
    const [after, effects] = stepRing(node.member, { type: 'asked', from, question, ref });
    node.member = after;
    const answer = effects.find((effect) => effect.type === 'answer');
    for (const effect of effects) if (effect.type !== 'answer') this.performRing(node, effect);
    this.look(node);
    return answer?.type === 'answer' ? answer.answer : undefined;
  }

  private peerAt(peer: Peer): Peer {
    const { id } = peer;
    const known = this.alive.find(({ self }) => self.id === id) ?? this.nodes.find(({ self }) => self.id === id);
    return known?.self ?? peer;
  }

  /** Ownership sees the new pointers. */
  private look(node: OwnerNode): void {
    this.tell(node, { type: 'ring', ring: ringView(node.member) });
  }

  // Ownership

  private tell(node: OwnerNode, event: OwnershipEvent): void {
    this.at(node, () => void this.step(node, event));
  }

  /** One event; gives the answer where it was a question. */
  private step(node: OwnerNode, event: OwnershipEvent): SyncAnswer | undefined {
    let answer: SyncAnswer | undefined;
    const events: OwnershipEvent[] = [event];
    for (let next = events.shift(); next; next = events.shift()) {
      const [after, effects] = stepOwnership(node.ownership, next, this.nowMs, this.random);
      this.isChanged ||= isOther(node.ownership, after);
      node.ownership = after;
      for (const effect of effects) {
        switch (effect.type) {
          case 'answer':
            answer = effect.answer;
            break;
          case 'answer_opened':
          case 'answer_sealed':
          case 'answer_granted':
            answer = answerFrom(node, effect);
            break;
          case 'answer_chunk':
            answer = { type: 'chunk', ...sliceOf(node.table, effect.arc, effect.after, CHUNK) };
            break;
          default: {
            const follows = this.perform(node, effect);
            if (follows) events.push(follows);
          }
        }
      }
    }
    return answer;
  }

  private perform(node: OwnerNode, effect: OwnershipEffect): OwnershipEvent | undefined {
    const { table } = node;
    switch (effect.type) {
      case 'ask': {
        const { to, question, request } = effect;
        this.askOwner(node, to, question, request, undefined);
        return undefined;
      }
      case 'push': {
        const { to, session, arc, request } = effect;
        const { records, after } = sliceOf(table, arc, effect.after, CHUNK);
        if (records.length === 0) return { type: 'answered', request, from: to, answer: { type: 'pushed' } };
        this.askOwner(node, to, { type: 'sync_push', session, records }, request, after);
        return undefined;
      }
      case 'store':
        for (const record of effect.records) table.merge(record);
        return undefined;
      case 'compare':
        return { type: 'compared', request: effect.request, isEqual: isEqual(table, effect.arc, effect.digest) };
      case 'send_strays':
        this.sendStrays(node, effect);
        return undefined;
      case 'drop':
        this.drops += 1;
        this.checkDrop(node, effect.arc);
        return { type: 'dropped', arc: effect.arc, isAll: drop(table, effect.arc) };
      case 'wake':
        this.after(effect.afterMs, () => this.tell(node, { type: 'woken' }));
        return undefined;
      case 'left':
        node.left = effect.outcome;
        this.after(1, () => this.at(node, () => this.ring(node, { type: 'leave' })));
        this.after(1000, () => {
          node.isDead = true;
          for (const other of this.alive) this.mourn(other, node.self);
        });
        this.say(`left ${name(node.self)} ${effect.outcome}`);
        return undefined;
      case 'report':
        if (effect.event === 'arc_received') this.transfers += 1;
        this.say(
          `${effect.event} ${name(node.self)} (${effect.arc.lo.slice(0, 4)},${effect.arc.hi.slice(0, 4)}] ${effect.peer ? name(effect.peer) : ''}`,
        );
        return undefined;
      default:
        throw new Error(`Nobody performs ${effect.type} here`);
    }
  }

  private askOwner(
    node: OwnerNode,
    to: Peer,
    question: Extract<OwnershipEffect, { type: 'ask' }>['question'],
    request: number,
    after: Id | undefined,
  ): void {
    this.exchange(
      node,
      to,
      (other) => this.step(other, { type: 'asked', from: node.self, question }),
      (answer) => {
        if (answer?.type === 'granted') node.clock.observe(answer.clock, Math.floor(this.nowMs) + 1_000_000);
        const event: OwnershipEvent = answer
          ? { type: 'answered', request, from: this.peerAt(to), answer, after }
          : { type: 'failed', request };
        void this.step(node, event);
      },
    );
  }

  private sendStrays(node: OwnerNode, { to, arc, request }: Extract<OwnershipEffect, { type: 'send_strays' }>): void {
    const slice = sliceOf(node.table, arc, undefined, 1);
    const [record] = slice.records;
    const tell = (outcome: StraysOutcome) => this.tell(node, { type: 'strays_sent', request, outcome });
    if (record === undefined) return this.after(0, () => tell({ type: 'stored', after: undefined }));
    this.replicate(node, to, record, (isStored, hint) => {
      if (isStored) tell({ type: 'stored', after: slice.after });
      else tell({ type: 'not_owner', hint });
    });
  }

  /** What is dropped must be somewhere else as well. */
  private checkDrop(node: OwnerNode, arc: Parameters<typeof drop>[1]): void {
    for (const record of sliceOf(node.table, arc, undefined, 1000).records) {
      const copies = this.alive.filter((other) => {
        const copy = other !== node && other.table.get(record.key);
        return copy && compareRecords(copy, record) >= 0;
      });
      if (copies.length === 0) this.problem(`${name(node.self)} drops the last copy of ${record.key}`);
    }
  }

  // Time

  after(ms: number, run: () => void): void {
    this.order += 1;
    const due: Due = { atMs: this.nowMs + ms, order: this.order, run };
    let low = 0;
    let high = this.queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      // The last is the first to come.
      if ((this.queue[middle]?.atMs ?? 0) > due.atMs) low = middle + 1;
      else high = middle;
    }
    this.queue.splice(low, 0, due);
  }

  private next(endMs: number): Due | undefined {
    const due = this.queue.at(-1);
    return due && due.atMs <= endMs ? this.queue.pop() : undefined;
  }

  private shuffled<T>(things: T[]): T[] {
    return things
      .map((thing) => ({ thing, at: this.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ thing }) => thing);
  }

  private say(text: string): void {
    this.trace?.push(`${this.nowMs.toFixed(0)} ${text}`);
  }
}

export const name = ({ id }: Pick<Peer, 'id'>) => id.slice(0, 4);

const isOther = (a: Ownership, b: Ownership) =>
  a.owned !== b.owned ||
  a.isConfirmed !== b.isConfirmed ||
  a.source !== b.source ||
  a.receiver?.stage !== b.receiver?.stage ||
  a.grants !== b.grants;

const link = (a: Peer, b: Peer) => `${a.id}>${b.id}`;

function distance(from: NodeId, to: NodeId): bigint {
  const size = 1n << 160n;
  return (BigInt(`0x${to}`) - BigInt(`0x${from}`) + size) % size;
}
