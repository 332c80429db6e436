/**
 * RPC data, packed: the frames about single keys that a ring under load consists of, written and read in one go.
 *
 * What they look like is said in rpc-frames.ts and rpc-data.ts, and it is not said twice: this writes the very bytes
 * that come of those, and reads what they would read, at a fifth of what it costs to go through arrays of values. Whatever
 * is out of the ordinary (long values, records that expire, answers that say why not) is left to them, and so is whatever
 * does not look right: who reads a frame here learns what it means, or nothing at all.
 */
import type { KeyId } from '../chord/id';
import { keyId } from '../chord/id';
import { type BinaryString, toBinaryString } from '../octets';
import type { Epoch } from '../replication/epoch';
import type { Testimony } from '../replication/testimony';
import { encodeVersion, Version, VERSION_BYTES, type Writer, type Writers } from '../replication/version';
import { Record } from '../store/record';
import { type Consistency, CONSISTENCY_BITS, consistencyOfFlags, STATUS_BYTES, statusOfByte } from './client-protocol';
import { PackedReader } from './packed-reader';
import * as packed from './packed-text';
import type { DataAnswer, DataQuestion, Done, Minted, PutReplica, Replica, RequestQuestion } from './rpc-data';
import type { Shortcut } from './rpc-frames';
import type { RpcAnswer, RpcQuestion } from './rpc-messages';
import { epochValue } from './rpc-parts';
import { packValue } from './rpc-values';

/** A question about a key, as it came. */
export interface AskedFrame {
  readonly type: 'asked';
  readonly correlationId: number;
  readonly deadlineMs: number;
  readonly question: DataQuestion;
}

/** An answer about a key, as it came: perhaps not one to what was asked. */
export interface AnsweredFrame {
  readonly type: 'answered';
  readonly correlationId: number;
  readonly answer: DataAnswer;
}

/** What can be read at sight. */
export type ShortFrame = AskedFrame | AnsweredFrame;

// Questions

const REQUEST = packed.array(5) + packed.number(0);
const RESPONSE = packed.array(3) + packed.number(1);

/** The message of a request frame; undefined where that is for `encodeFrame`. */
export function packedRequest(correlationId: number, question: RpcQuestion, deadlineMs: number): string | undefined {
  const body = packedBody(question);
  if (body === undefined) return undefined;
  return REQUEST + packed.number(correlationId) + METHODS[question.type] + packed.number(deadlineMs) + body;
}

/** A record to be kept is put into words once for all who are sent it. */
export function packedOnce(question: PutReplica): PutReplica {
  const { type, epoch, record, isNew } = question;
  return { type, epoch, record, isNew, packed: replicaBody(question) };
}

type Packable = DataQuestion['type'];
const METHODS: { readonly [Type in RpcQuestion['type']]?: string } = {
  get: packed.word('get'),
  put: packed.word('put'),
  delete: packed.word('delete'),
  put_replica: packed.word('put_replica'),
  get_replica: packed.word('get_replica'),
} satisfies { readonly [Type in Packable]: string };

const TWO = packed.array(2);
const THREE = packed.array(3);
const FOUR = packed.array(4);

function packedBody(question: RpcQuestion): string | undefined {
  switch (question.type) {
    case 'get':
    case 'delete':
      return isShort(question.key) ? THREE + requestText(question) : undefined;
    case 'put': {
      const { key, value } = question;
      if (!isShort(key) || typeof value !== 'string') return undefined;
      return FOUR + requestText(question) + packed.octets(value);
    }
    case 'put_replica':
      return question.packed ?? replicaBody(question);
    case 'get_replica': {
      const { epoch, key, wantsValue } = question;
      return isShort(key) ? THREE + epochText(epoch) + packed.octets(key) + packed.boolean(wantsValue) : undefined;
    }
    default:
      return undefined;
  }
}

function replicaBody({ epoch, record, isNew }: PutReplica): string | undefined {
  const { key, value, expireAtMs, ev } = record;
  if (!isShort(key) || expireAtMs !== undefined || (value !== undefined && typeof value !== 'string')) return undefined;
  const stored = value === undefined ? packed.NIL : packed.octets(value);
  const version = packed.octets(encodeVersion(record));
  const contents = RECORD + packed.octets(key) + version + stored + packed.NIL + packed.boolean(ev);
  return THREE + epochText(epoch) + contents + packed.boolean(isNew === true);
}

const RECORD = packed.array(5);
const SHORT_BYTES_MAX = 0xffff;
const isShort = ({ length }: BinaryString) => length <= SHORT_BYTES_MAX;

function requestText({ key, consistency, testimony }: RequestQuestion): string {
  return packed.octets(key) + packed.number(CONSISTENCY_BITS[consistency]) + testimonyText(testimony);
}

function testimonyText(testimony: Testimony | undefined): string {
  if (testimony === undefined) return packed.NIL;
  const { epoch, version } = testimony;
  return TWO + epochText(epoch) + (version === undefined ? packed.NIL : packed.octets(encodeVersion(version)));
}

/** One epoch is written again and again. */
let lastEpoch: { readonly epoch: Epoch; readonly text: string } | undefined;

function epochText(epoch: Epoch): string {
  if (lastEpoch?.epoch === epoch) return lastEpoch.text;
  const text = toBinaryString(packValue(epochValue(epoch)));
  lastEpoch = { epoch, text };
  return text;
}

// Answers

/** The message of a response frame; undefined where that is for `encodeFrame`. */
export function packedResponse(correlationId: number, answer: RpcAnswer): string | undefined {
  const body = packedAnswer(answer);
  return body === undefined ? undefined : RESPONSE + packed.number(correlationId) + body;
}

const MINTED = packed.array(4) + packed.word('minted');
const STORED = packed.array(1) + packed.word('stored');
const REPLICA = packed.array(3) + packed.word('replica');
/** No arc has more. */
const COPIES_MAX = 127;
const DONE = packed.array(7) + packed.word('done');

function packedAnswer(answer: RpcAnswer): string | undefined {
  switch (answer.type) {
    case 'stored':
      return STORED;
    case 'minted': {
      const { version, copies, degraded } = answer;
      if (copies > COPIES_MAX) return undefined;
      return MINTED + packed.octets(encodeVersion(version)) + packed.number(copies) + packed.boolean(degraded);
    }
    case 'replica': {
      const { isVoter, version, record } = answer;
      if (record !== undefined) return undefined;
      const held = version === undefined ? packed.NIL : packed.octets(encodeVersion(version));
      return REPLICA + packed.boolean(isVoter) + held;
    }
    case 'done': {
      const { status, value, version, acks, copies, degraded } = answer;
      if (typeof value !== 'string' || acks > COPIES_MAX || copies > COPIES_MAX) return undefined;
      const outcome = packed.number(STATUS_BYTES[status]) + packed.octets(value);
      const written = version === undefined ? packed.NIL : packed.octets(version);
      return DONE + outcome + written + packed.number(acks) + packed.number(copies) + packed.boolean(degraded);
    }
    default:
      return undefined;
  }
}

/** Whether a question of this type can have this answer. */
export function isAnswerTo(type: RpcQuestion['type'], { type: answer }: DataAnswer): boolean {
  switch (type) {
    case 'get':
      return answer === 'done';
    case 'put':
    case 'delete':
      return answer === 'done' || answer === 'minted';
    case 'put_replica':
      return answer === 'stored';
    case 'get_replica':
      return answer === 'replica';
    default:
      return false;
  }
}

// Reading

/** Longer ones are read as any other. */
const FRAME_BYTES_MAX = 4096;

/** Reads such frames. Mutable: one for each connection. */
export class PackedFrames implements Shortcut<ShortFrame> {
  private readonly reader = new PackedReader();
  private epoch: Epoch = { n: 0, by: 0n };
  private epochWord0 = 0;
  private epochWord1 = 0;
  private writer: Writer | undefined;

  constructor(
    private readonly writers: Writers,
    /** The identifier of a key, where that is known without hashing it. */
    private readonly idOf: (key: BinaryString) => KeyId = keyId,
  ) {}

  /** What a message means that lies in `bytes[start, end)`; undefined where that is for `unpackValue` to say. */
  read(bytes: Buffer, start: number, end: number): ShortFrame | undefined {
    if (end - start > FRAME_BYTES_MAX) return undefined;
    this.reader.begin(bytes, start, end);
    const found = bytes[start] === REQUEST_BYTE ? this.request() : this.response();
    return this.reader.finish() ? found : undefined;
  }

  private request(): AskedFrame | undefined {
    const { reader } = this;
    reader.array(5);
    if (reader.uint32() !== 0) return undefined;
    const correlationId = reader.uint32();
    if (correlationId === 0) return undefined;
    if (reader.takesWord('put_replica')) return this.asked(correlationId, this.deadlineMs(), this.putReplica());
    if (reader.takesWord('get_replica')) return this.asked(correlationId, this.deadlineMs(), this.getReplica());
    if (reader.takesWord('get')) return this.asked(correlationId, this.deadlineMs(), this.keyed('get'));
    if (reader.takesWord('put')) return this.asked(correlationId, this.deadlineMs(), this.put());
    if (reader.takesWord('delete')) return this.asked(correlationId, this.deadlineMs(), this.keyed('delete'));
    return undefined;
  }

  private asked(correlationId: number, deadlineMs: number, question: DataQuestion): AskedFrame {
    return { type: 'asked', correlationId, deadlineMs, question };
  }

  private deadlineMs(): number {
    return this.reader.uint32();
  }

  private putReplica(): DataQuestion {
    const { reader } = this;
    reader.array(3);
    const epoch = this.readEpoch();
    reader.array(5);
    const key = reader.key();
    const version = this.version();
    const value = reader.takesNil() ? undefined : reader.octets();
    if (!reader.takesNil()) reader.isLost = true;
    const ev = reader.boolean();
    const isNew = reader.boolean();
    const id = reader.isLost ? NO_ID : this.idOf(key);
    return { type: 'put_replica', epoch, record: new Record(id, key, version, value, undefined, ev), isNew };
  }

  private getReplica(): DataQuestion {
    const { reader } = this;
    reader.array(3);
    const epoch = this.readEpoch();
    const key = reader.key();
    return { type: 'get_replica', epoch, key, wantsValue: reader.boolean() };
  }

  private keyed(type: 'get' | 'delete'): DataQuestion {
    this.reader.array(3);
    return { type, key: this.reader.key(), consistency: this.consistency(), testimony: this.testimony() };
  }

  private put(): DataQuestion {
    const { reader } = this;
    reader.array(4);
    const key = reader.key();
    const consistency = this.consistency();
    const testimony = this.testimony();
    return { type: 'put', key, value: reader.octets(), consistency, testimony };
  }

  private response(): AnsweredFrame | undefined {
    const { reader } = this;
    reader.array(3);
    if (reader.uint32() !== 1) return undefined;
    const correlationId = reader.uint32();
    const answer = this.answer(reader.peek());
    return correlationId === 0 || answer === undefined ? undefined : { type: 'answered', correlationId, answer };
  }

  private answer(head: number): DataAnswer | undefined {
    const { reader } = this;
    reader.at += 1;
    if (head === STORED_BYTE && reader.takesWord('stored')) return IS_STORED;
    if (head === MINTED_BYTE && reader.takesWord('minted')) return this.minted();
    if (head === REPLICA_BYTE && reader.takesWord('replica')) return this.replica();
    return head === DONE_BYTE && reader.takesWord('done') ? this.done() : undefined;
  }

  private replica(): Replica {
    const isVoter = this.reader.boolean();
    const version = this.reader.takesNil() ? undefined : this.version();
    return { type: 'replica', isVoter, version, record: undefined };
  }

  private minted(): Minted {
    const version = this.version();
    return { type: 'minted', version, copies: this.reader.uint32(), degraded: this.reader.boolean() };
  }

  private done(): Done {
    const { reader } = this;
    const status = statusOfByte(reader.uint32());
    const value = reader.octets();
    const version = reader.takesNil() ? undefined : this.versionText();
    const acks = reader.uint32();
    const copies = reader.uint32();
    const degraded = reader.boolean();
    if (status === undefined) reader.isLost = true;
    return { type: 'done', status: status ?? 'server_error', value, version, acks, copies, degraded };
  }

  // Parts

  private consistency(): Consistency {
    const bits = this.reader.uint32();
    const consistency = bits <= CONSISTENCY_MAX ? consistencyOfFlags(bits) : undefined;
    if (consistency === undefined) this.reader.isLost = true;
    return consistency ?? 'default';
  }

  private readEpoch(): Epoch {
    const { reader } = this;
    reader.array(2);
    const n = reader.count();
    reader.uint64Head();
    const word0 = reader.word();
    const word1 = reader.word();
    if (this.epoch.n === n && this.epochWord0 === word0 && this.epochWord1 === word1) return this.epoch;
    this.epoch = { n, by: (BigInt(word0) << 32n) | BigInt(word1) };
    this.epochWord0 = word0;
    this.epochWord1 = word1;
    return this.epoch;
  }

  private testimony(): Testimony | undefined {
    const { reader } = this;
    if (reader.takesNil()) return undefined;
    reader.array(2);
    const epoch = this.readEpoch();
    return { epoch, version: reader.takesNil() ? undefined : this.version() };
  }

  private versionText(): BinaryString {
    this.reader.octetsHead(VERSION_BYTES);
    return this.reader.text(VERSION_BYTES);
  }

  private version(): Version {
    const { reader } = this;
    reader.octetsHead(VERSION_BYTES);
    const word0 = reader.word() | 0;
    const word1 = reader.word() | 0;
    const writerAt = reader.at;
    const word2 = reader.word() | 0;
    const word3 = reader.word() | 0;
    if (this.writer?.word2 !== word2 || this.writer.word3 !== word3) {
      reader.at = writerAt;
      this.writer = this.writers.intern(reader.text(WRITER_BYTES));
    }
    return new Version(word0, word1, this.writer);
  }
}

const REQUEST_BYTE = 0x95;
const STORED_BYTE = 0x91;
const REPLICA_BYTE = 0x93;
const MINTED_BYTE = 0x94;
const DONE_BYTE = 0x97;
const WRITER_BYTES = 8;
const CONSISTENCY_MAX = Math.max(...Object.values(CONSISTENCY_BITS));
const NO_ID = '' as KeyId;
const IS_STORED: DataAnswer = { type: 'stored' };
