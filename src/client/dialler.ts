/**
 * The dialler: gets a connection to one of several nodes, and keeps trying without pestering them.
 *
 * One round tries each address in turn, beginning with the one that worked last. A round that fails
 * is followed by a wait that grows with each failure; see backoff.ts. A node that takes connections
 * and ends them without a word counts as a failure too, and only one that has answered ends the row.
 */
import type { Socket } from 'node:net';
import { err, ok, type Result } from '../result';
import type { Address } from './address';
import { type BackoffOptions, backoffMs } from './backoff';
import { cannotConnect, type ClientError } from './client-error';
import { type DialOptions, dial } from './dial';

/** A connection that has just been opened, and to whom. */
export interface Dialled {
  readonly socket: Socket;
  readonly address: Address;
}

/** What a dialler tells. */
export interface DiallerEvents {
  connected(dialled: Dialled): void;
  /** No address answered. The dialler rests until start() is called again. */
  failed(error: ClientError): void;
}

/** Opens connections on demand, one at a time. */
export class Dialler {
  /** Why the last round failed; undefined once one has succeeded. */
  lastFailure: ClientError | undefined = undefined;

  private dialling = false;
  private failures = 0;
  /** No round begins before this time. */
  private restUntilMs = Number.NEGATIVE_INFINITY;
  /** The address that is tried first. */
  private turn = 0;
  private stopTimer: () => void = () => {};
  private readonly aborter = new AbortController();

  constructor(
    private readonly addresses: readonly Address[],
    private readonly options: DialOptions & BackoffOptions,
    private readonly events: DiallerEvents,
  ) {}

  /** Begins a round, after a wait where the last one failed. Does nothing while one is under way. */
  start(): void {
    if (this.dialling || this.aborter.signal.aborted) return;
    this.dialling = true;
    const waitMs = this.restUntilMs - this.options.environment.nowMs();
    if (waitMs > 0) this.stopTimer = this.options.environment.startTimer(waitMs, () => void this.round());
    else void this.round();
  }

  /** Tries each address once; the outcome is told to `events` too. */
  async round(): Promise<Result<Dialled, ClientError>> {
    this.dialling = true;
    const result = await this.tryInTurn();
    this.dialling = false;
    if (result.ok) this.succeeded(result.value);
    else this.failed(result.error);
    return result;
  }

  /** A connection that was dialled has ended: the next round begins at once if it was of any use, else after a wait. */
  connectionEnded(wasOfUse: boolean): void {
    if (!wasOfUse) return this.rest();
    this.failures = 0;
    this.restUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** The next round begins behind this address. */
  passOver(address: Address): void {
    if (this.addresses[this.turn % this.addresses.length] === address) this.turn += 1;
  }

  /** Stops for good. */
  close(): void {
    this.stopTimer();
    this.aborter.abort();
  }

  private async tryInTurn(): Promise<Result<Dialled, ClientError>> {
    const reasons = new Set<string>();
    for (let tries = 0; tries < this.addresses.length && !this.aborter.signal.aborted; tries += 1) {
      const address = this.addresses[this.turn % this.addresses.length];
      if (address === undefined) break;
      const result = await dial(address, this.options, this.aborter.signal);
      if (result.ok) return ok({ socket: result.value, address });
      reasons.add(result.error);
      this.turn += 1;
    }
    return err(cannotConnect(this.addresses, [...reasons].join(', ')));
  }

  private succeeded(dialled: Dialled): void {
    this.lastFailure = undefined;
    if (this.aborter.signal.aborted) dialled.socket.destroy();
    else this.events.connected(dialled);
  }

  private failed(error: ClientError): void {
    this.lastFailure = error;
    this.rest();
    if (!this.aborter.signal.aborted) this.events.failed(error);
  }

  private rest(): void {
    const { environment } = this.options;
    this.failures += 1;
    this.restUntilMs = environment.nowMs() + backoffMs(this.failures, this.options, environment.random());
  }
}
