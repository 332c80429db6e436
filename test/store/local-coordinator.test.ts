/** Requests answered from a node's own table, without a node. */
import { nodeId } from '../../src/chord/id';
import { EMPTY, fromUtf8 } from '../../src/octets';
import type { Op, RequestV2, Response } from '../../src/protocol/client-protocol';
import { decodeMeta } from '../../src/protocol/meta';
import { HybridClock } from '../../src/replication/hybrid-clock';
import { writerId, Writers } from '../../src/replication/version';
import { answerRequest, unavailable } from '../../src/store/local-coordinator';
import type { Target } from '../../src/store/local-write';
import { MemoryTable } from '../../src/store/memory-table';
import { DELETE, GET, inShort, PING, PUT, STATS } from '../support/node';

const NOW_MS = 1_700_000_000_000;

function target(memoryBytesMax?: number): Target {
  const clock = new HybridClock(new Writers().intern(writerId(nodeId('127.0.0.1', 1), 1)));
  return { table: new MemoryTable(memoryBytesMax === undefined ? {} : { memoryBytesMax }), clock };
}

const v2 = (op: Op, fields: Partial<RequestV2> = {}): RequestV2 => ({
  type: 'request',
  version: 2,
  op,
  key: fromUtf8('k'),
  value: EMPTY,
  requestId: 1,
  consistency: 'default',
  direct: false,
  wantsMeta: true,
  ...fields,
});

function metaOf(response: Response) {
  const read = response.version === 2 && response.meta !== undefined ? decodeMeta(response.meta) : undefined;
  return read?.ok ? read.value : undefined;
}

describe('answerRequest()', () => {
  it('puts, gets, deletes, and counts', () => {
    const node = target();
    const ask = (request: Parameters<typeof answerRequest>[0]) => inShort(answerRequest(request, node, NOW_MS));
    expect(ask(STATS)).toBe('success keys: 0, size: 0');
    expect(ask(GET('k'))).toBe('not_found');
    expect(ask(DELETE('k'))).toBe('success');
    expect(ask(PUT('k', 'value'))).toBe('success');
    expect(ask(GET('k'))).toBe('success value');
    expect(ask(PUT('', ''))).toBe('success');
    expect(ask(GET(''))).toBe('success');
    expect(ask(STATS)).toBe('success keys: 2, size: 6');
    expect(ask(DELETE('k'))).toBe('success');
    expect(ask(GET('k'))).toBe('not_found');
    expect(ask(STATS)).toBe('success keys: 1, size: 0');
    expect(ask(PING)).toBe('success pong');
  });

  it('gives each write a later version, the clock going backwards or not', () => {
    const node = target();
    const versions = [0, 5, -500, -900, 0, 1].map((stepMs) => {
      const answer = answerRequest(v2('put', { value: fromUtf8('v') }), node, NOW_MS + stepMs);
      expect(answer.status).toBe('success');
      return metaOf(answer)?.version ?? '';
    });
    expect(new Set(versions).size).toBe(versions.length);
    expect(versions.toSorted()).toEqual(versions);
  });

  it('refuses to write, definitely, while the clock is far behind its own past', () => {
    const node = target();
    answerRequest(PUT('k', 'old'), node, NOW_MS);
    const answer = answerRequest(PUT('k', 'new'), node, NOW_MS - 5000);
    expect(inShort(answer)).toBe("server_error Cannot write: this node's clock is 5000 ms behind");
    expect(inShort(answerRequest(DELETE('k'), node, NOW_MS - 5000))).toMatch(/^server_error /);
    expect(inShort(answerRequest(GET('k'), node, NOW_MS - 5000))).toBe('success old');
  });

  it('does nothing for a request whose deadline has passed', () => {
    const node = target();
    const late = answerRequest(v2('put', { value: fromUtf8('v'), deadlineMs: 0 }), node, NOW_MS);
    expect(inShort(late)).toBe('timeout Cannot answer: the deadline has passed');
    expect(node.table.stats().keys).toBe(0);
  });

  it('refuses a put that does not fit, and takes a delete always', () => {
    const node = target(1000);
    expect(answerRequest(PUT('k', 'v'.repeat(500)), node, NOW_MS).status).toBe('success');
    expect(answerRequest(PUT('l', 'v'), node, NOW_MS).status).toBe('server_error');
    expect(answerRequest(DELETE('k'), node, NOW_MS).status).toBe('success');
    expect(answerRequest(PUT('l', 'v'), node, NOW_MS).status).toBe('success');
  });
});

describe('unavailable()', () => {
  it('is a definite failure in the words of the version that asked', () => {
    expect(inShort(unavailable(GET('k')))).toBe('server_error Cannot answer: the store is restarting');
    expect(unavailable(v2('get', { requestId: 9 }))).toMatchObject({
      version: 2,
      requestId: 9,
      status: 'server_error',
    });
  });
});
