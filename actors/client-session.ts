/**
 * Client session: the conversation with a client, in either version of its protocol.
 *
 * All requests of a chunk are answered in the same turn and their answers leave in one write, so a
 * request costs no hop and no promise. Decoding is in src/protocol, answering in src/store.
 *
 * Bound: while answers wait to be taken by a slow reader, requests stay undecoded, so that a client
 * that never reads costs `pendingAnswerBytesMax` and one answer more.
 */
import type { NodeSettings } from '../src/config';
import { fromUtf8 } from '../src/octets';
import type { Request, Status } from '../src/protocol/client-protocol';
import { RequestDecoder } from '../src/protocol/request-decoder';
import { encodeResponse } from '../src/protocol/response-encoder';
import { answerRequest, unavailable } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import * as kvStore from './kv-store';
import type { Interruption, Line, Session } from './session';

/** The conversation with one client. Mutable: this is the hottest path of a node. */
export class ClientSession implements Session {
  isFull = false;
  isOver = false;
  readonly isIdle = true;
  private decoder: RequestDecoder;

  constructor(
    private readonly line: Line,
    private readonly settings: NodeSettings,
  ) {
    this.decoder = new RequestDecoder(settings);
  }

  get midRequest(): boolean {
    return this.decoder.midRequest;
  }

  get bytesBuffered(): number {
    return this.decoder.bytesBuffered;
  }

  receive(chunk: Buffer): void {
    this.decoder.push(chunk);
    if (!this.isFull) this.answerAll();
  }

  handle(): boolean {
    return false;
  }

  resume(): void {
    if (!this.isOver) this.answerAll();
  }

  interrupt(why: Interruption): void {
    const [status, cause] = LAST_WORDS[why];
    const value = fromUtf8(`Cannot read request: ${cause}`);
    encodeResponse({ type: 'response', version: 1, status, value }, this.line.writer);
    this.isOver = true;
    this.decoder = new RequestDecoder(this.settings);
  }

  private answerAll(): void {
    const { decoder, line } = this;
    const { writer } = line;
    const nowMs = line.self.systemMs();
    const target = kvStore.open();
    const writtenBytesMax = writer.bytes + line.roomBytes;
    this.isFull = false;
    for (let found = decoder.next(); found !== undefined; found = decoder.next()) {
      if (found.type === 'request') encodeResponse(answer(found, target, nowMs), writer);
      else {
        if (found.answer) encodeResponse(found.answer, writer);
        this.isOver = found.fatal;
      }
      if (writer.bytes > writtenBytesMax) {
        this.isFull = true;
        return;
      }
    }
  }
}

const LAST_WORDS: Readonly<Record<Interruption, readonly [Status, string]>> = {
  late: ['invalid_request', 'the rest of it did not come in time'],
  too_much: ['server_error', 'the node is receiving too much at a time'],
};

const answer = (request: Request, target: Target | undefined, nowMs: number) =>
  target ? answerRequest(request, target, nowMs) : unavailable(request);
