/**
 * Joiner: the process that brings this node into a ring.
 *
 * There is one for each attempt, and it ends with it. It asks one contact after the other: who are
 * you, and who would come before me? Then the ring state asks that one to let this node in. What
 * a moment may mend (nobody listens yet, the contact is still joining itself, somebody is busy) is
 * tried again for a while, with random pauses, so that nodes that are started together do not stand
 * in each other's way; what it cannot mend (another cluster, no FunnelKVS node) ends the attempt for
 * that contact. Nothing hangs: whatever happens, the attempt is over after `JOIN_TIMEOUT_MS`.
 *
 * A node whose clock has been set back since it last was in the ring joins as well; members that
 * remember its later incarnation then go on naming that one until they have heard from it anew.
 */
import { lookup as resolveHost } from 'node:dns/promises';
import { isIP } from 'node:net';
import { addressId, nodeAddress } from '../src/chord/id';
import type { Peer } from '../src/chord/peer';
import { parseAddress } from '../src/client/address';
import { currentRuntime, type Self, spawn, TIMEOUT } from '../src/otp';
import type { RpcQuestion } from '../src/protocol/rpc-messages';
import { isBeyond, sampleOf } from '../src/replication/clock-watch';
import { MAX_DRIFT_MS_DEFAULT } from '../src/replication/hybrid-clock';
import { err, ok, type Result } from '../src/result';
import { type LookupOutcome, Lookups } from './lookups';
import * as peerLink from './peer-link';
import * as ringState from './ring-state';

// API

/** Why a node cannot join. */
export type JoinErrorCode =
  /** The contact's address refuses connections. */
  | 'nobody_listens'
  /** The contact does not answer. */
  | 'no_answer'
  /** The contact is no FunnelKVS node, or one that speaks another version. */
  | 'not_a_node'
  /** The contact belongs to another cluster. */
  | 'other_cluster'
  /** The contact keeps another number of copies of each key. */
  | 'other_replicas'
  /** The clocks of the contact and of this node are too far apart. */
  | 'clock_skew'
  /** The contact is this node. */
  | 'this_node'
  /** Another node answers under the contact's address. */
  | 'other_node'
  /** The contact is in no ring, or on its way out of one. */
  | 'not_a_member'
  /** A node with another address has this one's identifier. */
  | 'id_taken'
  /** This node is in a ring with others already, or has left one. */
  | 'in_a_ring'
  /** This node holds keys of its own, which are no part of the other ring. */
  | 'has_data'
  /** The ring did not let this node in, in the time there was. */
  | 'timeout';

/** Why a node could not join, and a sentence for people. */
export interface JoinError {
  readonly code: JoinErrorCode;
  readonly message: string;
}

/** Longest that an attempt to join takes: as long as a dozen nodes that are started at once may need on a busy machine. */
export const JOIN_TIMEOUT_MS = 30_000;

export interface Options {
  readonly self: Peer;
  /** How long to go on where a moment may mend what is wrong. @default 3000 */
  readonly patienceMs?: number;
  /** How far the contact's clock and this node's may be apart. @default 1000 */
  readonly maxDriftMs?: number;
  /** From 0 to 1. @default Math.random */
  readonly random?: () => number;
}

/** Brings this node into the ring of the first contact through which it can be reached. To be called inside a runtime. */
export function join(contacts: readonly string[], options: Options): Promise<Result<undefined, JoinError>> {
  const runtime = currentRuntime();
  return new Promise((resolve) => {
    const body = async (worker: Self<unknown>) => {
      // However the process ends, somebody waits for it.
      worker.openPort(() => resolve(err({ code: 'timeout', message: 'Cannot join: the attempt was ended' })));
      resolve(await new Attempt(worker, options).run(contacts));
    };
    spawn(runtime, body, { initialCall: 'joiner:join/2' });
  });
}

// Internal

/** What is wrong with one contact, as it reads on after "Cannot join through HOST:PORT: ". */
interface Fault {
  readonly code: JoinErrorCode;
  readonly text: string;
  /** What may mend it: a moment, for a contact that is there and does its best, more time; or nothing. */
  readonly mend: 'at_once' | 'in_time' | 'never';
}

type Outcome = 'joined' | Fault;

type Found = Extract<LookupOutcome, { ok: true }>;

const PATIENCE_MS = 3000;
/** Of strangers no round trip is known, and a node that has just been started is slow. */
const ASK_TIMEOUT_MS = 1000;
const LOOKUP_TIMEOUT_MS = 3000;
const EXPIRE_EVERY_MS = 100;
const PAUSE_LEAST_MS = 20;
const PAUSE_MOST_MS = 100;
const PAUSES_PER_STEP = 10;
const PAUSE_LIMIT_MS = 500;

class Attempt {
  private readonly untilMs: number;
  private readonly patientUntilMs: number;
  private readonly lookups: Lookups;
  private asks = 0;
  /** How often somebody was asked to let this node in. */
  private tries = 0;
  private pauses = 0;
  /** Contacts that have answered once: what is wrong with them now is that they are busy. */
  private readonly met = new Set<string>();

  constructor(
    private readonly worker: Self<unknown>,
    private readonly options: Options,
  ) {
    this.untilMs = worker.nowMs() + JOIN_TIMEOUT_MS;
    this.patientUntilMs = worker.nowMs() + (options.patienceMs ?? PATIENCE_MS);
    this.lookups = new Lookups(worker);
  }

  async run(contacts: readonly string[]): Promise<Result<undefined, JoinError>> {
    for (;;) {
      const faults: (readonly [string, Fault])[] = [];
      for (const contact of contacts) {
        const outcome = await this.through(contact);
        if (outcome === 'joined') return this.arrived(contact);
        faults.push([contact, outcome]);
      }
      if (!faults.some(([, { mend }]) => this.isWorthWaiting(mend))) return err(errorOf(faults));
      await this.pause();
    }
  }

  private arrived(contact: string): Result<undefined, never> {
    this.worker.runtime.logger.event('info', 'ring_joined', { addr: this.options.self.addr, through: contact });
    return ok(undefined);
  }

  private isWorthWaiting(mend: Fault['mend']): boolean {
    const nowMs = this.worker.nowMs();
    return mend === 'in_time' ? nowMs < this.untilMs : mend === 'at_once' && nowMs < this.patientUntilMs;
  }

  /** As the operator has written the address, and if nobody answers to that name, as it resolves. */
  private async through(contact: string): Promise<Outcome> {
    const parsed = parseAddress(contact);
    if (!parsed.ok) return fault('no_answer', 'it is not host:port');
    const { host, port } = parsed.value;
    const outcome = await this.at(nodeAddress(host, port));
    if (outcome === 'joined' || outcome.code !== 'other_node' || isIP(host)) return outcome;
    const resolved = await this.worker.wait(resolveHost(host, { family: 4 }).catch(() => undefined));
    return resolved === undefined ? outcome : this.at(nodeAddress(resolved.address, port));
  }

  private async at(addr: string): Promise<Outcome> {
    const { self } = this.options;
    if (addr === self.addr) return THIS_NODE;
    const described = await this.ask({ id: addressId(addr), addr, inc: 0n }, { type: 'describe' });
    if (described === undefined) return this.fromSilence(addr, SILENT);
    if (described.type === 'rpc_failed') return this.fromSilence(addr, faultOf(described.failure));
    const { answer, from } = described;
    this.met.add(addr);
    if (answer.type !== 'described') return fault('not_a_node', 'it answers with something else');
    if (answer.state === 'joining') return passing('not_a_member', 'it is in no ring yet');
    if (answer.state === 'leaving') return passing('not_a_member', 'it is leaving its ring');
    return (await this.skewTo(from)) ?? this.behindPredecessor(from);
  }

  private fromSilence(addr: string, wrong: Fault): Fault {
    return wrong === SILENT && this.met.has(addr) ? { ...SILENT, mend: 'in_time' } : wrong;
  }

  /** What is wrong with the clocks, if anything is: versions of nodes whose clocks are apart do not say what was later. */
  private async skewTo(contact: Peer): Promise<Fault | undefined> {
    const { maxDriftMs = MAX_DRIFT_MS_DEFAULT } = this.options;
    const pong = await this.ask(contact, { type: 'ping' });
    if (pong?.type !== 'rpc_answered' || pong.answer.type !== 'pong') return undefined;
    const sample = sampleOf(pong.answer, pong.rttMs, this.worker.systemMs());
    if (sample === undefined || !isBeyond(sample, maxDriftMs)) return undefined;
    const seconds = (Math.abs(sample.offsetMs) / 1000).toFixed(1);
    const side = sample.offsetMs > 0 ? 'behind' : 'ahead of';
    return fault('clock_skew', `this node's clock is ${seconds} s ${side} the clock there`);
  }

  /** Looks for the place of this node and asks whoever comes before it, until it is let in. */
  private async behindPredecessor(contact: Peer): Promise<Outcome> {
    let last: Outcome = NO_ROUTE;
    while (this.worker.nowMs() < this.untilMs) {
      const found = await this.place(contact);
      if (!found.ok) return NO_ROUTE;
      const admission = await this.comeInAt(found, contact);
      if (admission === undefined || admission.type === 'busy') last = BUSY;
      else if (admission.type === 'joined') return 'joined';
      else if (admission.reason === 'id_taken') return ID_TAKEN;
      else if (admission.reason === 'in_a_ring') return this.tries > 1 ? 'joined' : IN_A_RING;
      else last = NO_ROUTE;
      await this.pause();
    }
    return last;
  }

  /**
   * Whoever has named the owner of this node's place comes before it. The ring state may just be restarted. An
   * earlier try may have succeeded after all, or have made this node known in the ring, which then took it in.
   */
  private comeInAt({ path, owner, rest }: Found, contact: Peer): Promise<ringState.Admission | undefined> {
    this.tries += 1;
    const met = [contact, ...path, owner, ...rest];
    return this.worker.run(() => ringState.joinBehind(path.at(-1) ?? contact, met)).catch(() => undefined);
  }

  /** Old pointers to this node may still be around: it is not to find itself. */
  private async place(contact: Peer): Promise<LookupOutcome> {
    const { id } = this.options.self;
    let outcome: LookupOutcome | undefined;
    const done = (found: LookupOutcome) => {
      outcome = found;
    };
    this.lookups.begin(id, done, {
      origin: contact,
      excluded: new Set([id]),
      timeoutMs: LOOKUP_TIMEOUT_MS,
      askTimeoutMs: ASK_TIMEOUT_MS,
    });
    const ended = () => outcome;
    for (let found = ended(); ; found = ended()) {
      if (found !== undefined) return found;
      const message = await this.worker.receive<unknown>({ timeoutMs: EXPIRE_EVERY_MS });
      if (message === TIMEOUT) this.lookups.expire();
      else this.lookups.handle(message);
    }
  }

  private async ask(to: Peer, question: RpcQuestion): Promise<peerLink.RpcOutcome<number> | undefined> {
    this.asks += 1;
    const tag = this.asks;
    this.worker.run(() => peerLink.ask(to, question, { tag, timeoutMs: ASK_TIMEOUT_MS }));
    const isMine = (message: unknown): message is peerLink.RpcOutcome<number> =>
      typeof message === 'object' && message !== null && 'tag' in message && message.tag === tag;
    const outcome = await this.worker.receive({ match: isMine, timeoutMs: 2 * ASK_TIMEOUT_MS });
    return outcome === TIMEOUT ? undefined : outcome;
  }

  /** The longer it takes, the longer the pauses: whoever is kept waiting must not keep the ring busy. */
  private pause(): Promise<void> {
    const { random = Math.random } = this.options;
    this.pauses += 1;
    const mostMs = Math.min(PAUSE_LIMIT_MS, PAUSE_MOST_MS * Math.ceil(this.pauses / PAUSES_PER_STEP));
    return this.worker.sleep(Math.round(PAUSE_LEAST_MS + random() * (mostMs - PAUSE_LEAST_MS)));
  }
}

const fault = (code: JoinErrorCode, text: string): Fault => ({ code, text, mend: 'never' });
const passing = (code: JoinErrorCode, text: string): Fault => ({ code, text, mend: 'at_once' });

const THIS_NODE = fault('this_node', 'it is this node itself');
const ID_TAKEN = fault('id_taken', 'a node with another address has the identifier of this one');
const IN_A_RING = fault('in_a_ring', 'this node is in a ring with others already, or has left one');
const SILENT = passing('no_answer', 'it does not answer');
const NO_ROUTE: Fault = { code: 'timeout', text: 'nobody in its ring knows the place of this node', mend: 'in_time' };
const BUSY: Fault = { code: 'timeout', text: 'its ring was too busy to let this node in', mend: 'in_time' };

function faultOf({ code, handshake, message }: peerLink.RpcFailure): Fault {
  switch (code) {
    case 'unreachable':
      return passing('nobody_listens', 'nobody listens there');
    case 'timeout':
    case 'disconnected':
    case 'overloaded':
      return SILENT;
    case 'not_a_member':
      return passing('not_a_member', 'it is in no ring, or on its way out of one');
    case 'refused':
      return faultOfHandshake(handshake, message);
    default:
      return fault('not_a_node', `it cannot be spoken with (${message})`);
  }
}

function faultOfHandshake(handshake: peerLink.RpcFailure['handshake'], message: string): Fault {
  switch (handshake) {
    case 'same_node':
      return THIS_NODE;
    case 'cluster_mismatch':
      return fault('other_cluster', 'it belongs to another cluster');
    case 'replicas_mismatch':
      return fault('other_replicas', 'it keeps another number of copies of each key');
    case 'not_rpc':
      return fault('not_a_node', 'it is no FunnelKVS node');
    case 'other_node':
      return fault('other_node', 'the node there advertises another address');
    default:
      return fault('not_a_node', `it refuses to speak with this node (${message})`);
  }
}

function errorOf(faults: readonly (readonly [string, Fault])[]): JoinError {
  const [first] = faults;
  if (first === undefined) return { code: 'no_answer', message: 'Cannot join: no contact was named' };
  const told = faults.map(([contact, { text }]) => `${contact}: ${text}`).join('; through ');
  return { code: first[1].code, message: `Cannot join through ${told}` };
}
