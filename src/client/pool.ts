/**
 * The pool: connections to the nodes, and the calls that wait for their turn on one.
 *
 * A call is given to the least busy connection. Where none has room, or too many calls are under
 * way already, it waits in line; where the line is full, it is refused. A call whose connection is
 * lost returns to the head of the line, unless it may have had its effect and must not be repeated.
 */
import type { Response } from '../protocol/client-protocol';
import { err, ok, type Result } from '../result';
import { type Address, formatAddress } from './address';
import type { Call, Outcome } from './call';
import {
  cannotConnect,
  type ClientError,
  connectionLost,
  failedStatus,
  failure,
  noAnswer,
  noTurn,
} from './client-error';
import { Connection, type ConnectionEvents, type Loss } from './connection';
import { Deadlines } from './deadlines';
import { Dialler, type Dialled } from './dialler';
import type { ClientSettings } from './options';

/** Carries calls to one of `addresses`. */
export class Pool {
  /** Those that take calls. */
  private readonly connections = new Set<Connection>();
  /** Those that only wait for the last of their answers. */
  private readonly retired = new Set<Connection>();
  /** Calls that no connection has taken yet, first come first. */
  private waiting = new Set<Call>();
  /** Calls that a connection has taken: at most `inFlightMax`. */
  private inFlight = 0;
  private closed = false;
  private readonly deadlines: Deadlines<Call>;
  private readonly dialler: Dialler;

  constructor(
    private readonly addresses: readonly Address[],
    private readonly settings: ClientSettings,
  ) {
    this.deadlines = new Deadlines(settings.environment, (call) => this.expire(call));
    this.dialler = new Dialler(addresses, settings, {
      connected: (dialled) => this.connected(dialled),
      failed: () => this.dialIfNeeded(),
    });
  }

  /** A node with which a connection is up that takes calls; undefined where there is none. */
  get connectedTo(): Address | undefined {
    for (const connection of this.connections) return connection.address;
    return undefined;
  }

  /** Opens the first connection: one attempt for each address. */
  open(): Promise<Result<Dialled, ClientError>> {
    return this.dialler.round();
  }

  /** Carries the call to its outcome, at the latest a little after its deadline. */
  submit(call: Call): void {
    const { op } = call.question;
    if (this.closed) return call.finish(failure('not_connected', `Cannot ${op}: the client has disconnected`));
    const connection = this.waiting.size === 0 ? this.findRoom() : undefined;
    if (connection === undefined && this.waiting.size >= this.settings.waitingMax) {
      return call.finish(failure('overloaded', `Cannot ${op}: ${this.waiting.size} requests wait already`));
    }
    this.deadlines.add(call);
    if (connection === undefined) this.waiting.add(call);
    else this.assign(call, connection);
    this.dialIfNeeded();
  }

  /** Ends every connection, and every call with `connection_lost`. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.dialler.close();
    const why = 'the client disconnected';
    for (const connection of [...this.connections, ...this.retired]) connection.destroy(why);
    const waiting = this.waiting;
    this.waiting = new Set();
    for (const call of waiting) this.finish(call, err(connectionLost(call.question.op, why, true)));
    this.deadlines.clear();
  }

  // Turns

  private findRoom(): Connection | undefined {
    if (this.inFlight >= this.settings.inFlightMax) return undefined;
    let found: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.accepting && (found === undefined || connection.inFlight < found.inFlight)) found = connection;
    }
    return found;
  }

  private assign(call: Call, connection: Connection): void {
    this.inFlight += 1;
    connection.send(call);
  }

  /** Gives those who wait their turn, as far as there is room. */
  private pump(): void {
    for (const call of this.waiting) {
      const connection = this.findRoom();
      if (connection === undefined) return;
      this.waiting.delete(call);
      this.assign(call, connection);
    }
  }

  /** Whoever must wait, or shares a connection, is a reason for another, up to the most there may be. */
  private dialIfNeeded(): void {
    if (this.closed || this.connections.size >= this.settings.connections) return;
    if (this.connections.size === 0 ? this.waiting.size > 0 : this.inFlight > this.connections.size)
      this.dialler.start();
  }

  // Events of a connection

  private connected(dialled: Dialled): void {
    const connection = new Connection(dialled, this.settings, this.connectionEvents);
    this.connections.add(connection);
    this.settings.onConnectionEvent({ type: 'connected', address: formatAddress(dialled.address) });
    this.pump();
    this.dialIfNeeded();
  }

  private readonly connectionEvents: ConnectionEvents = {
    answered: (call, response, from) => this.answered(call, response, from),
    writable: () => this.pump(),
    retired: (connection, why) => this.retire(connection, why),
    lost: (connection, loss) => this.lost(connection, loss),
  };

  private answered(call: Call, { status, value }: Response, from: Address): void {
    this.inFlight -= 1;
    this.finish(call, status === 'success' ? ok(value) : failedStatus(call.question.op, from, status, value));
    if (this.waiting.size > 0) this.pump();
  }

  private retire(connection: Connection, message: string): void {
    this.connections.delete(connection);
    this.retired.add(connection);
    this.settings.onConnectionEvent({ type: 'lost', address: formatAddress(connection.address), message });
    this.dialIfNeeded();
  }

  private lost(connection: Connection, { why, written, unwritten, worthRetrying }: Loss): void {
    const wasInUse = this.connections.delete(connection);
    this.retired.delete(connection);
    this.dialler.connectionEnded(connection.wasHeard);
    this.inFlight -= written.length + unwritten.length;
    const repeats = (call: Call) => worthRetrying && !this.closed && call.question.retryIndeterminate;
    for (const call of written) {
      call.lostOnTheWay();
      if (!repeats(call)) this.finish(call, err(connectionLost(call.question.op, why, false)));
    }
    this.waitAgain([...written.filter(repeats), ...unwritten]);
    const address = formatAddress(connection.address);
    if (wasInUse && !this.closed) this.settings.onConnectionEvent({ type: 'lost', address, message: why });
    this.pump();
    this.dialIfNeeded();
  }

  /** They were here before those who wait now. What was in flight is bounded, and so is the line. */
  private waitAgain(calls: readonly Call[]): void {
    for (const call of calls) call.carrier = undefined;
    if (calls.length > 0) this.waiting = new Set([...calls, ...this.waiting]);
  }

  // Outcomes

  private expire(call: Call): void {
    if (call.carrier === undefined) {
      this.waiting.delete(call);
      return call.finish(err(this.unsent(call)));
    }
    this.inFlight -= 1;
    const address = call.carrier.address;
    call.finish(err(noAnswer(call.question.op, address, call.question.timeoutMs)));
    call.carrier.abandon(call);
    this.pump();
  }

  /** What to say of a call whose time is over and that no connection has, for the first time or again. */
  private unsent({ question: { op, timeoutMs }, inDoubt }: Call): ClientError {
    if (inDoubt) return connectionLost(op, `the connection was lost, and none was found in ${timeoutMs} ms`, false);
    if (this.connections.size > 0) return noTurn(op, timeoutMs);
    return this.dialler.lastFailure ?? cannotConnect(this.addresses, `no answer in ${timeoutMs} ms`);
  }

  private finish(call: Call, outcome: Outcome): void {
    this.deadlines.delete(call);
    call.finish(outcome);
  }
}
