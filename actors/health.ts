/**
 * Health: what a node says to its failure detector. The other half is actors/failure-detector.ts.
 *
 * It stands apart because everybody speaks with the failure detector, and it with everybody: the
 * links to other nodes report to it and are what it probes with. Nobody waits for an answer; while
 * the failure detector is being restarted, what is said is lost, and said again.
 */
import type { Peer } from '../src/chord/peer';
import { genServer, serverNamed } from '../src/otp';

// API

/** What the failure detector is told. */
export type Told =
  /** A sign of life, with how long it took where it was the answer to something. */
  | { readonly type: 'heard'; readonly peer: Peer; readonly rttMs: number | undefined }
  /** A question was not answered in time. */
  | { readonly type: 'missed'; readonly peer: Peer }
  /** A connection to it broke, or could not be made. */
  | { readonly type: 'lost'; readonly peer: Peer }
  /** Somebody cannot go on before it is known whether this one lives: there will be a verdict. */
  | { readonly type: 'judge'; readonly peer: Peer }
  /** The ring's pointers have changed. */
  | { readonly type: 'ring_changed' };

export const NAME = serverNamed<never, Told>('failure-detector');

export const heard = (peer: Peer, rttMs?: number) => genServer.cast(NAME, { type: 'heard', peer, rttMs });
export const missed = (peer: Peer) => genServer.cast(NAME, { type: 'missed', peer });
export const lost = (peer: Peer) => genServer.cast(NAME, { type: 'lost', peer });
export const judge = (peer: Peer) => genServer.cast(NAME, { type: 'judge', peer });
