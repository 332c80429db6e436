/** What a simulated node finds around it: time, chance, the network, and somebody who watches. */
import type { Id } from '../chord/id';
import type { Peer } from '../chord/peer';
import type { NodeSettings } from './node-settings';
import type { RingMember } from '../chord/ring-member';
import type { AskOutcome, CopyAnswer, CopyQuestion, Packet } from './packet';
import type { Random } from './random';

/** Something that a node does later, unless it is cancelled or the node is no more. */
export interface Alarm {
  cancel(): void;
  readonly dueMs: number;
}

/** A node, as what keeps copies in it sees it. */
export interface KeeperHost {
  readonly self: Peer;
  readonly member: RingMember;
  /** Asks another node that keeps copies. */
  askKeeper(peer: Peer, question: CopyQuestion, timeoutMs: number, done: (outcome: AskOutcome) => void): void;
  /** Asks a peer what time it is there; undefined: it has not answered, or keeps no copies. */
  askTime(peer: Peer, done: (time: { readonly systemMs: number; readonly rttMs: number } | undefined) => void): void;
  /** Whether a peer seems to be alive. */
  isTrusted(peer: Peer): boolean;
  /** Whether it has not been found dead: whoever is only slow still counts. */
  isAlive(peer: Peer): boolean;
  /** How long to wait for an answer of a peer. */
  patienceMs(peer: Peer): number;
  /** Does something later, as long as this process lives. */
  after(ms: number, action: () => void): Alarm;
  /** Looks up who owns a key; undefined: nobody was found. */
  ownerOf(key: Id, done: (owner: Peer | undefined) => void): void;
}

/** What keeps copies of keys in the process of a simulated node. */
export interface Keeper {
  /** What its clock shows, in Unix milliseconds. */
  readonly systemMs: number;
  /** `answer` is called at most once, now or later. */
  asked(from: Peer, question: CopyQuestion, answer: (answer: CopyAnswer) => void): void;
  verdict(peer: Peer, isAlive: boolean): void;
  ringChanged(): void;
}

/** The world, as a node sees it. */
export interface Surroundings {
  readonly nowMs: number;
  readonly random: Random;
  readonly settings: NodeSettings;
  /** A number that no other question has. */
  nextNumber(): number;
  send(packet: Packet): void;
  /** Does something for the node that is asking, after so many milliseconds; later, if it is paused then. */
  after(ms: number, action: () => void): Alarm;
  /** Begins what keeps copies in this node; undefined where nodes keep none. */
  readonly makeKeeper: ((node: KeeperHost) => Keeper) | undefined;
  /** The node's pointers or its phase have changed. */
  pointersChanged(): void;
}
