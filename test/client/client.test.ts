/** The client against a node that can do everything wrong: src/client/client.ts and what is below it. */
import type { Client, ClientError, ClientOptions, ConnectionEvent } from '../../src/client';
import { connect, connectAny } from '../../src/client';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import type { Status } from '../../src/protocol/client-protocol';
import type { Result } from '../../src/result';
import { ANSWER, bytesOf, DROP, FakeServer, freePort, HOLD } from '../support/fake-server';

let server: FakeServer;
const clients: Client[] = [];

beforeEach(async () => {
  server = await FakeServer.listen();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await server.close();
});

async function open(options: ClientOptions = {}, port = server.port): Promise<Client> {
  const client = valueOf(
    await connect('127.0.0.1', port, { backoffMinMs: 1, backoffMaxMs: 5, retryRefused: false, ...options }),
  );
  clients.push(client);
  return client;
}

function valueOf<T>(result: Result<T, ClientError>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** What a caller decides by: the code, and whether the outcome is known. */
function failureOf(result: Result<unknown, ClientError>): readonly [string, 'definite' | 'indeterminate'] {
  if (result.ok) throw new Error('Expected a failure');
  return [result.error.code, result.error.definite ? 'definite' : 'indeterminate'];
}

function messageOf(result: Result<unknown, ClientError>): string {
  if (result.ok) throw new Error('Expected a failure');
  return result.error.message;
}

describe('meta', () => {
  const told = { acks: 2, copies: 3, degraded: false, hops: 1 };

  test('comes before the answer, where it is asked for', async () => {
    const client = await open();
    const version = '00000000010200030000000000000009';
    server.meta = { ...told, version: Buffer.from(version, 'hex').toString('latin1') as BinaryString };
    const seen: unknown[] = [];
    valueOf(await client.put('k', 'v', { onMeta: (meta) => seen.push(meta) }));
    expect(seen).toEqual([{ ...told, version, writtenAtMs: 258 }]);
    valueOf(await client.get('k'));
    expect(server.requests.map((request) => request.version === 2 && request.wantsMeta)).toEqual([true, false]);
    expect(seen).toHaveLength(1);
  });

  test('is not told where the node says none, or something else', async () => {
    const client = await open();
    const seen: unknown[] = [];
    const onMeta = (meta: unknown) => seen.push(meta);
    expect(failureOf(await client.get('k', { onMeta }))).toEqual(['not_found', 'definite']);
    server.meta = { acks: -1 };
    expect(
      failureOf(
        await client
          .delete('k', { onMeta })
          .then(valueOf)
          .then(() => client.get('k', { onMeta })),
      ),
    ).toEqual(['not_found', 'definite']);
    expect(seen).toEqual([]);
    server.meta = told;
    await client.get('k', { onMeta });
    expect(seen).toEqual([told]);
  });
});

describe.each([1, 2] as const)('in version %i of the protocol', (protocolVersion) => {
  test('put() stores what get() gives back', async () => {
    const client = await open({ protocolVersion });
    expect(await client.put('user:alice', 'Alice Smith')).toEqual({ ok: true, value: undefined });
    expect(await client.get('user:alice')).toEqual({ ok: true, value: Buffer.from('Alice Smith') });
    expect(server.requests.map(({ version }) => version)).toEqual([protocolVersion, protocolVersion]);
  });

  test('put() takes any bytes as key and value, also none', async () => {
    const client = await open({ protocolVersion });
    const key = Buffer.from([0xff, 0xfe, 0x00]);
    for (const value of [Buffer.alloc(0), Buffer.from([0, 0x80, 0xff]), Buffer.alloc(70_000, 7)]) {
      valueOf(await client.put(key, value));
      expect(valueOf(await client.get(key)).equals(value)).toBe(true);
    }
    valueOf(await client.put('', 'the empty key'));
    expect(valueOf(await client.get(''))).toEqual(Buffer.from('the empty key'));
  });

  test('put() takes a text for its bytes in UTF-8', async () => {
    const client = await open({ protocolVersion });
    valueOf(await client.put('ключ', '値'.repeat(1000)));
    expect(valueOf(await client.get(Buffer.from('ключ'))).toString()).toBe('値'.repeat(1000));
  });

  test('put() has copied a short value when it returns', async () => {
    const client = await open({ protocolVersion });
    const buffer = Buffer.from('before');
    const stored = client.put('k', buffer);
    buffer.fill(0x2a);
    valueOf(await stored);
    expect(valueOf(await client.get('k')).toString()).toBe('before');
  });

  test('get() answers not_found for an absent key', async () => {
    const client = await open({ protocolVersion });
    expect(await client.get('nobody')).toEqual({
      ok: false,
      error: { code: 'not_found', message: 'Key not found', definite: true },
    });
  });

  test('delete() removes a key, and an absent one too', async () => {
    const client = await open({ protocolVersion });
    valueOf(await client.put('k', 'v'));
    valueOf(await client.delete('k'));
    valueOf(await client.delete('k'));
    expect(failureOf(await client.get('k'))).toEqual(['not_found', 'definite']);
  });

  test('ping() answers pong, and stats() what the node counts', async () => {
    const client = await open({ protocolVersion });
    valueOf(await client.put('k', 'four'));
    expect(valueOf(await client.ping())).toBe('pong');
    expect(valueOf(await client.stats())).toEqual({ keys: 1, size: 5 });
  });

  test('get() has many requests under way on one connection, written at once', async () => {
    const client = await open({ protocolVersion });
    const keys = Array.from({ length: 500 }, (_, index) => `key:${index}`);
    await Promise.all(keys.map((key) => client.put(key, key)));
    expect(server.requestsPerChunk).toEqual([500]);
    const values = await Promise.all(keys.map(async (key) => valueOf(await client.get(key)).toString()));
    expect(values).toEqual(keys);
    expect(server.connectionsSeen).toBe(1);
  });

  test.each<[Status, string, string]>([
    ['invalid_request', 'definite', 'calls the request invalid'],
    ['server_error', 'definite', 'could not do it'],
    ['timeout', 'indeterminate', 'reached no quorum in time'],
    ['not_responsible', 'definite', 'is not responsible for the key now'],
  ])('put() gives back the status %s as %s', async (status, certainty, words) => {
    const client = await open({ protocolVersion });
    server.script = () => ({ type: 'status', status, message: 'that is why' });
    const result = await client.put('k', 'v');
    expect(failureOf(result)).toEqual([status, certainty]);
    expect(messageOf(result)).toBe(`Cannot put: 127.0.0.1:${server.port} ${words} (that is why)`);
  });

  test('put() says once that it cannot, though the node says so too', async () => {
    const client = await open({ protocolVersion });
    const message = 'Cannot put: fewer than two copies can be written';
    server.script = () => ({ type: 'status', status: 'server_error', message });
    const why = 'could not do it (fewer than two copies can be written)';
    expect(messageOf(await client.put('k', 'v'))).toBe(`Cannot put: 127.0.0.1:${server.port} ${why}`);
  });

  test('get() gives up when no answer comes in time, and later requests are answered right', async () => {
    const client = await open({ protocolVersion });
    server.script = ({ key }) => (key === 'slow' ? HOLD : ANSWER);
    server.table.set('slow', fromUtf8('too late')).set('quick', fromUtf8('in time'));
    const slow = await client.get('slow', { timeoutMs: 30 });
    expect(failureOf(slow)).toEqual(['timeout', 'indeterminate']);
    expect(messageOf(slow)).toBe(`Cannot get: no answer from 127.0.0.1:${server.port} in 30 ms`);
    server.release();
    expect(valueOf(await client.get('quick')).toString()).toBe('in time');
  });

  test('get() drops an answer that comes too late on a connection that is alive', async () => {
    const client = await open({ protocolVersion });
    server.table.set('slow', fromUtf8('too late')).set('quick', fromUtf8('in time'));
    server.script = ({ key }) => (key === 'slow' ? HOLD : ANSWER);
    const slow = client.get('slow', { timeoutMs: 30 });
    // In version 1 nothing may overtake the answer that is held: what is heard are its first bytes.
    if (protocolVersion === 2) expect(valueOf(await client.get('quick')).toString()).toBe('in time');
    await slow;
    server.release();
    server.script = () => ANSWER;
    expect(valueOf(await client.get('quick')).toString()).toBe('in time');
  });

  test('put() that was written is in doubt when the connection is lost', async () => {
    const client = await open({ protocolVersion });
    server.script = () => ({ type: 'cut', afterBytes: 6 });
    expect(failureOf(await client.put('k', 'v'))).toEqual(['connection_lost', 'indeterminate']);
    expect(server.requests).toHaveLength(1);
  });

  test('get() is asked again when the connection is lost', async () => {
    const client = await open({ protocolVersion });
    server.table.set('k', fromUtf8('v'));
    server.script = (_request, before) => (before === 0 ? { type: 'cut', afterBytes: 6 } : ANSWER);
    expect(valueOf(await client.get('k')).toString()).toBe('v');
    expect(server.connectionsSeen).toBe(2);
  });
});

describe('answers', () => {
  test('get() takes answers in any order', async () => {
    const client = await open();
    server.script = () => HOLD;
    const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
    for (const key of keys) server.table.set(key, fromUtf8(key));
    const answers = Promise.all(keys.map((key) => client.get(key)));
    await server.until(() => server.held.length === keys.length);
    server.release((held) => held.toReversed());
    expect((await answers).map((answer) => valueOf(answer).toString())).toEqual(keys);
  });

  test('get() takes an answer that comes in pieces', async () => {
    const client = await open();
    const answer = bytesOf({ type: 'response', version: 2, requestId: 0, status: 'success', value: fromUtf8('whole') });
    server.script = (_request, before) => ({
      type: 'bytes',
      bytes: before === 0 ? answer.subarray(0, 7) : answer.subarray(7),
    });
    const whole = client.get('k');
    await server.until(() => server.requests.length === 1);
    const unanswered = client.ping();
    expect(valueOf(await whole).toString()).toBe('whole');
    client.disconnect();
    expect(failureOf(await unanswered)).toEqual(['connection_lost', 'indeterminate']);
  });

  test('put() is in doubt when the answer is no answer', async () => {
    const client = await open();
    server.script = () => ({ type: 'bytes', bytes: Buffer.from('HTTP/1.1 400 Bad Request') });
    const result = await client.put('k', 'v');
    expect(failureOf(result)).toEqual(['connection_lost', 'indeterminate']);
    expect(messageOf(result)).toMatch(/does not begin with "KVS"/);
  });

  test('get() is not asked again of whoever speaks another protocol', async () => {
    const client = await open();
    server.script = () => ({ type: 'bytes', bytes: Buffer.from('HTTP/1.1 400 Bad Request') });
    const result = await client.get('k');
    expect(failureOf(result)).toEqual(['connection_lost', 'indeterminate']);
    expect(messageOf(result)).toMatch(/does not begin with "KVS"/);
    expect(server.requests).toHaveLength(1);
  });

  test('get() is not asked again of a node that speaks another version', async () => {
    const client = await open();
    const value = fromUtf8('unknown version');
    server.script = () => ({
      type: 'bytes',
      bytes: bytesOf({ type: 'response', version: 1, status: 'invalid_request', value }),
    });
    const result = await client.get('k');
    expect(failureOf(result)).toEqual(['connection_lost', 'indeterminate']);
    expect(messageOf(result)).toMatch(/it does not take version 2 \("unknown version"\)/);
    expect(server.requests).toHaveLength(1);
  });
});

describe('retries', () => {
  test('put() is sent again when the caller asks for it', async () => {
    const client = await open();
    server.script = (_request, before) => (before < 2 ? { type: 'cut', afterBytes: 0 } : ANSWER);
    expect(await client.put('k', 'v', { retryIndeterminate: true })).toEqual({ ok: true, value: undefined });
    expect(server.requests).toHaveLength(3);
  });

  test('put() that was sent again stays in doubt, whatever comes of the second time', async () => {
    const client = await open({ retryIndeterminate: true });
    server.script = (_request, before) =>
      before === 0 ? { type: 'cut', afterBytes: 0 } : { type: 'status', status: 'server_error' };
    expect(failureOf(await client.put('k', 'v'))).toEqual(['server_error', 'indeterminate']);
    server.script = () => ({ type: 'cut', afterBytes: 0 });
    const before = server.requests.length;
    const lost = client.put('k', 'v', { timeoutMs: 300 });
    await server.until(() => server.requests.length > before);
    await server.close();
    expect(failureOf(await lost)).toEqual(['connection_lost', 'indeterminate']);
  });

  test('get() waits for a node that comes back, and is answered', async () => {
    const { port } = server;
    const client = await open();
    await server.close();
    const answer = client.get('k');
    server = await FakeServer.listen(port);
    expect(failureOf(await answer)).toEqual(['not_found', 'definite']);
  });

  test('put() ends with not_connected when no node comes back in time', async () => {
    const { port } = server;
    const lost = eventOnce('lost');
    const client = await open({ onConnectionEvent: lost.onConnectionEvent });
    await server.close();
    await lost.happened;
    const result = await client.put('k', 'v', { timeoutMs: 60 });
    expect(failureOf(result)).toEqual(['not_connected', 'definite']);
    expect(messageOf(result)).toBe(`Cannot connect to 127.0.0.1:${port}: connection refused`);
  });

  test('connectAny() takes the first node that answers', async () => {
    const addresses = [
      { host: '127.0.0.1', port: await freePort() },
      { host: '127.0.0.1', port: server.port },
    ];
    const client = valueOf(await connectAny(addresses));
    clients.push(client);
    expect(valueOf(await client.ping())).toBe('pong');
  });
});

describe('connections', () => {
  test('connect() opens one connection, and another only when that is busy', async () => {
    const client = await open({ connections: 3 });
    valueOf(await client.ping());
    expect(server.connectionsSeen).toBe(1);
    server.script = () => HOLD;
    const answers = Promise.all(Array.from({ length: 10 }, () => client.ping()));
    await server.until(() => server.connectionsSeen === 3);
    const more = Promise.all(Array.from({ length: 10 }, () => client.ping()));
    await server.until(() => server.held.length === 20);
    server.release();
    expect((await Promise.all([answers, more])).flat().every((answer) => answer.ok)).toBe(true);
    expect(server.connectionsOpen).toBe(3);
  });

  test('connect() says at once that nobody listens', async () => {
    const port = await freePort();
    const result = await connect('127.0.0.1', port);
    expect(failureOf(result)).toEqual(['not_connected', 'definite']);
    expect(messageOf(result)).toBe(`Cannot connect to 127.0.0.1:${port}: connection refused`);
  });

  test.each<[string, number, ClientOptions, RegExp]>([
    ['', 8001, {}, /host ""/],
    ['localhost', 0, {}, /port 0/],
    ['localhost', 70_000, {}, /port 70000/],
    ['localhost', 8001, { timeoutMs: 0 }, /timeoutMs 0: it is not a whole number from 1 to 2147483647/],
    ['localhost', 8001, { inFlightMax: 1.5 }, /inFlightMax 1.5/],
    ['localhost', 8001, { backoffMinMs: 20, backoffMaxMs: 10 }, /backoffMaxMs 10: it is less than backoffMinMs/],
    ['localhost', 8001, { protocolVersion: 1, consistency: 'quorum' }, /consistency "quorum": version 1/],
  ])('connect() refuses host "%s", port %i and options %j', async (host, port, options, message) => {
    const result = await connect(host, port, options);
    expect(failureOf(result)).toEqual(['invalid_options', 'definite']);
    expect(messageOf(result)).toMatch(message);
  });

  test('get() leaves a connection on which nothing comes, and the next goes over another', async () => {
    const client = await open();
    server.script = (_request, before) => (before === 0 ? DROP : ANSWER);
    expect(failureOf(await client.get('k', { timeoutMs: 20 }))).toEqual(['timeout', 'indeterminate']);
    expect(valueOf(await client.ping())).toBe('pong');
    await server.until(() => server.connectionsOpen === 1);
    expect(server.connectionsSeen).toBe(2);
  });

  test('isConnected tells whether a connection is up', async () => {
    const lost = eventOnce('lost');
    const client = await open({ onConnectionEvent: lost.onConnectionEvent });
    expect(client.isConnected).toBe(true);
    expect(client.connectedTo).toEqual({ host: '127.0.0.1', port: server.port });
    server.cut();
    await lost.happened;
    expect(client.isConnected).toBe(false);
    valueOf(await client.ping());
    expect(client.isConnected).toBe(true);
  });
});

describe('bounds', () => {
  test('get() keeps at most inFlightMax requests under way, and the others in line', async () => {
    const client = await open({ inFlightMax: 4, waitingMax: 100 });
    server.script = () => HOLD;
    const answers = Promise.all(Array.from({ length: 10 }, () => client.ping()));
    for (const most of [4, 4, 2]) {
      await server.until(() => server.held.length === most);
      server.release();
    }
    expect((await answers).every((answer) => answer.ok)).toBe(true);
  });

  test('get() refuses what would make the line longer than waitingMax', async () => {
    const client = await open({ inFlightMax: 1, waitingMax: 2 });
    server.script = () => HOLD;
    const answers = [client.ping(), client.ping(), client.ping()];
    const refused = await client.put('k', 'v');
    expect(failureOf(refused)).toEqual(['overloaded', 'definite']);
    expect(messageOf(refused)).toBe('Cannot put: 2 requests wait already');
    await server.until(() => server.held.length === 1);
    server.script = () => ANSWER;
    server.release();
    expect((await Promise.all(answers)).every((answer) => answer.ok)).toBe(true);
  });

  test('put() that never had its turn in time certainly had no effect', async () => {
    const client = await open({ inFlightMax: 1 });
    server.script = () => HOLD;
    const first = client.ping({ timeoutMs: 2000 });
    const second = await client.put('k', 'v', { timeoutMs: 20 });
    expect(failureOf(second)).toEqual(['timeout', 'definite']);
    server.release();
    valueOf(await first);
    expect(server.table.size).toBe(0);
  });

  test('put() waits while the node does not read, and goes on when it does', async () => {
    const client = await open();
    valueOf(await client.ping());
    server.pause();
    const value = Buffer.alloc(4 * 1024 * 1024, 1);
    const answers = Promise.all(Array.from({ length: 12 }, (_, index) => client.put(`k${index}`, value)));
    server.resume();
    expect((await answers).every((answer) => answer.ok)).toBe(true);
    expect(server.table.size).toBe(12);
  });

  test.each([
    ['key', 'k'.repeat(11), 'v', 'Cannot put: the key has 11 bytes, more than 10'],
    ['value', 'k', 'v'.repeat(101), 'Cannot put: the value has 101 bytes, more than 100'],
  ])('put() refuses a %s that is too long before it is sent', async (_what, key, value, message) => {
    const client = await open({ keyBytesMax: 10, valueBytesMax: 100 });
    const result = await client.put(key, value);
    expect(failureOf(result)).toEqual(['too_large', 'definite']);
    expect(messageOf(result)).toBe(message);
    expect(server.requests).toHaveLength(0);
  });
});

describe('what is sent', () => {
  test('get() tells the node how long it waits and whose answer suffices', async () => {
    const client = await open({ consistency: 'quorum' });
    await client.get('a', { timeoutMs: 700 });
    await client.get('b', { consistency: 'eventual' });
    expect(server.requests).toMatchObject([{ consistency: 'quorum' }, { consistency: 'eventual' }]);
    const [first] = server.requests;
    if (first?.version !== 2 || first.deadlineMs === undefined) throw new Error('Expected a deadline');
    expect(first.deadlineMs).toBeGreaterThan(0);
    expect(first.deadlineMs).toBeLessThanOrEqual(700);
  });

  test('get() refuses a consistency for which version 1 has no word', async () => {
    const client = await open({ protocolVersion: 1 });
    expect(failureOf(await client.get('k', { consistency: 'eventual' }))).toEqual(['invalid_options', 'definite']);
  });
});

describe('disconnect()', () => {
  test('leaves requests that were written in doubt', async () => {
    const client = await open();
    server.script = () => HOLD;
    const read = client.get('k');
    const write = client.put('k', 'v', { retryIndeterminate: true });
    await server.until(() => server.held.length === 2);
    client.disconnect();
    expect(failureOf(await read)).toEqual(['connection_lost', 'indeterminate']);
    expect(failureOf(await write)).toEqual(['connection_lost', 'indeterminate']);
    await server.until(() => server.connectionsOpen === 0);
  });

  test('ends requests that were not written, for certain', async () => {
    const client = await open({ inFlightMax: 1 });
    const unwritten = client.put('a', '1');
    const inLine = client.put('b', '2');
    client.disconnect();
    expect(failureOf(await unwritten)).toEqual(['connection_lost', 'definite']);
    expect(failureOf(await inLine)).toEqual(['connection_lost', 'definite']);
    expect(server.requests).toHaveLength(0);
  });

  test('ends requests that wait for a node to come back', async () => {
    const lost = eventOnce('lost');
    const client = await open({ onConnectionEvent: lost.onConnectionEvent });
    await server.close();
    await lost.happened;
    const waiting = client.get('k');
    client.disconnect();
    expect(failureOf(await waiting)).toEqual(['connection_lost', 'definite']);
  });

  test('refuses what is asked afterwards, and does nothing the second time', async () => {
    const client = await open();
    client.disconnect();
    client.disconnect();
    const result = await client.get('k');
    expect(failureOf(result)).toEqual(['not_connected', 'definite']);
    expect(messageOf(result)).toBe('Cannot get: the client has disconnected');
  });
});

function eventOnce(type: ConnectionEvent['type']): {
  onConnectionEvent: (event: ConnectionEvent) => void;
  happened: Promise<void>;
} {
  let resolve: () => void = () => {};
  const happened = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { onConnectionEvent: (event) => event.type === type && resolve(), happened };
}
