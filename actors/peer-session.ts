/**
 * Peer session: the conversation with a node that has dialled this one.
 *
 * First both say who they are (src/protocol/rpc-handshake.ts); then the other asks and tells, many
 * questions at a time, answered in any order. Some are answered on the spot; the others go to the actor
 * that can answer them, by its registered name, and the answer comes back as a message to this connection's
 * process (rpc-reply.ts). Nobody waits: a question to an actor that is not there is refused at once, and
 * one that is never answered is forgotten when its time is over.
 *
 * Bounds: so many questions under way (questions.ts), and no more are decoded while they hold too many bytes
 * or their answers wait for a slow reader. What cannot be understood is answered
 * with an error; where the framing is lost the connection ends. Either is logged once a connection.
 */
import type { KeyId } from '../src/chord/id';
import type { NextHop } from '../src/chord/lookup';
import type { Peer } from '../src/chord/peer';
import type { BinaryString } from '../src/octets';
import { nameOf, type TimerRef } from '../src/otp';
import type { ReplicaQuestion, RpcGet } from '../src/protocol/rpc-data';
import { type AskedFrame, PackedFrames, packedResponse, type ShortFrame } from '../src/protocol/rpc-data-packed';
import type { Described } from '../src/protocol/rpc-description';
import {
  type Frame,
  FrameDecoder,
  type FrameRefusal,
  type RequestFrame,
  type RpcErrorCode,
  type TellFrame,
  WHOLE_CONNECTION,
} from '../src/protocol/rpc-frames';
import { Handshake, type HandshakeEvent, type Hello, peerOf } from '../src/protocol/rpc-handshake';
import {
  decodeQuestion,
  encodeAnswer,
  type FindNext,
  questionBytes,
  type RpcAnswer,
  type RpcQuestion,
} from '../src/protocol/rpc-messages';
import { decodeTale } from '../src/protocol/rpc-tales';
import type { Writers } from '../src/replication/version';
import { unreachable } from '../src/unreachable';
import type { DataService, RecordQuestion } from './data-service';
import type { FrameTally } from './frame-tally';
import { IN_FLIGHT_MAX, Questions } from './questions';
import { isRpcReply, LAST_WORDS, LEAVING, PARTING, type RpcAsked, type RpcTold } from './rpc-reply';
import type { Interruption, Line, OpenSession, Session } from './session';

// API

/** What a session needs of its node. */
export interface PeerSessionOptions {
  /** What this node says of itself. */
  readonly hello: Hello;
  /** The node's, for the versions that come. */
  readonly writers: Writers;
  /** Where this node would go from here; undefined: it is in no ring. */
  readonly answerFindNext: (question: FindNext) => NextHop | undefined;
  /** What this node knows and holds. */
  readonly answerDescribe: () => Described | undefined;
  /** Begins to serve records; called once for each session that asks for any. */
  readonly serveData: (line: Line) => DataService;
  /** The identifier of a key, where that is known without hashing it. @default it is hashed */
  readonly idOf?: (key: BinaryString) => KeyId;
  /** Counts what is sent. */
  readonly tally: FrameTally;
}

/** Gives what begins such conversations. */
export function peerSessions(options: PeerSessionOptions): OpenSession {
  return (line) => new PeerSession(line, options);
}

// State

/** How often those are forgotten that nobody has answered. */
const SWEEP_MS = 5000;

const SWEEP = { type: 'peer_session_sweep' } as const;

/** Who answers what is not answered here. */
type ActorName = 'ring-state' | 'failure-detector' | 'handoff';

class PeerSession implements Session {
  isFull = false;
  isOver = false;
  private readonly handshake: Handshake;
  /** Whether the other side has been told who this is, and so understands an error. */
  private greeted = false;
  /** Undefined until the handshake has succeeded. */
  private peer: Peer | undefined;
  private decoder: FrameDecoder<ShortFrame> | undefined;
  private data: DataService | undefined;
  private readonly packedFrames: PackedFrames;
  private readonly underWay = new Questions();
  /** When the last bytes came: nothing that is decoded now has come later. */
  private receivedAtMs = 0;
  private hasComplained = false;
  private sweep: TimerRef | undefined;

  constructor(
    private readonly line: Line,
    private readonly options: PeerSessionOptions,
  ) {
    this.handshake = new Handshake({ role: 'listener', self: options.hello });
    this.packedFrames = new PackedFrames(options.writers, options.idOf);
  }

  get midRequest(): boolean {
    return this.decoder?.midFrame ?? !this.isOver;
  }

  get bytesBuffered(): number {
    return this.decoder?.bytesBuffered ?? this.handshake.input.bytesBuffered;
  }

  get isIdle(): boolean {
    return this.isOver || this.underWay.count === 0;
  }

  receive(chunk: Buffer): void {
    if (this.isOver) return;
    this.receivedAtMs = this.line.self.nowMs();
    if (this.decoder === undefined) return this.shakeHands(chunk);
    this.decoder.push(chunk);
    if (!this.isFull) this.decodeAll(this.decoder);
  }

  resume(): void {
    if (this.decoder !== undefined && !this.isOver) this.decodeAll(this.decoder);
  }

  handle(message: unknown): boolean {
    if (isRpcReply(message)) {
      if ('answer' in message) this.answer(message.correlationId, message.answer);
      else this.refuse(message.correlationId, message.error.code, message.error.message);
    } else if (message === SWEEP) {
      this.forgetLate();
    } else if (!this.data?.handle(message)) {
      return false;
    }
    // What made it full may be over; where its reader was the cause, it is the connection that says so.
    if (this.isFull && !this.underWay.isFull && this.line.roomBytes >= 0) this.resume();
    return true;
  }

  interrupt(why: Interruption): void {
    if (this.greeted) this.writeError(WHOLE_CONNECTION, ...LAST_WORDS[why]);
    this.complain('peer_interrupted', { cause: why });
    this.end();
  }

  /** What a node that has left its ring has been sent and has not answered, it has not done either: it may go elsewhere. */
  farewell(): void {
    if (!this.greeted || this.isOver) return;
    const hasLeft = this.isIdle && this.options.answerDescribe()?.state === 'leaving';
    this.writeError(WHOLE_CONNECTION, ...(hasLeft ? LEAVING : PARTING));
    this.end();
  }

  // Shaking hands

  private shakeHands(chunk: Buffer): void {
    this.handshake.push(chunk);
    for (let event = this.handshake.next(); event !== undefined; event = this.handshake.next()) this.follow(event);
  }

  private follow(event: HandshakeEvent): void {
    switch (event.type) {
      case 'send':
        this.greeted = true;
        this.line.writer.write(event.octets);
        return;
      case 'refused':
        if (event.farewell) this.line.writer.write(event.farewell);
        this.complain('peer_refused', { code: event.code, message: event.message });
        return this.end();
      case 'accepted':
        this.peer = peerOf(event.hello);
        this.decoder = new FrameDecoder(undefined, this.handshake.input, this.packedFrames);
        return this.decodeAll(this.decoder);
      default:
        return unreachable(event);
    }
  }

  // Frames

  private decodeAll(decoder: FrameDecoder<ShortFrame>): void {
    const { writer } = this.line;
    const writtenBytesMax = writer.bytes + this.line.roomBytes;
    this.isFull = false;
    for (let found = decoder.next(); found !== undefined; found = decoder.next()) {
      this.take(found);
      if (this.isOver) return;
      if (writer.bytes > writtenBytesMax || this.underWay.isFull) {
        this.isFull = true;
        return;
      }
    }
  }

  private take(found: Frame | FrameRefusal | ShortFrame): void {
    switch (found.type) {
      case 'asked':
        return this.takeAsked(found);
      case 'request':
        return this.takeRequest(found);
      case 'tell':
        return this.takeTale(found);
      case 'refused':
        return this.takeRefusal(found);
      case 'error':
        if (found.correlationId !== WHOLE_CONNECTION) return;
        this.complain('peer_ended', { code: found.code, message: found.message });
        return this.end();
      case 'response':
      case 'answered':
        // Nothing is asked on a connection that the other side has opened.
        return;
      default:
        return unreachable(found);
    }
  }

  private takeRefusal({ message, about, fatal }: FrameRefusal): void {
    this.complain('peer_not_understood', { message });
    if (about?.type === 'request') this.writeError(about.correlationId, 'bad_request', message);
    if (!fatal) return;
    this.writeError(WHOLE_CONNECTION, 'bad_request', message);
    this.end();
  }

  private takeTale({ method, body }: TellFrame): void {
    const decoded = decodeTale(method, body);
    if (!decoded.ok) return this.complain('peer_not_understood', { message: decoded.error.message });
    if (this.peer === undefined) return;
    this.tell('ring-state', { type: 'rpc_told', from: this.peer, tale: decoded.value });
  }

  private takeAsked({ correlationId, deadlineMs, question }: AskedFrame): void {
    const deadlineAtMs = this.receivedAtMs + deadlineMs;
    if (this.isInTime(correlationId, question.type, deadlineMs)) this.dispatch(correlationId, question, deadlineAtMs);
  }

  private takeRequest({ correlationId, method, body, deadlineMs }: RequestFrame): void {
    const deadlineAtMs = deadlineMs === undefined ? undefined : this.receivedAtMs + deadlineMs;
    if (deadlineMs !== undefined && !this.isInTime(correlationId, method, deadlineMs)) return;
    const decoded = decodeQuestion(method, body, this.options.writers);
    if (!decoded.ok) {
      this.complain('peer_not_understood', { message: decoded.error.message });
      return this.writeError(correlationId, decoded.error.code, decoded.error.message);
    }
    this.dispatch(correlationId, decoded.value, deadlineAtMs);
  }

  private isInTime(correlationId: number, method: string, deadlineMs: number): boolean {
    if (deadlineMs > 0 && this.receivedAtMs + deadlineMs >= this.line.self.nowMs()) return true;
    this.writeError(correlationId, 'deadline_passed', `Cannot answer ${method}: its time is over`);
    return false;
  }

  // Questions

  private dispatch(correlationId: number, question: RpcQuestion, deadlineAtMs: number | undefined): void {
    switch (question.type) {
      case 'find_next':
        return this.answerAtOnce(correlationId, this.options.answerFindNext(question));
      case 'describe':
        return this.answerAtOnce(correlationId, this.options.answerDescribe());
      case 'get':
      case 'put_replica':
      case 'get_replica':
        return this.serveNow(correlationId, question, deadlineAtMs);
      case 'put':
      case 'delete':
      case 'sync_next':
      case 'ranges':
      case 'fetch':
      case 'push':
        if (this.begin(correlationId, question, deadlineAtMs)) this.serve(correlationId, question, deadlineAtMs);
        return;
      case 'ping':
      case 'get_state':
      case 'join':
        return this.pass('ring-state', correlationId, question, deadlineAtMs);
      case 'ping_for':
        return this.pass('failure-detector', correlationId, question, deadlineAtMs);
      default:
        return this.pass('handoff', correlationId, question, deadlineAtMs);
    }
  }

  private answerAtOnce(correlationId: number, answer: RpcAnswer | undefined): void {
    if (answer !== undefined) return this.writeAnswer(correlationId, answer);
    this.writeError(correlationId, 'not_a_member', 'Cannot answer: this node is in no ring');
  }

  /** Most of what a node under load is asked: answered in this very moment, it need not be taken note of. */
  private serveNow(correlationId: number, question: RpcGet | ReplicaQuestion, deadlineAtMs: number | undefined): void {
    if (this.peer === undefined) return;
    this.data ??= this.options.serveData(this.line);
    const answer = this.underWay.has(correlationId) ? undefined : this.data.answerNow?.(question, this.peer);
    if (answer !== undefined) return this.writeAnswer(correlationId, answer);
    if (this.begin(correlationId, question, deadlineAtMs)) this.serve(correlationId, question, deadlineAtMs);
  }

  private serve(correlationId: number, question: RecordQuestion, deadlineAtMs: number | undefined): void {
    if (this.peer === undefined) return;
    this.data ??= this.options.serveData(this.line);
    this.data.serve(question, {
      from: this.peer,
      deadlineAtMs,
      answer: (answer) => this.answer(correlationId, answer),
      refuse: (code, message) => this.refuse(correlationId, code, message),
    });
  }

  private pass(to: ActorName, correlationId: number, question: RpcQuestion, deadlineAtMs: number | undefined): void {
    if (this.peer === undefined || !this.begin(correlationId, question, deadlineAtMs)) return;
    const replyTo = { pid: this.line.self.pid, correlationId, from: this.peer };
    if (this.tell(to, { type: 'rpc_asked', question, replyTo })) return;
    this.refuse(correlationId, 'overloaded', `Cannot answer ${question.type}: ${to} is not there just now`);
  }

  /** False: nobody of this name is there. */
  private tell(to: ActorName, message: RpcAsked | RpcTold): boolean {
    const { self } = this.line;
    if (self.runtime.whereis(to) === undefined) return false;
    self.send(nameOf<RpcAsked | RpcTold>(to), message);
    return true;
  }

  /** Takes note of a question under way; false: it is one too many, and has been refused. */
  private begin(correlationId: number, question: RpcQuestion, deadlineAtMs: number | undefined): boolean {
    const { self } = this.line;
    const begun = this.underWay.begin(correlationId, questionBytes(question), self.nowMs(), deadlineAtMs);
    switch (begun) {
      case 'begun':
        this.sweep ??= self.sendAfter(SWEEP_MS, self.pid, SWEEP);
        return true;
      case 'too_many':
        this.writeError(correlationId, 'overloaded', `Cannot answer ${question.type}: ${IN_FLIGHT_MAX} are under way`);
        return false;
      case 'in_use':
        this.writeError(correlationId, 'bad_request', `Cannot answer ${question.type}: its number is in use`);
        return false;
      default:
        return unreachable(begun);
    }
  }

  private forgetLate(): void {
    const { self } = this.line;
    this.underWay.forgetLate(self.nowMs());
    this.sweep = this.underWay.count === 0 ? undefined : self.sendAfter(SWEEP_MS, self.pid, SWEEP);
  }

  private settle(correlationId: number): boolean {
    return this.underWay.settle(correlationId) && !this.isOver;
  }

  // Answers

  private answer(correlationId: number, answer: RpcAnswer): void {
    if (this.settle(correlationId)) this.writeAnswer(correlationId, answer);
  }

  private refuse(correlationId: number, code: RpcErrorCode, message: string): void {
    if (this.settle(correlationId)) this.writeError(correlationId, code, message);
  }

  private writeAnswer(correlationId: number, answer: RpcAnswer): void {
    const packed = packedResponse(correlationId, answer);
    if (packed !== undefined) return this.options.tally.write(packed, this.line.writer);
    const frame: Frame = { type: 'response', correlationId, body: encodeAnswer(answer) };
    const written = this.options.tally.encode(frame, this.line.writer);
    if (!written.ok) this.writeError(correlationId, 'internal', written.error);
  }

  private writeError(correlationId: number, code: RpcErrorCode, message: string): void {
    this.options.tally.encode({ type: 'error', correlationId, code, message }, this.line.writer);
  }

  /** Nothing more is decoded or answered. */
  private end(): void {
    this.isOver = true;
    this.decoder = undefined;
    this.handshake.input.clear();
  }

  /** One line a connection: whoever talks nonsense may do so often. */
  private complain(event: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.hasComplained) return;
    this.hasComplained = true;
    const from = this.peer === undefined ? {} : { from: this.peer.addr };
    this.line.self.runtime.logger.event('warning', event, { ...from, ...fields });
  }
}
