/**
 * References: unique tokens for monitors, timers and calls.
 *
 * One that was made with an alias is also an address: messages sent to it reach the process that
 * made it until the alias is given up, and are dropped from then on (fact 30).
 */

import { inspect } from 'node:util';

let made = 0;

/** A token that equals only itself. Its number is for people, and is unique in this Node process. */
export class Reference {
  readonly id: number;
  /** Takes messages sent to this reference; undefined when it is no (longer an) alias. */
  alias: ((message: unknown) => void) | undefined;

  constructor() {
    made += 1;
    this.id = made;
  }

  toString(): string {
    return `#Ref<0.${this.id}>`;
  }

  toJSON(): string {
    return this.toString();
  }

  /** Kept short: a monitor holds two processes, with all that is theirs. */
  [inspect.custom](): string {
    return this.toString();
  }
}
