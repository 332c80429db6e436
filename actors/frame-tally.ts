/**
 * Frame tally: how much a node says to other nodes, counted where frames are written.
 *
 * One object for all links and sessions of a node. An idle ring must be quiet, and this is how one can
 * tell. What a handshake takes is left out.
 */
import type { Result } from '../src/result';
import type { OctetWriter } from '../src/protocol/octet-writer';
import { encodeFrame, type Frame, writePacked } from '../src/protocol/rpc-frames';

/** Counts from the start of the node on. */
export class FrameTally {
  private messages = 0;
  private bytes = 0;

  /** How many frames have been written to other nodes: questions, answers and tales. */
  get messagesSent(): number {
    return this.messages;
  }

  /** How many bytes they took. */
  get bytesSent(): number {
    return this.bytes;
  }

  /** Writes a frame as `encodeFrame` does, and counts it. */
  encode(frame: Frame, writer: OctetWriter): Result<number, string> {
    const written = encodeFrame(frame, writer);
    if (written.ok) {
      this.messages += 1;
      this.bytes += written.value;
    }
    return written;
  }

  /** Writes a frame whose message is packed already, and counts it. */
  write(message: string, writer: OctetWriter): void {
    this.messages += 1;
    this.bytes += writePacked(message, writer);
  }
}
