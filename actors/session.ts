/**
 * Session: one side of a conversation, in whatever protocol the first bytes of a connection have said. A plain
 * object in the process of that connection.
 *
 * The connection has the socket: it reads, writes, holds back a fast sender, waits for a slow
 * reader, and closes. The session has the meaning: it takes bytes apart, answers at once what it
 * can, and remembers what it cannot answer yet. client-session.ts speaks with clients,
 * peer-session.ts with other nodes.
 *
 * A session is called for bytes, for messages and when there is room again, by one at a time. It is
 * not told when its connection has ended: what it has under way is then answered to a pid that
 * nobody has any more.
 */
import type { Self } from '../src/otp';
import type { OctetWriter } from '../src/protocol/octet-writer';

/** What a session has of its connection. */
export interface Line {
  /** The process of the connection: what a session asks of others is answered there. */
  readonly self: Self<unknown>;
  /** What is written here leaves in one write, once the session has been called for all that is here already. */
  readonly writer: OctetWriter;
  /** How many bytes more may be written before the reader is a slow one; below 0, no more should be decoded. */
  readonly roomBytes: number;
}

/** Why a session has to end in the middle of a request. */
export type Interruption =
  /** The rest of it did not come in time. */
  | 'late'
  /** The node is receiving too much at a time. */
  | 'too_much';

/** A conversation with whoever is at the other end. */
export interface Session {
  /** Bytes have come: answer what can be answered now. The session may keep them. */
  receive(chunk: Buffer): void;
  /** A message for the session: the outcome of a question, a reply, a timer. False: it is not for it. */
  handle(message: unknown): boolean;
  /** The reader has taken what it was sent: go on where {@link isFull} made it stop. */
  resume(): void;
  /** Say a last word, let go of what has come of the request, and decode nothing more. */
  interrupt(why: Interruption): void;
  /** The conversation ends here: say what the other side should know of what was not answered, and that this process lives. */
  farewell?(): void;
  /** Whether it wants no more bytes just now: too much is in flight, or its reader is slow. */
  readonly isFull: boolean;
  /** Whether a request has begun to come and its end has not: it may not take for ever. */
  readonly midRequest: boolean;
  /** How many bytes it holds of requests that are not complete, and of those that are and have to be waited for. */
  readonly bytesBuffered: number;
  /** Whether nothing is left to be answered. */
  readonly isIdle: boolean;
  /** Whether it will decode nothing more: once it is idle, the connection ends. */
  readonly isOver: boolean;
}

/** Begins a conversation. */
export type OpenSession = (line: Line) => Session;
