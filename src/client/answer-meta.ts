/** Answer meta: what a node says about an answer besides the answer, in words that a caller can use. */
import { type Octets, toBuffer } from '../octets';
import { decodeMeta } from '../protocol/meta';

/** What is known of how a request was carried out. What a node does not say is absent. */
export interface AnswerMeta {
  /** Of the value that was read or written: 32 hexadecimal digits. Of two versions of a key, the larger text is the newer one. */
  readonly version?: string;
  /** When that was written, by its writer's clock, in Unix milliseconds. */
  readonly writtenAtMs?: number;
  /** How many nodes had it when the answer was given. */
  readonly acks?: number;
  /** How many nodes keep the key. */
  readonly copies?: number;
  /** Those are fewer than they should be. */
  readonly degraded?: boolean;
  /** How often the request was passed on before it was served. */
  readonly hops?: number;
}

/** The meta in these bytes; undefined where they hold none. */
export function answerMetaIn(octets: Octets): AnswerMeta | undefined {
  const decoded = decodeMeta(octets);
  if (!decoded.ok) return undefined;
  const { version, ...rest } = decoded.value;
  if (version === undefined) return rest;
  const bytes = toBuffer(version);
  return { version: bytes.toString('hex'), writtenAtMs: bytes.readUIntBE(0, MS_BYTES), ...rest };
}

const MS_BYTES = 6;
