/**
 * Meta: what a node knows about a value and how it came by it, for version 2 clients that ask.
 *
 *   meta   a MessagePack map {version: 16 bytes, acks, copies, degraded, hops}, each as far as it applies
 */
import { Packr, Unpackr } from 'msgpackr';
import { type BinaryString, type Octets, toBinaryString, toBuffer } from '../octets';
import { err, ok, type Result } from '../result';

/** What a response can say besides the value (wire format, section 2). What does not apply is absent. */
export interface Meta {
  /** The value's version: 16 bytes, the newer of two being the larger. */
  readonly version?: BinaryString;
  /** How many replicas had confirmed when the answer was given. */
  readonly acks?: number;
  /** How many replicas the key should have. */
  readonly copies?: number;
  /** Fewer replicas are reachable than the key should have. */
  readonly degraded?: boolean;
  /** How often the request was passed on before it was served. */
  readonly hops?: number;
}

const VERSION_BYTES = 16;

// Records are an extension that only msgpackr reads. Bytes that are unpacked share memory with their input until
// toBinaryString() copies them.
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** The bytes of `meta`. */
export function encodeMeta(meta: Meta): Octets {
  const { version, ...counts } = meta;
  return toBinaryString(packr.pack(version === undefined ? counts : { version: toBuffer(version), ...counts }));
}

/**
 * The meta that `octets` hold, or the sentence that says why they hold none. Keys that this version does not know
 * are passed over, so that a node may say more than its client understands.
 */
export function decodeMeta(octets: Octets): Result<Meta, string> {
  const map = unpackMap(octets);
  if (map === undefined) return err('Cannot read meta: not a MessagePack map');
  const meta: { -readonly [Name in keyof Meta]: Meta[Name] } = {};
  for (const [name, value] of Object.entries(map)) {
    switch (name) {
      case 'version':
        if (!isVersion(value)) return wrongType(name);
        meta.version = toBinaryString(value);
        break;
      case 'acks':
      case 'copies':
      case 'hops':
        if (!isCount(value)) return wrongType(name);
        meta[name] = value;
        break;
      case 'degraded':
        if (typeof value !== 'boolean') return wrongType(name);
        meta.degraded = value;
        break;
      default: // A newer node knows more.
    }
  }
  return ok(meta);
}

function unpackMap(octets: Octets): object | undefined {
  try {
    const unpacked: unknown = unpackr.unpack(toBuffer(octets));
    return isMap(unpacked) ? unpacked : undefined;
  } catch {
    // Whatever msgpackr has against these bytes, they are not a map.
    return undefined;
  }
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isVersion(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === VERSION_BYTES;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function wrongType(name: string): Result<never, string> {
  return err(`Cannot read meta: "${name}" has the wrong type`);
}
