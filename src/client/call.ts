/** A call: one request of a caller, from the moment it is made until it has its one outcome. */
import type { BinaryString, Octets } from '../octets';
import type { Consistency, Op } from '../protocol/client-protocol';
import { err, type Result } from '../result';
import type { Address } from './address';
import type { AnswerMeta } from './answer-meta';
import type { ClientError } from './client-error';
import type { Due } from './deadlines';

/** What is asked. */
export interface Question {
  readonly op: Op;
  readonly key: BinaryString;
  /** Not copied when it is long: it must stay as it is until the call is over. */
  readonly value: Octets;
  readonly consistency: Consistency;
  /** Whether a node that is not the key's own says whose it is, instead of passing the request on. */
  readonly direct: boolean;
  readonly timeoutMs: number;
  /** Takes what the node says about its answer; undefined: nobody wants to know. */
  readonly onMeta?: ((meta: AnswerMeta) => void) | undefined;
  /** Whether to ask again when the connection is lost after the request had been written. */
  readonly retryIndeterminate: boolean;
}

/** What comes of it. */
export type Outcome = Result<Octets, ClientError>;

/** What a call needs to know of the connection that carries it. */
export interface Carrier {
  readonly address: Address;
  /** Nobody waits for the answer any more. */
  abandon(call: Call): void;
}

/** One request and whoever waits for its outcome. */
export class Call implements Due {
  /** The connection that it was given to; undefined while it waits for its turn. */
  carrier: Carrier | undefined = undefined;
  /** Its number on that connection. */
  id = 0;
  /** How often that connection had been heard of when the call was given to it. */
  heardBefore = 0;

  /** It was written to a connection that was lost, and could have had its effect there: no later answer settles that. */
  inDoubt = false;

  constructor(
    readonly question: Question,
    readonly deadlineAtMs: number,
    private readonly settle: (outcome: Outcome) => void,
  ) {}

  /** Its connection is lost, and it had been written. Reading twice harms nobody; writing may have happened. */
  lostOnTheWay(): void {
    this.inDoubt = this.question.op === 'put' || this.question.op === 'delete';
  }

  /** Tells whoever waits. Called once, by the pool. */
  finish(outcome: Outcome): void {
    this.settle(outcome.ok || !this.inDoubt ? outcome : err({ ...outcome.error, definite: false }));
  }
}
