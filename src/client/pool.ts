/**
 * The pool: connections to the nodes, and the calls that wait for their turn on one.
 *
 * A call is given to the least busy connection. Where none has room, or too many calls are under
 * way already, it waits in line; where the line is full, it is refused. A call whose connection is
 * lost returns to the head of the line, unless it may have had its effect and must not be repeated.
 */
import type { Octets } from '../octets';
import type { Response, Status } from '../protocol/client-protocol';
import { err, ok, type Result } from '../result';
import { answerMetaIn } from './answer-meta';
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
  withPrimary,
} from './client-error';
import { Connection, type ConnectionEvents, type Loss } from './connection';
import { Deadlines } from './deadlines';
import { Dialler, type Dialled } from './dialler';
import type { ClientSettings } from './options';

/** What a pool goes by. */
export interface PoolSettings extends ClientSettings {
  /** Calls that find no connection fail as soon as dialling has: somebody else can carry them. @default false */
  readonly isFailFast?: boolean;
}

/** Most addresses that a pool takes up besides those that it was made with. */
const MORE_ADDRESSES_MAX = 16;

/** Carries calls to one of several nodes that can stand in for each other. */
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
  private readonly addresses: Address[];
  private readonly addressesMax: number;
  /** Told once it has nothing left to carry; undefined while it is to stay. */
  private parted: (() => void) | undefined = undefined;

  constructor(
    addresses: readonly Address[],
    private readonly settings: PoolSettings,
  ) {
    this.addresses = [...addresses];
    this.addressesMax = addresses.length + MORE_ADDRESSES_MAX;
    this.deadlines = new Deadlines(settings.environment, (call) => this.expire(call));
    this.dialler = new Dialler(this.addresses, settings, {
      connected: (dialled) => this.connected(dialled),
      failed: (error) => this.notConnected(error),
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

  /** Another node that can be dialled where the others are gone. */
  alsoKnow(address: Address): void {
    const isKnown = this.addresses.some(({ host, port }) => host === address.host && port === address.port);
    if (!isKnown && this.addresses.length < this.addressesMax) this.addresses.push(address);
  }

  /** Takes no further calls, and closes after the last of those that it has; then `parted` is called. */
  closeWhenIdle(parted: () => void): void {
    this.parted = parted;
    this.closeIfIdle();
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

  private notConnected(error: ClientError): void {
    if (!this.settings.isFailFast || this.connections.size > 0) return this.dialIfNeeded();
    const waiting = this.waiting;
    this.waiting = new Set();
    for (const call of waiting) this.finish(call, err(call.inDoubt ? this.unsent(call) : error));
  }

  private answered(call: Call, response: Response, from: Address): void {
    const { status, value } = response;
    this.inFlight -= 1;
    tellMeta(call, response);
    if (status === 'not_responsible' && !call.question.direct) this.moveOn(from);
    this.finish(call, outcomeOf(call, status, value, from));
    if (this.waiting.size > 0) this.pump();
  }

  /** A node that cannot serve now, since it is joining or leaving, makes room for another one. */
  private moveOn(from: Address): void {
    if (this.addresses.length === 1) return;
    for (const connection of this.connections) {
      if (connection.address !== from) continue;
      this.dialler.passOver(from);
      connection.retire('it is joining or leaving');
    }
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
    for (const call of written) call.lostOnTheWay();
    const over = written.filter((call) => !repeats(call));
    // First, so that a pool which is to close when it is idle sees that it is not.
    this.waitAgain([...written.filter(repeats), ...unwritten]);
    for (const call of over) this.finish(call, err(connectionLost(call.question.op, why, false)));
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
      return this.finish(call, err(this.unsent(call)));
    }
    this.inFlight -= 1;
    // First, for whoever is told may close the connection.
    call.carrier.abandon(call);
    call.finish(err(noAnswer(call.question.op, call.carrier.address, call.question.timeoutMs)));
    this.pump();
    this.closeIfIdle();
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
    this.closeIfIdle();
  }

  private closeIfIdle(): void {
    const { parted } = this;
    if (parted === undefined || this.inFlight > 0 || this.waiting.size > 0) return;
    this.parted = undefined;
    this.close();
    parted();
  }
}

/** Before the outcome, so that whoever waits for that knows all. */
function tellMeta({ question: { onMeta } }: Call, response: Response): void {
  if (onMeta === undefined || response.version === 1 || response.meta === undefined) return;
  const meta = answerMetaIn(response.meta);
  if (meta !== undefined) onMeta(meta);
}

function outcomeOf({ question: { op, direct } }: Call, status: Status, value: Octets, from: Address): Outcome {
  if (status === 'success') return ok(value);
  const failed = failedStatus(op, from, status, value);
  return direct && !failed.ok ? err(withPrimary(failed.error, value)) : failed;
}
