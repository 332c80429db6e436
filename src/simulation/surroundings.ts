/** What a simulated node finds around it: time, chance, the network, and somebody who watches. */
import type { NodeSettings } from './node-settings';
import type { Packet } from './packet';
import type { Random } from './random';

/** Something that a node does later, unless it is cancelled or the node is no more. */
export interface Alarm {
  cancel(): void;
  readonly dueMs: number;
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
  /** The node's pointers or its phase have changed. */
  pointersChanged(): void;
}
