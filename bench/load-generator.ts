/**
 * The load: many connections that keep a fixed number of requests in flight each.
 *
 * A closed loop: every answer is replaced by the next request at once, so the server is always
 * saturated and latencies are those at saturation, not those of a server with time to spare.
 *
 * It must cost less than any server it measures. All requests are encoded beforehand on one long
 * tape; a connection sends slices of it, as many requests as answers have just come, in one
 * write. Answers are counted by their lengths in one shared read buffer, and each is checked: the
 * status, the length of the value, with version 2 the identifier. Latencies, in whole
 * microseconds, are counted in an array, which costs less than a histogram of perf_hooks.
 */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { answer, cpuMs } from './answering';
import { IN_FLIGHT_MAX, putsOf, type Shape, type Tape, TAPE_REQUESTS, tapeOf } from './tape';

/** What load to make. */
export interface Load extends Shape {
  /** Where to: connections are shared out evenly. */
  readonly ports: readonly number[];
  readonly connections: number;
  /** Requests in flight on each connection: a power of two, at most 64. */
  readonly pipelining: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What came of it. */
export interface Outcome {
  readonly requestsPerSecond: number;
  /** All that were answered, those of the warm-up included. */
  readonly requests: number;
  /** From the first connection's opening until every connection has had its first answer. */
  readonly openedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** How busy this process was, 0 to 1: near 1 it has measured itself. */
  readonly busy: number;
}

/** Which keys to store before anything is measured. */
export interface Preload {
  readonly port: number;
  readonly keys: number;
}

// Latencies

const LATENCY_US_MAX = 1_000_000;

class Latencies {
  private readonly counts = new Uint32Array(LATENCY_US_MAX + 1);
  total = 0;

  record(ms: number): void {
    const us = Math.min(LATENCY_US_MAX, Math.round(ms * 1000));
    this.counts[us] = (this.counts[us] ?? 0) + 1;
    this.total += 1;
  }

  /** The latency that this part of all requests, 0 to 1, did not exceed. */
  percentileMs(part: number): number {
    let left = Math.ceil(this.total * part);
    for (const [us, count] of this.counts.entries()) {
      left -= count;
      if (left <= 0) return us / 1000;
    }
    return LATENCY_US_MAX / 1000;
  }
}

// Connections

/** All sockets read into this one: what is in it is taken apart before the next read. */
const readBuffer = Buffer.alloc(64 * 1024);
const MAGIC = 0x4b5653;

/** What all connections of one run have in common. */
interface Run {
  readonly load: Load;
  readonly tape: Tape;
  readonly fail: (error: Error) => void;
  /** Whether an answer is replaced by the next request. */
  flowing: boolean;
  /** How many requests have been answered. */
  requests: number;
  /** Undefined while nothing is measured. */
  latencies: Latencies | undefined;
  over: boolean;
}

class Connection {
  readonly socket: Socket;
  /** Called at the first answer. */
  onFirstAnswer: () => void = () => {};
  /** The next request on the tape to be sent. */
  private nextRequest = Math.floor(Math.random() * TAPE_REQUESTS);
  /** The request on the tape that the next version 1 answer is for. */
  private nextAnswer = this.nextRequest;
  private readonly sentAtMs = new Float64Array(IN_FLIGHT_MAX);
  private readonly headBytes: number;
  /** The head of an answer that came in two pieces. */
  private readonly splitHead: Buffer;
  private splitHeadBytes = 0;
  /** The answer whose value is being read past, and how much of it has not come. */
  private answered = 0;
  private valueBytesLeft = 0;

  constructor(
    private readonly run: Run,
    port: number,
  ) {
    const { version } = run.load;
    this.headBytes = version === 1 ? 9 : 14;
    this.splitHead = Buffer.alloc(this.headBytes);
    this.socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes) => {
          this.take(bytes);
          return true;
        },
      },
    });
    this.socket.on('error', (error) => run.fail(error));
    this.socket.on('close', () => {
      if (!run.over) run.fail(new Error('Cannot go on: the server has closed a connection'));
    });
  }

  send(requests: number): void {
    const { bytes, starts } = this.run.tape;
    const nowMs = performance.now();
    for (let index = 0; index < requests; index += 1) {
      this.sentAtMs[(this.nextRequest + index) % IN_FLIGHT_MAX] = nowMs;
    }
    this.socket.write(bytes.subarray(starts[this.nextRequest], starts[this.nextRequest + requests]));
    this.nextRequest = (this.nextRequest + requests) % TAPE_REQUESTS;
  }

  private take(bytes: number): void {
    if (this.run.over) return;
    const nowMs = performance.now();
    let answers = 0;
    let at = 0;
    while (at < bytes) {
      if (this.valueBytesLeft === 0) {
        const headAt = at;
        if (this.splitHeadBytes === 0 && bytes - at >= this.headBytes) {
          at += this.headBytes;
          this.readHead(readBuffer, headAt);
        } else {
          at += this.gatherHead(at, bytes);
          if (this.splitHeadBytes > 0) break;
        }
      }
      const skipped = Math.min(this.valueBytesLeft, bytes - at);
      at += skipped;
      this.valueBytesLeft -= skipped;
      if (this.valueBytesLeft > 0) break;
      answers += 1;
      this.run.latencies?.record(nowMs - (this.sentAtMs[this.answered % IN_FLIGHT_MAX] ?? nowMs));
    }
    if (answers === 0) return;
    this.run.requests += answers;
    if (this.run.flowing) this.send(answers);
    else this.onFirstAnswer();
  }

  private gatherHead(at: number, bytes: number): number {
    const taken = Math.min(this.headBytes - this.splitHeadBytes, bytes - at);
    readBuffer.copy(this.splitHead, this.splitHeadBytes, at, at + taken);
    this.splitHeadBytes += taken;
    if (this.splitHeadBytes === this.headBytes) {
      this.splitHeadBytes = 0;
      this.readHead(this.splitHead, 0);
    }
    return taken;
  }

  private readHead(from: Buffer, at: number): void {
    const { version } = this.run.load;
    this.answered = version === 1 ? this.nextAnswer : from.readUInt32BE(at + 6);
    this.nextAnswer = (this.nextAnswer + 1) % TAPE_REQUESTS;
    this.valueBytesLeft = from.readUInt32BE(at + this.headBytes - 4);
    const isRight =
      from.readUIntBE(at, 3) === MAGIC &&
      from[at + 3] === version &&
      from[at + 4] === 0 &&
      this.valueBytesLeft === this.run.tape.answerBytes[this.answered];
    if (!isRight) this.run.fail(new Error(`Cannot go on: an answer is not as it should be (status ${from[at + 4]})`));
  }
}

// Runs

async function makeLoad(load: Load): Promise<Outcome> {
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const run: Run = {
    load,
    tape: tapeOf(load),
    fail,
    flowing: false,
    requests: 0,
    latencies: undefined,
    over: false,
  };
  const openAtMs = performance.now();
  const connections = Array.from(
    { length: load.connections },
    (_none, index) => new Connection(run, load.ports[index % load.ports.length] ?? 0),
  );
  try {
    // A server may still be at work on connections that the system has accepted for it.
    await Promise.race([failed, Promise.all(connections.map(firstAnswer))]);
    const openedMs = performance.now() - openAtMs;
    run.flowing = true;
    for (const connection of connections) connection.send(load.pipelining);
    await Promise.race([failed, later(load.warmUpMs)]);
    const latencies = new Latencies();
    run.latencies = latencies;
    const [beginMs, cpuBeginMs] = [performance.now(), cpuMs()];
    await Promise.race([failed, later(load.measureMs)]);
    const [tookMs, cpuTookMs] = [performance.now() - beginMs, cpuMs() - cpuBeginMs];
    run.latencies = undefined;
    return {
      openedMs,
      requests: run.requests,
      requestsPerSecond: (latencies.total / tookMs) * 1000,
      p50Ms: latencies.percentileMs(0.5),
      p99Ms: latencies.percentileMs(0.99),
      p999Ms: latencies.percentileMs(0.999),
      busy: cpuTookMs / tookMs,
    };
  } finally {
    run.over = true;
    for (const { socket } of connections) socket.destroy();
  }
}

/** Stores keys 0 to `keys`, each with a value of its own. */
async function preload({ port, keys }: Preload): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await connected(socket);
  let answerBytes = 0;
  socket.on('data', (chunk: Buffer) => {
    answerBytes += chunk.length;
  });
  for (let begin = 0; begin < keys; begin += PRELOAD_BATCH) {
    const end = Math.min(keys, begin + PRELOAD_BATCH);
    socket.write(putsOf(begin, end - begin));
    const isStored = () => answerBytes >= end * EMPTY_ANSWER_BYTES;
    while (!isStored()) await later(0);
  }
  socket.destroy();
}

const PRELOAD_BATCH = 1000;
const EMPTY_ANSWER_BYTES = 9;

function firstAnswer(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    connection.onFirstAnswer = resolve;
    connection.socket.once('connect', () => connection.send(1));
  });
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

if (require.main === module) {
  answer(undefined, {
    load: (argument) => makeLoad(argument as Load),
    preload: (argument) => preload(argument as Preload),
  });
}
