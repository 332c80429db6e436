/**
 * One connection of a client: requests out, answers in, and the calls that wait in between.
 *
 * Requests of one turn of the event loop leave in one write. A version 2 answer names its request
 * by number. A version 1 answer does not, so they are counted: the n-th answer belongs to the n-th
 * request, also where nobody waits for it any more.
 *
 * It decides nothing about trying again: it gives back the calls that it could not carry to their
 * end, those that had been written apart from those that had not.
 */
import type { Socket } from 'node:net';
import type { Response } from '../protocol/client-protocol';
import { OctetWriter } from '../protocol/octet-writer';
import { encodeRequest } from '../protocol/request-encoder';
import { ResponseDecoder } from '../protocol/response-decoder';
import { toBuffer } from '../octets';
import { type Address, formatAddress } from './address';
import type { Call, Carrier } from './call';
import { systemErrorWords } from './client-error';
import type { Dialled } from './dialler';
import type { Environment } from './environment';

/** The options that a connection goes by. */
export interface ConnectionOptions {
  readonly protocolVersion: 1 | 2;
  readonly valueBytesMax: number;
  readonly environment: Environment;
}

/** What a connection tells. */
export interface ConnectionEvents {
  answered(call: Call, response: Response, from: Address): void;
  /** What was to be written has been: there is room again. */
  writable(): void;
  /** It takes no more calls; those under way may still be answered. */
  retired(connection: Connection, why: string): void;
  /** It is over. Told once. */
  lost(connection: Connection, loss: Loss): void;
}

/** How a connection ended, and the calls that it leaves behind, oldest first. */
export interface Loss {
  /** As a sentence that names the node. */
  readonly why: string;
  /** The node may have these, wholly or in part. */
  readonly written: readonly Call[];
  /** The node has no byte of these. */
  readonly unwritten: readonly Call[];
  /** False where the node would refuse the same again. */
  readonly worthRetrying: boolean;
}

/** What one turn of the event loop may collect before further calls have to wait. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

/** A TCP connection to one node. */
export class Connection implements Carrier {
  readonly address: Address;

  private readonly socket: Socket;
  private readonly decoder: ResponseDecoder;
  private readonly writer = new OctetWriter();
  /** Calls under way by their number on this connection, oldest first. */
  private readonly pending = new Map<number, Call>();
  /** Those of them whose bytes are still in `writer`. */
  private unwritten: Call[] = [];
  private nextId = 0;
  /** The number of the next version 1 answer. */
  private nextAnswerId = 0;
  /** How many pieces of answers have come. */
  private heard = 0;
  private flushing = false;
  private state: 'open' | 'retired' | 'over' = 'open';

  constructor(
    { socket, address }: Dialled,
    private readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    this.socket = socket;
    this.address = address;
    this.decoder = new ResponseDecoder(options);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('drain', () => this.events.writable());
    socket.on('error', (error) => this.end(this.lostBecause(systemErrorWords(error))));
    socket.on('close', () => this.end(this.lostBecause('the node closed it')));
  }

  /** How many calls are under way. */
  get inFlight(): number {
    return this.pending.size;
  }

  /** Whether the node has ever said anything on it. */
  get wasHeard(): boolean {
    return this.heard > 0;
  }

  /** Whether send() may be called now. */
  get accepting(): boolean {
    return this.state === 'open' && !this.socket.writableNeedDrain && this.writer.bytes < UNWRITTEN_BYTES_MAX;
  }

  /** Takes a call on. It is written at the end of this turn of the event loop. */
  send(call: Call): void {
    const id = this.nextId;
    this.nextId = (id + 1) >>> 0;
    call.id = id;
    call.carrier = this;
    call.heardBefore = this.heard;
    this.pending.set(id, call);
    this.unwritten.push(call);
    this.encode(call);
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(this.flush);
  }

  /**
   * Nobody waits for this call any more; its answer will be dropped.
   *
   * A connection on which nothing at all has come since the call was sent is taken for dead and retired.
   */
  abandon(call: Call): void {
    this.pending.delete(call.id);
    if (call.heardBefore === this.heard) this.retire('no answer');
    else this.endIfIdle();
  }

  /** Takes no more calls. Those under way may still be answered. */
  retire(why: string): void {
    if (this.state !== 'open') return this.endIfIdle();
    this.state = 'retired';
    this.events.retired(this, this.lostBecause(why));
    this.endIfIdle();
  }

  /** Ends it now. */
  destroy(why: string): void {
    this.end(why);
  }

  private encode({ id, question, deadlineAtMs }: Call): void {
    const { op, key, value, consistency, direct, onMeta } = question;
    const { protocolVersion: version, environment } = this.options;
    if (version === 1) return encodeRequest({ type: 'request', version, op, key, value }, this.writer);
    const deadlineMs = Math.max(1, Math.ceil(deadlineAtMs - environment.nowMs()));
    encodeRequest(
      {
        type: 'request',
        version,
        op,
        key,
        value,
        requestId: id,
        consistency,
        direct,
        wantsMeta: onMeta !== undefined,
        deadlineMs,
      },
      this.writer,
    );
  }

  private readonly flush = (): void => {
    this.flushing = false;
    if (this.state === 'over') return;
    this.unwritten = [];
    this.socket.cork();
    for (const octets of this.writer.takeAll()) {
      if (typeof octets === 'string') this.socket.write(octets, 'latin1');
      else this.socket.write(octets);
    }
    this.socket.uncork();
    if (this.accepting) this.events.writable();
  };

  private receive(chunk: Buffer): void {
    this.heard += 1;
    this.decoder.push(chunk);
    for (let found = this.decoder.next(); found !== undefined; found = this.decoder.next()) {
      if (found.type === 'malformed') return this.end(this.lostBecause(found.message), false);
      if (found.version !== this.options.protocolVersion) return this.refused(found);
      this.answered(found);
    }
    this.endIfIdle();
  }

  private answered(response: Response): void {
    const id = response.version === 2 ? response.requestId : this.takeAnswerId();
    const call = this.pending.get(id);
    if (call === undefined) return;
    this.pending.delete(id);
    this.events.answered(call, response, this.address);
  }

  private takeAnswerId(): number {
    const id = this.nextAnswerId;
    this.nextAnswerId = (id + 1) >>> 0;
    return id;
  }

  /** An answer in the other version is no answer to any request: the node cannot read what this client writes. */
  private refused({ status, value }: Response): void {
    const words = value.length === 0 ? status : toBuffer(value).toString('utf8');
    this.end(this.lostBecause(`it does not take version ${this.options.protocolVersion} ("${words}")`), false);
  }

  private endIfIdle(): void {
    if (this.state === 'retired' && this.pending.size === 0) this.end(this.lostBecause('no answer'));
  }

  private end(why: string, worthRetrying = true): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.socket.destroy();
    const unwritten = this.unwritten.filter((call) => this.pending.delete(call.id));
    const written = [...this.pending.values()];
    this.pending.clear();
    this.unwritten = [];
    this.writer.takeAll();
    this.events.lost(this, { why, written, unwritten, worthRetrying });
  }

  private lostBecause(why: string): string {
    return `the connection to ${formatAddress(this.address)} was lost: ${why}`;
  }
}
