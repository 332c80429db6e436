/**
 * A virtual node: what a process on some machine would be, as an object in a simulated world. The pure
 * cores are those of a real node; what its actors do around them, this does with the world's time
 * and network.
 */
import type { Id, NodeId } from '../chord/id';
import { type NextHop, nextHop, type Pointers } from '../chord/lookup';
import type { Peer } from '../chord/peer';
import { createRing, outsider, type RingMember, stepRing } from '../chord/ring-member';
import type { Answer, Question, RingEffect, RingEvent } from '../chord/ring-protocol';
import { unreachable } from '../unreachable';
import { type Detector, SuspicionDetector, TimeoutDetector } from './detector';
import { type FingerKeeper, FixingKeeper, NO_FINGERS, RefreshKeeper } from './finger-keeper';
import { type LookupHost, type LookupOutcome, lookUp } from './node-lookups';
import { NodeProbe } from './node-probe';
import type { NodeSettings } from './node-settings';
import type { Answering, Asking, AskOutcome, CopyQuestion, Packet } from './packet';
import { answerTo, Questions } from './questions';
import { FingerTable } from '../chord/finger-table';
import { Rounds } from './rounds';
import type { Alarm, Keeper, KeeperHost, Surroundings } from './surroundings';

/** A question of the ring's member that has no outcome yet. */
interface RingAsk {
  readonly to: Peer;
  /** There was no answer, and the detector is to say what that means. */
  readonly isJudged: boolean;
}

/** Coming in is asked of a stranger, of whom no round trip is known. */
const JOIN_TIMEOUT_MS = 1000;
const JOIN_PAUSE_MS = [50, 150] as const;
const PING_FOR_MS = 150;
const ANSWERED_MAX = 64;
const NOBODY: ReadonlySet<NodeId> = new Set();

/** One process of a node, from its start to its end. */
export class VirtualNode implements LookupHost, KeeperHost {
  member: RingMember;
  readonly settings: NodeSettings;
  readonly retries: boolean;
  /** What the ring's member has asked: the number that the core gave it, by that of the message. */
  readonly asks = new Map<number, number>();
  private readonly asked = new Map<number, RingAsk>();
  /** The last questions that it was asked. */
  private readonly answered = new Set<number>();
  /** Who knows contacts to join through, while it tries to. */
  private contacts: (() => readonly Peer[]) | undefined;
  private readonly questions: Questions;
  private readonly detector: Detector;
  private readonly fingers: FingerKeeper;
  private readonly rounds: Rounds;
  private readonly probe: NodeProbe | undefined;
  private readonly keeper: Keeper | undefined;

  constructor(
    readonly self: Peer,
    private readonly world: Surroundings,
    start: { readonly member?: RingMember; readonly fingers?: FingerTable } = {},
  ) {
    const { settings } = world;
    this.settings = settings;
    this.retries = settings.retriesLookups;
    this.member = start.member ?? outsider(self, settings.successorsMax, settings.seeds);
    this.questions = new Questions(self, world);
    this.detector = this.makeDetector();
    this.fingers = this.makeFingers(start.fingers ?? FingerTable.of(self.id));
    this.rounds = new Rounds(world, () => this.round());
    if (settings.ringProbeMs > 0) this.probe = new NodeProbe(settings.ringProbeMs, world, this);
    this.keeper = world.makeKeeper?.(this);
    if (start.member) this.begin();
  }

  private makeDetector(): Detector {
    const { detection } = this.settings;
    const onVerdict = (peer: Peer, isAlive: boolean) => this.judged(peer, isAlive);
    return detection.type === 'timeout'
      ? new TimeoutDetector(detection.timeoutMs, onVerdict)
      : new SuspicionDetector(this.self, detection, this.world, this.questions, onVerdict, (peer) =>
          this.keeper?.verdict(peer, true),
        );
  }

  private makeFingers(table: FingerTable): FingerKeeper {
    const { fingers } = this.settings;
    const find = (target: Id, done: (outcome: LookupOutcome) => void) => lookUp(this, target, done);
    if (fingers.type === 'none') return NO_FINGERS;
    if (fingers.type === 'fixing') {
      const fixer = new FixingKeeper(this.self, fingers.intervalMs, this.world, () => this.member, find);
      fixer.startWith(table);
      return fixer;
    }
    const keeper = new RefreshKeeper(this.self, table, fingers.entries, find);
    keeper.startAt(this.world.random.next(), this.settings.successorsMax);
    return keeper;
  }

  // What the operator does

  /** Makes it the first member of a ring. */
  create(): void {
    const { successorsMax, seeds } = this.settings;
    this.move(createRing(this.self, successorsMax, seeds));
    this.begin();
  }

  /** Has it come in through one contact after the other, until it is in. */
  join(contacts: () => readonly Peer[]): void {
    this.contacts = contacts;
    this.tryToJoin();
  }

  leave(): void {
    this.advance({ type: 'leave' });
  }

  /** Looks up who owns a key. */
  find(key: Id, done: (outcome: LookupOutcome) => void): void {
    lookUp(this, key, done);
  }

  // What others send

  /** Takes a message. */
  receive(packet: Packet): void {
    // An answer is heard with the time that it took: by whoever has asked.
    if (packet.type === 'ask' || packet.type === 'tell') this.detector.heard(packet.from);
    switch (packet.type) {
      case 'ask':
        return this.askedBy(packet, packet.asking);
      case 'tell':
        return this.advance({ type: 'told', from: packet.from, tale: packet.tale });
      case 'answer':
      case 'refusal':
        return this.questions.receive(packet);
      default:
        return unreachable(packet);
    }
  }

  /** A connection to somebody broke, or was refused. */
  lost(peer: Peer): void {
    this.detector.lost(peer);
  }

  private askedBy(packet: Extract<Packet, { type: 'ask' }>, asking: Asking): void {
    if (this.isRepeated(packet.number)) return undefined;
    const reply = (answering: Parameters<typeof answerTo>[2]) =>
      this.world.send(answerTo(packet, this.self, answering));
    if (asking.type === 'find_next') {
      const hop = this.hopFrom(asking.key, asking.excluded);
      return reply(hop ?? { type: 'refused', reason: 'not_a_member' });
    }
    if (asking.type === 'ping_for') {
      this.questions.ask(asking.target, { type: 'ping' }, PING_FOR_MS, ({ type }) => {
        reply(type === 'answered' ? { type: 'pong' } : { type: 'silent' });
      });
      return undefined;
    }
    if (asking.type === 'copies') {
      this.keeper?.asked(packet.from, asking.question, (answer) => reply({ type: 'copies', answer }));
      return undefined;
    }
    this.advance({ type: 'asked', from: packet.from, question: asking, ref: packet.number }, packet);
  }

  /** A question that comes twice is answered once: the second is known by its number, as a connection would know it. */
  private isRepeated(number: number): boolean {
    if (this.answered.has(number)) return true;
    this.answered.add(number);
    const [oldest] = this.answered;
    if (this.answered.size > ANSWERED_MAX && oldest !== undefined) this.answered.delete(oldest);
    return false;
  }

  // Lookups

  /** Where it sends a lookup; undefined while it is in no ring. */
  hopFrom(key: Id, excluded: ReadonlySet<NodeId> = NOBODY): NextHop | undefined {
    return this.member.phase === 'member' ? nextHop(key, this.pointers, excluded) : undefined;
  }

  /** What it answers lookups from. */
  get pointers(): Pointers {
    const { self, successors } = this.member;
    return { self, successors, others: this.fingers.peers.filter(({ id }) => !this.detector.isSuspect(id)) };
  }

  /** Asks somebody for the next hop. */
  ask(peer: Peer, key: Id, excluded: ReadonlySet<NodeId>, done: (outcome: AskOutcome) => void): void {
    this.questions.ask(peer, { type: 'find_next', key, excluded }, this.detector.timeoutMs(peer), (outcome) => {
      this.learnFrom(outcome);
      if (outcome.type === 'failed') this.fingers.dead(peer);
      done(outcome);
    });
  }

  // What keeps copies

  /** Who owns a key, as {@link find} has it. */
  ownerOf(key: Id, done: (owner: Peer | undefined) => void): void {
    lookUp(this, key, ({ owners }) => done(owners[0]));
  }

  /** Asks somebody who keeps copies. */
  askKeeper(peer: Peer, question: CopyQuestion, timeoutMs: number, done: (outcome: AskOutcome) => void): void {
    this.questions.ask(peer, { type: 'copies', question }, timeoutMs, (outcome) => {
      this.learnFrom(outcome);
      done(outcome);
    });
  }

  /** Asks a peer what time it is there. */
  askTime(peer: Peer, done: (time: { readonly systemMs: number; readonly rttMs: number } | undefined) => void): void {
    this.questions.ask(peer, { type: 'ping' }, this.detector.timeoutMs(peer), (outcome) => {
      this.learnFrom(outcome);
      if (outcome.type === 'failed' || outcome.answering.type !== 'pong') return done(undefined);
      const { rttMs, answering } = outcome;
      done(answering.systemMs === undefined ? undefined : { systemMs: answering.systemMs, rttMs });
    });
  }

  /** Whether it has not been found dead. */
  isAlive({ id }: Peer): boolean {
    return !this.detector.isDead(id);
  }

  /** Whether a peer seems to be alive. */
  isTrusted({ id }: Peer): boolean {
    return !this.detector.isSuspect(id);
  }

  /** How long to wait for an answer of a peer. */
  patienceMs(peer: Peer): number {
    return this.detector.timeoutMs(peer);
  }

  /** Does something later, as long as this process lives. */
  after(ms: number, action: () => void): Alarm {
    return this.world.after(ms, action);
  }

  private learnFrom(outcome: AskOutcome): void {
    if (outcome.type === 'answered') this.detector.heard(outcome.from, outcome.rttMs);
    else if (outcome.code === 'unreachable') this.detector.lost(outcome.to);
    else this.detector.missed(outcome.to);
  }

  // The ring

  /** Somebody may be a nearer successor. */
  consider(candidate: Peer): void {
    this.advance({ type: 'consider', candidate });
  }

  /** Tells somebody that this node lies behind it. */
  hint(to: Peer): void {
    this.world.send({ type: 'tell', from: this.self, to, tale: { type: 'hint', between: this.self } });
  }

  private begin(): void {
    this.rounds.begin();
    this.probe?.begin();
    this.watchNeighbours();
  }

  private round(): void {
    this.advance({ type: 'tick' });
    if (this.member.phase === 'member') this.fingers.round(this.member);
  }

  private advance(event: RingEvent, asker?: Extract<Packet, { type: 'ask' }>): void {
    const [member, effects] = stepRing(this.member, event);
    this.move(member);
    for (const effect of effects) this.perform(effect, asker);
  }

  private move(member: RingMember): void {
    const { predecessor, successors, phase } = this.member;
    this.member = member;
    const isSame = member.predecessor === predecessor && member.successors === successors && member.phase === phase;
    if (!isSame) this.world.pointersChanged();
  }

  private perform(effect: RingEffect, asker: Extract<Packet, { type: 'ask' }> | undefined): void {
    switch (effect.type) {
      case 'ask':
        return this.askRing(effect.to, effect.question, effect.request);
      case 'answer':
        if (asker) this.world.send(answerTo(asker, this.self, this.timed(effect.answer)));
        return undefined;
      case 'tell':
        return this.world.send({ type: 'tell', from: this.self, to: effect.to, tale: effect.tale });
      case 'retry_soon':
        return this.contacts ? this.joinAgain() : this.rounds.soon();
      case 'ring_changed':
        return this.ringChanged();
      case 'joined':
        this.contacts = undefined;
        this.begin();
        return this.fingers.joined(this.member);
      case 'join_failed':
        return this.joinAgain();
      default:
        return unreachable(effect);
    }
  }

  /** Who keeps copies says what time it is. */
  private timed(answer: Answer): Answering {
    return answer.type === 'pong' && this.keeper ? { type: 'pong', systemMs: this.keeper.systemMs } : answer;
  }

  private ringChanged(): void {
    this.watchNeighbours();
    this.fingers.ringChanged();
    this.rounds.changed();
    this.keeper?.ringChanged();
  }

  private watchNeighbours(): void {
    const { phase, predecessor, successors, self } = this.member;
    if (phase !== 'member') return this.detector.watch(undefined, []);
    const others = successors.filter(({ id }) => id !== self.id);
    this.detector.watch(predecessor.id === self.id ? undefined : predecessor, others);
  }

  private askRing(to: Peer, question: Question, request: number): void {
    const timeoutMs = question.type === 'join' ? JOIN_TIMEOUT_MS : this.detector.timeoutMs(to);
    this.asked.set(request, { to, isJudged: false });
    const number = this.questions.ask(to, question, timeoutMs, (outcome) => {
      this.asks.delete(number);
      this.learnFrom(outcome);
      if (outcome.type === 'answered') {
        this.asked.delete(request);
        this.advance({ type: 'answered', from: outcome.from, answer: outcome.answering as Answer, request });
        return;
      }
      // A verdict may have come first.
      if (!this.asked.has(request)) return;
      if (this.member.phase === 'member') {
        this.asked.set(request, { to, isJudged: true });
        this.detector.judge(to);
      } else {
        this.asked.delete(request);
        this.advance({ type: 'silent', request });
      }
    });
    this.asks.set(number, request);
  }

  /** Who is alive and gave no answer counts as busy: the step is dropped and tried again. */
  private judged(peer: Peer, isAlive: boolean): void {
    this.keeper?.verdict(peer, isAlive);
    // The death of an earlier incarnation says nothing of what was asked of the one that is there now.
    const isMeant = ({ to, isJudged }: RingAsk) => to.id === peer.id && (isAlive ? isJudged : to.inc <= peer.inc);
    const meant = [...this.asked].filter(([, asked]) => isMeant(asked));
    for (const [request, asked] of meant) {
      this.asked.delete(request);
      if (isAlive) this.advance({ type: 'answered', from: asked.to, answer: { type: 'busy' }, request });
    }
    if (isAlive) return;
    this.fingers.dead(peer);
    this.advance({ type: 'dead', peer });
  }

  // Joining

  private joinAgain(): void {
    this.world.after(this.world.random.between(...JOIN_PAUSE_MS), () => this.tryToJoin());
  }

  /** Looks for its own place, as if it were not there itself, and asks whoever comes before it. */
  private tryToJoin(): void {
    const contact = this.world.random.pick(this.contacts?.() ?? []);
    if (contact === undefined) return this.joinAgain();
    const excluded = new Set([this.self.id]);
    const found = ({ owners, path }: LookupOutcome): void => {
      const before = path.at(-1);
      if (owners.length === 0 || before === undefined) return this.joinAgain();
      const { successorsMax, seeds } = this.settings;
      const { memory, lastRequest } = this.member;
      const met = [contact, ...path, ...owners].filter(({ id }) => id !== this.self.id);
      const known = met.reduce((all, peer) => all.hear(peer), memory);
      this.move({ ...outsider(this.self, successorsMax, seeds), memory: known, lastRequest });
      this.advance({ type: 'join', contact: before });
    };
    lookUp(this, this.self.id, found, { origin: contact, excluded });
  }
}
