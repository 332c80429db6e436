/**
 * Client session: the conversation with a client, in either version of its protocol.
 *
 * All requests of a chunk for which nobody else need be asked are answered in the same turn, and their
 * answers leave in one write: such a request costs no hop and no promise. Others are the coordinator's
 * (coordinator.ts), and are answered when it has an answer: those of version 1 in the order of the
 * requests (answer-line.ts), those of version 2 at once. Decoding is in src/protocol.
 *
 * Bounds: nothing more is decoded while answers wait to be taken by a slow reader, or for one that
 * has to come before them, and while as many requests are under way as a connection may have. So a
 * client that never reads costs `pendingAnswerBytesMax` and one answer more.
 */
import type { NodeSettings } from '../src/config';
import { fromUtf8 } from '../src/octets';
import type { Request, RequestV1, Response, Status } from '../src/protocol/client-protocol';
import { encodeMeta } from '../src/protocol/meta';
import { type Refusal, RequestDecoder } from '../src/protocol/request-decoder';
import { encodeResponse } from '../src/protocol/response-encoder';
import type { Done, NotOwner } from '../src/protocol/rpc-data';
import { answerRequest, unavailable } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import { answerRun } from '../src/store/request-run';
import { UNDER_WAY_MAX } from './allowance';
import { AnswerLine, type Slot } from './answer-line';
import { Coordinator, type Surroundings } from './coordinator';
import type { KeyRequest } from './errand';
import type { Interruption, Line, OpenSession, Session } from './session';

// API

/** What a session needs of its node. */
export interface ClientSessionOptions {
  readonly settings: NodeSettings;
  readonly surroundings: Surroundings;
}

/** Gives what begins such conversations. */
export function clientSessions(options: ClientSessionOptions): OpenSession {
  return (line) => new ClientSession(line, options);
}

/** The answer to a request that has been its way. */
export function responseOf(request: Request, answer: Done | NotOwner, hops: number): Response {
  if (answer.type === 'not_owner') return responseOf(request, SENT_AWAY, hops);
  const { status, value, version, acks, copies, degraded } = answer;
  if (request.version === 1) return { type: 'response', version: 1, status, value };
  const { requestId, wantsMeta } = request;
  if (!wantsMeta) return { type: 'response', version: 2, requestId, status, value };
  const standing = { acks, copies, degraded, hops };
  const meta = encodeMeta(version === undefined ? standing : { ...standing, version });
  return { type: 'response', version: 2, requestId, status, value, meta };
}

// State

/** The conversation with one client. Mutable: this is the hottest path of a node. */
class ClientSession implements Session {
  isFull = false;
  isOver = false;
  private decoder: RequestDecoder;
  private readonly coordinator: Coordinator;
  private readonly answers: AnswerLine;
  private readonly settings: NodeSettings;

  constructor(
    private readonly line: Line,
    { settings, surroundings }: ClientSessionOptions,
  ) {
    this.settings = settings;
    this.decoder = new RequestDecoder(settings);
    this.coordinator = new Coordinator(line.self, surroundings);
    this.answers = new AnswerLine((answer) => encodeResponse(answer, line.writer));
  }

  get midRequest(): boolean {
    return this.decoder.midRequest;
  }

  get bytesBuffered(): number {
    return this.decoder.bytesBuffered + this.coordinator.bytesHeld + this.answers.bytesWaiting;
  }

  get isIdle(): boolean {
    return this.coordinator.underWay === 0 && this.answers.length === 0;
  }

  receive(chunk: Buffer): void {
    this.decoder.push(chunk);
    if (!this.isFull) this.answerAll();
  }

  handle(message: unknown): boolean {
    if (!this.coordinator.handle(message)) return false;
    if (this.isFull) this.resume();
    return true;
  }

  resume(): void {
    if (!this.isOver) this.answerAll();
  }

  interrupt(why: Interruption): void {
    const [status, cause] = LAST_WORDS[why];
    const value = fromUtf8(`Cannot read request: ${cause}`);
    this.isOver = true;
    this.decoder = new RequestDecoder(this.settings);
    // Where there is too much, all of it is let go; a last word would be taken for the answer to something else.
    if (why === 'too_much' && !this.isIdle) return this.abandon();
    this.answer({ type: 'response', version: 1, status, value });
  }

  private abandon(): void {
    this.coordinator.abandon();
    this.answers.clear();
  }

  // Requests

  private answerAll(): void {
    const { decoder, line } = this;
    const { writer } = line;
    // Whoever has the whole ring need not look at any key.
    const sole = this.coordinator.look();
    const nowMs = this.coordinator.unixMs;
    const writtenBytesMax = writer.bytes + line.roomBytes;
    const turn = sole && { decoder, writer, roomBytes: writtenBytesMax, nowMs };
    this.isFull = this.isStuck(writtenBytesMax);
    while (!this.isFull) {
      if (turn) answerRun(turn, sole);
      const found = writer.bytes > writtenBytesMax ? undefined : decoder.next();
      if (found?.type === 'request') this.take(found, sole, nowMs);
      else if (found) this.refuse(found);
      this.isFull = writer.bytes > writtenBytesMax || (sole === undefined && this.isStuck(writtenBytesMax));
      if (found === undefined) return;
    }
  }

  private take(request: Request, sole: Target | undefined, nowMs: number): void {
    if (sole === undefined) this.route(request, nowMs);
    else encodeResponse(answerRequest(request, sole, nowMs, this.coordinator.alone), this.line.writer);
  }

  private refuse({ answer, fatal }: Refusal): void {
    if (answer) this.answer(answer);
    this.isOver = fatal;
  }

  /** Whether there is no room for another answer, or for another request on its way. */
  private isStuck(writtenBytesMax: number): boolean {
    const { answers, coordinator, line } = this;
    const bytes = line.writer.bytes + answers.bytesWaiting;
    return bytes > writtenBytesMax || answers.length >= UNDER_WAY_MAX || coordinator.isFull;
  }

  /** Answers now, if nobody else need be asked; else begins to bring it to whoever has the key. */
  private route(request: Request, nowMs: number): void {
    if (!isForKey(request)) return this.answer(this.answerHere(request, nowMs));
    const { coordinator } = this;
    const copies = coordinator.copiesFor(request);
    if (copies && coordinator.table) this.answer(answerRequest(request, coordinator.table, nowMs, copies));
    else if (request.version === 1) this.begin(request, inVersion2(request), this.answers.reserve());
    else if (request.deadlineMs === 0) this.answer(responseOf(request, TOO_LATE, 0));
    else this.begin(request, request, undefined);
  }

  private answerHere(request: Request, nowMs: number): Response {
    const { table } = this.coordinator;
    return table ? answerRequest(request, table, nowMs) : unavailable(request);
  }

  private begin(request: Request, asked: KeyRequest, slot: Slot | undefined): void {
    const { deadlineMs = this.settings.requestTimeoutMs } = asked;
    this.coordinator.begin(asked, {
      isForwarded: false,
      deadlineAtMs: this.line.self.nowMs() + deadlineMs,
      answer: (answer, hops) => {
        const response = responseOf(request, answer, hops);
        if (slot && response.version === 1) this.answers.fill(slot, response);
        else encodeResponse(response, this.line.writer);
      },
    });
  }

  /** An answer of version 1 has to keep its place. */
  private answer(response: Response): void {
    if (response.version === 1 && this.answers.length > 0) this.answers.fill(this.answers.reserve(), response);
    else encodeResponse(response, this.line.writer);
  }
}

// Internal

const LAST_WORDS: Readonly<Record<Interruption, readonly [Status, string]>> = {
  late: ['invalid_request', 'the rest of it did not come in time'],
  too_much: ['server_error', 'the node is receiving too much at a time'],
};

const TOO_LATE = refusal('timeout', 'Cannot answer: the deadline has passed');
/** Nobody sends a client away but to another node, so this is only for completeness. */
const SENT_AWAY = refusal('server_error', 'Cannot answer: no node has the key');

function refusal(status: Status, text: string): Done {
  return { type: 'done', status, value: fromUtf8(text), acks: 0, copies: 1, degraded: true };
}

const isForKey = <R extends Request>(request: R): request is R & Pick<KeyRequest, 'op'> =>
  request.op !== 'ping' && request.op !== 'stats';

/** What version 1 does not say is as the node likes it. */
function inVersion2({ type, op, key, value }: RequestV1 & Pick<KeyRequest, 'op'>): KeyRequest {
  return { type, version: 2, op, key, value, requestId: 0, consistency: 'default', direct: false, wantsMeta: false };
}
