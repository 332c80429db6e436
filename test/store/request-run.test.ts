/** Runs of simple requests: the same answers and the same table as by way of the decoder and the coordinator alone. */
import * as fc from 'fast-check';
import { nodeId } from '../../src/chord/id';
import { fromUtf8, type Octets } from '../../src/octets';
import type { Limits, Request, RequestV2 } from '../../src/protocol/client-protocol';
import { OctetWriter } from '../../src/protocol/octet-writer';
import { RequestDecoder } from '../../src/protocol/request-decoder';
import { encodeResponse } from '../../src/protocol/response-encoder';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { writerId, Writers } from '../../src/replication/version';
import { answerRequest } from '../../src/store/local-coordinator';
import { putLocally, type Target } from '../../src/store/local-write';
import { MemoryTable } from '../../src/store/memory-table';
import { answerRun } from '../../src/store/request-run';
import { allBytes, cut, places, requestBytes, requests, SEED } from '../protocol/fixtures';
import { DELETE, GET, PING, PUT } from '../support/node';
import { WHOLE } from './arbitraries';

const NOW_MS = 1_700_000_000_000;
const LIMITS: Limits = { keyBytesMax: 60, valueBytesMax: 1500, requestBytesMax: 4000 };
const ROOMY = Number.MAX_SAFE_INTEGER;

/** A connection and its node, with runs or without. */
class Served {
  readonly decoder = new RequestDecoder(LIMITS);
  readonly writer = new OctetWriter();
  readonly target: Target;
  /** How many requests have gone by way of the decoder. */
  decoded = 0;

  constructor(
    private readonly withRuns: boolean,
    memoryBytesMax = 2 ** 30,
  ) {
    const clock = new HybridClock(new Writers().intern(writerId(nodeId('127.0.0.1', 1), 1)));
    this.target = { table: new MemoryTable({ memoryBytesMax }), clock };
  }

  /** Answers what can be answered; gives back the answers. */
  serve(bytes: Uint8Array, nowMs = NOW_MS, roomBytes = ROOMY): Buffer {
    const { decoder, writer, target } = this;
    decoder.push(Uint8Array.from(bytes));
    for (;;) {
      if (this.withRuns) answerRun({ decoder, writer, roomBytes, nowMs }, target);
      const found = writer.bytes > roomBytes ? undefined : decoder.next();
      if (found === undefined) return allBytes(writer);
      this.decoded += 1;
      if (found.type === 'request') encodeResponse(answerRequest(found, target, nowMs), writer);
      else if (found.answer) encodeResponse(found.answer, writer);
    }
  }

  ask(...asked: readonly Request[]): Buffer {
    return this.serve(requestBytes(...asked));
  }

  putExpiring(key: string, value: Octets, expireAtMs: number): void {
    putLocally(this.target, { key: fromUtf8(key), value, expireAtMs, ev: true }, NOW_MS);
  }

  /** All that the table holds, and what it has counted and added up. */
  contents() {
    const { table, clock } = this.target;
    const { records } = table.walk(WHOLE, undefined, { recordsMax: 10_000, bytesMax: Infinity });
    const plain = records.map(({ key, value, version, expireAtMs, ev, valueBytes }) => {
      return { key, value: value && Buffer.from(value), version, expireAtMs, ev, valueBytes };
    });
    return { plain, stats: table.stats(), digest: table.digest(WHOLE), latest: clock.latest };
  }
}

/** Served with runs and without. */
const both = (memoryBytesMax?: number) =>
  [new Served(true, memoryBytesMax), new Served(false, memoryBytesMax)] as const;

/** Requests whose keys meet often: over values, over nothing, over tombstones. */
const anyRequests = fc.array(
  fc.tuple(requests(70, 1600), fc.constantFrom(undefined, 'a', 'b', 'c')).map(([request, key]): Request => {
    if (key === undefined || request.op === 'ping' || request.op === 'stats') return request;
    if (request.version === 1) return { ...request, key: fromUtf8(key) };
    return {
      ...request,
      key: fromUtf8(key),
      consistency: 'default',
      direct: false,
      wantsMeta: false,
      deadlineMs: undefined,
    };
  }),
  { minLength: 1, maxLength: 60 },
);

describe(`answerRun() with FC_SEED=${SEED}`, () => {
  it('answers and stores what the decoder and the coordinator would, however the bytes are cut', () => {
    const memoryBytesMax = fc.constantFrom(undefined, 2500);
    const step = fc.record({ asked: anyRequests, where: places, stepMs: fc.integer({ min: -3000, max: 3000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 }), memoryBytesMax, (steps, bytesMax) => {
        const [run, plain] = both(bytesMax);
        for (const node of [run, plain]) node.putExpiring('a', fromUtf8('soon gone'), NOW_MS + 1000);
        let nowMs = NOW_MS;
        for (const { asked, where, stepMs } of steps) {
          nowMs += stepMs;
          const pieces = cut(requestBytes(...asked), where);
          for (const piece of pieces) expect(run.serve(piece, nowMs)).toEqual(plain.serve(piece, nowMs));
        }
        expect(run.contents()).toEqual(plain.contents());
        expect(run.target.table.scrub(undefined, 10_000).mismatches).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('takes gets and overwriting puts, and whatever follows them in the same run', () => {
    const [run] = both();
    run.ask(PUT('k', 'first'));
    run.decoded = 0;
    const asked = [GET('k'), PUT('k', 'second'), GET('k'), GET('absent'), PUT('k', ''), GET('k')];
    expect(run.ask(...asked).toString('latin1')).toBe(
      'KVS\x01\0\0\0\0\x05first' +
        'KVS\x01\0\0\0\0\0' +
        'KVS\x01\0\0\0\0\x06second' +
        'KVS\x01\x01\0\0\0\0' +
        'KVS\x01\0\0\0\0\0' +
        'KVS\x01\0\0\0\0\0',
    );
    expect(run.decoded).toBe(0);
  });

  it('takes those of version 2 too, as long as they have no flags', () => {
    const [run] = both();
    run.ask(PUT('k', 'value'));
    run.decoded = 0;
    const v2: RequestV2 = {
      ...GET('k'),
      version: 2,
      requestId: 7,
      consistency: 'default',
      direct: false,
      wantsMeta: false,
    };
    const put: RequestV2 = { ...v2, op: 'put', value: fromUtf8('other'), requestId: 0xff_fe_fd_fc };
    expect(run.ask(v2, put, { ...v2, key: fromUtf8('absent') }).toString('latin1')).toBe(
      'KVS\x02\0\0\0\0\0\x07\0\0\0\x05value' +
        'KVS\x02\0\0\xff\xfe\xfd\xfc\0\0\0\0' +
        'KVS\x02\x01\0\0\0\0\x07\0\0\0\0',
    );
    expect(run.decoded).toBe(0);
    run.ask(
      { ...v2, wantsMeta: true },
      { ...put, consistency: 'eventual' },
      { ...v2, deadlineMs: 9 },
      { ...v2, direct: true },
    );
    expect(run.decoded).toBe(4);
  });

  it('leaves to the decoder what is anything else, and goes on behind it', () => {
    const [run] = both();
    const long = Buffer.alloc(1400, 'v');
    run.ask(PUT('k', 'value'), PUT('long', long));
    run.putExpiring('expiring', fromUtf8('value'), NOW_MS + 1000);
    const others: Request[] = [
      PUT('new', 'its first value'),
      PUT('expiring', 'over one that expires'),
      PUT('long', long),
      GET('long'),
      DELETE('k'),
      PING,
    ];
    for (const other of others) {
      run.decoded = 0;
      run.ask(PUT('new', 'value'), DELETE('new'), PUT('k', 'value'));
      run.decoded = 0;
      run.ask(GET('k'), other, GET('k'), GET('k'));
      expect([other.op, run.decoded]).toEqual([other.op, 1]);
    }
  });

  it('refuses a longer value in a table that is full, as the coordinator does, and takes a shorter one', () => {
    const [run, plain] = both(420);
    const asked = [PUT('k', 'x'.repeat(90)), PUT('k', 'x'.repeat(120)), PUT('k', 'short'), GET('k')];
    const answers = run.ask(...asked);
    expect(answers).toEqual(plain.ask(...asked));
    expect(answers.toString()).toContain('full');
    expect(run.contents()).toEqual(plain.contents());
  });

  it('takes no request in the midst of another', () => {
    const [run, plain] = both();
    for (const node of [run, plain]) node.ask(PUT('k', 'value'));
    for (const bytes of [Buffer.from('KV'), requestBytes(GET('k'))])
      expect(run.serve(bytes)).toEqual(plain.serve(bytes));
    expect(run.serve(requestBytes(GET('k')))).toEqual(Buffer.of());
  });

  it('ends as soon as there is no room for answers, and goes on when there is', () => {
    const [run] = both();
    run.ask(PUT('k', 'x'.repeat(91)));
    const answers = run.serve(requestBytes(...Array.from({ length: 10 }, () => GET('k'))), NOW_MS, 250);
    expect(answers.length).toBe(300);
    expect(run.serve(Buffer.of(), NOW_MS, 250).length).toBe(300);
    expect(run.serve(Buffer.of()).length).toBe(400);
  });
});
