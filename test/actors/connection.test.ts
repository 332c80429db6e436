/** One client's connection: bad input, answers in order, slow readers, fast writers (wire format, sections 1 and 2). */
import { EMPTY, fromUtf8 } from '../../src/octets';
import { type Pid, sys } from '../../src/otp';
import type { RequestV2, Response } from '../../src/protocol/client-protocol';
import { decodeMeta } from '../../src/protocol/meta';
import {
  bytesOfRequest,
  closeAll,
  closeLater,
  DELETE,
  GET,
  hex,
  inShort,
  PING,
  PUT,
  STATS,
  TestNode,
  textOf,
  until,
} from '../support/node';

const KIB = 1024;
const MIB = 1024 * KIB;

afterEach(closeAll);

/** A node, a client that this test is about, and one that must not notice. */
async function withBystander(options: Parameters<typeof TestNode.start>[0] = {}) {
  const node = await TestNode.start(options);
  const [client, bystander] = [await node.connect(), await node.connect()];
  expect(inShort(await bystander.ask(PUT('bystander', 'is well')))).toBe('success');
  const unharmed = async () => expect(inShort(await bystander.ask(GET('bystander')))).toBe('success is well');
  return { node, client, unharmed };
}

async function connectionsOf(node: TestNode, count: number): Promise<void> {
  await until(`${count} connections`, async () => (await node.connections()).length === count);
}

async function onlyConnection(node: TestNode): Promise<Pid> {
  await connectionsOf(node, 1);
  const [connection] = await node.connections();
  return node.pidAt(connection?.path ?? '');
}

describe('a connection whose client loses the framing', () => {
  it.each([
    ['a wrong first byte', '00 56 53 01 04'],
    ['a wrong second byte', '4b 00 53 01 04'],
    ['a wrong third byte', '4b 56 00 01 04'],
    ['version 0', '4b 56 53 00 04'],
    ['version 3', '4b 56 53 03 04'],
    ['operation 0', '4b 56 53 01 00'],
    ['operation 6 of version 2', '4b 56 53 02 06 00 00000001 00000000'],
    ['operation 255', '4b 56 53 01 ff'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex')],
    ['a response', '4b 56 53 01 ff 00000000'],
  ])('answers what came before, then invalid_request, then closes: %s', async (_what, bytes) => {
    const { node, client, unharmed } = await withBystander();
    client.send(PING, hex(bytes), PING);
    const answers = await client.answers(2);
    expect(answers.map(({ version, status }) => [version, status])).toEqual([
      [1, 'success'],
      [1, 'invalid_request'],
    ]);
    await client.end();
    expect(client.answersCount).toBe(2);
    await unharmed();
    client.close();
    await connectionsOf(node, 1);
  });

  it('closes, although its client keeps sending and does not close', async () => {
    const { node, client, unharmed } = await withBystander();
    client.send(hex('00'));
    const sending = setInterval(() => client.send(Buffer.alloc(100 * KIB)), 1);
    closeLater(() => clearInterval(sending));
    expect((await client.answers(1)).map(({ status }) => status)).toEqual(['invalid_request']);
    await client.end();
    await connectionsOf(node, 1);
    clearInterval(sending);
    await unharmed();
  });

  it('closes, although its client neither sends nor closes', async () => {
    const { node, client } = await withBystander();
    client.send(hex('00'));
    await client.end();
    expect(client.isClosed).toBe(false);
    await connectionsOf(node, 1);
  });

  it('closes, although its client reads nothing of all that was answered before', async () => {
    const { node, client } = await withBystander({ pendingAnswerBytesMax: 64 * MIB });
    expect(inShort(await client.ask(PUT('long', Buffer.alloc(12 * MIB))))).toBe('success');
    client.socket.pause();
    client.send(GET('long'), hex('00'));
    await until('it is closed', async () => (await node.connections()).length === 1);
  });

  it('survives any garbage: every connection is answered or closed, and the node goes on', async () => {
    const { node, unharmed } = await withBystander();
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    };
    for (let round = 0; round < 100; round += 1) {
      const client = await node.connect();
      const garbage = Buffer.from(Array.from({ length: random() % 200 }, () => random() & 0xff));
      // Half of them begin well.
      client.send(round % 2 === 0 ? hex('4b565301') : hex(''), garbage);
      client.finish();
      await client.end();
      expect(client.malformed).toBeUndefined();
      client.close();
    }
    await unharmed();
    await connectionsOf(node, 2);
  });
});

describe('a request that breaks a limit', () => {
  const limits = { keyBytesMax: 10, valueBytesMax: 20, requestBytesMax: 1000 };
  const key = (bytes: number) => 'k'.repeat(bytes);

  it('is refused and skipped, and the next one is served', async () => {
    const { client, unharmed } = await withBystander(limits);
    client.send(PUT(key(11), 'v'), GET(key(11)), PUT(key(10), 'v'.repeat(21)), PUT(key(10), 'v'.repeat(20)));
    client.send(DELETE(key(500)), GET(key(10)));
    expect((await client.answers(6)).map(({ status }) => status)).toEqual([
      'invalid_request',
      'invalid_request',
      'invalid_request',
      'success',
      'invalid_request',
      'success',
    ]);
    await unharmed();
  });

  it('is refused as soon as its length is read', async () => {
    const { client } = await withBystander(limits);
    client.send(hex('4b565301 01 0000000b'));
    expect(textOf((await client.answers(1))[0] as Response)).toMatch(/key of 11 bytes, longer than 10/);
    client.send(Buffer.from(key(11)), GET('x'));
    expect((await client.answers(1)).map(inShort)).toEqual(['not_found']);
  });

  it('ends the connection when it is longer than requestBytesMax', async () => {
    const { node, client, unharmed } = await withBystander(limits);
    client.send(PING, hex('4b565301 02 00000001 6b 00000400'), PING);
    expect((await client.answers(2)).map(({ status }) => status)).toEqual(['success', 'invalid_request']);
    await client.end();
    client.close();
    await connectionsOf(node, 1);
    await unharmed();
  });

  it.each([
    ['key', '4b565301 01 ffffffff'],
    ['key of version 2', '4b565302 01 00 00000007 ffffffff'],
    ['value', '4b565301 02 00000001 6b ffffffff'],
    ['value of 64 MiB', '4b565301 02 00000001 6b 04000000'],
  ])('of an absurd length costs no memory and ends the connection: %s', async (_what, bytes) => {
    const { client, unharmed } = await withBystander();
    const before = process.memoryUsage().arrayBuffers;
    client.send(hex(bytes));
    expect((await client.answers(1)).map(({ status }) => status)).toEqual(['invalid_request']);
    await client.end();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB);
    await unharmed();
  });

  it('is skipped without being kept when it has up to 64 MiB', async () => {
    const { client, unharmed } = await withBystander();
    const bytes = 60 * MIB;
    client.send(hex('4b565301 02 00000001 6b'), hex(bytes.toString(16).padStart(8, '0')), Buffer.alloc(bytes), PING);
    expect((await client.answers(2)).map(({ status }) => status)).toEqual(['invalid_request', 'success']);
    await unharmed();
  });
});

describe('a half-sent request', () => {
  it('ends its connection when it stands still, with an answer', async () => {
    const { node, client, unharmed } = await withBystander({ idleRequestTimeoutMs: 30 });
    client.send(PING, hex('4b565301 02 00000001 6b 00000005 61'));
    expect((await client.answers(2)).map(({ status }) => status)).toEqual(['success', 'invalid_request']);
    await client.end();
    await connectionsOf(node, 1);
    await unharmed();
  });

  it('does not, as long as more of it comes; and a connection between two requests may stand still', async () => {
    const { node, client } = await withBystander({ idleRequestTimeoutMs: 300 });
    const pid = (await node.connections())[0]?.path;
    for (const byte of bytesOfRequest(PUT('k', 'slow but steady'))) {
      client.send(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await client.answers(1)).map(inShort)).toEqual(['success']);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(inShort(await client.ask(GET('k')))).toBe('success slow but steady');
    expect((await node.connections())[0]?.path).toBe(pid);
  });

  it('ends its connection at once when its client goes', async () => {
    const { node, client } = await withBystander();
    client.send(hex('4b5653'));
    client.finish();
    await client.end();
    await connectionsOf(node, 1);
    expect(client.answersCount).toBe(0);
  });
});

describe('half-sent requests of all connections together', () => {
  /** A put of nearly one MiB. */
  const large = bytesOfRequest(PUT('k', 'x'.repeat(1000 * KIB)));
  const beginning = (bytes: number) => large.subarray(0, bytes);

  it('are bounded: the large one that is too much is refused, small ones and whole ones are not', async () => {
    const { node, client, unharmed } = await withBystander({ arrivingBytesMax: MIB });
    const small = await node.connect();
    small.send(beginning(1000));
    const first = await node.connect();
    first.send(beginning(900 * KIB));
    // The first is in before the second comes.
    await connectionsOf(node, 4);
    const states = async () => Promise.all((await node.connections()).map(({ path }) => node.pidAt(path)));
    await until('900 KiB have arrived', async () => {
      const kept = await Promise.all((await states()).map((pid) => sys.getStatus(pid)));
      return kept.some(({ state }) => (state as { bytesBuffered: number }).bytesBuffered >= 899 * KIB);
    });
    client.send(beginning(500 * KIB));
    expect(inShort((await client.answers(1))[0] as Response)).toContain('server_error');
    await client.end();
    await unharmed();
    first.send(large.subarray(900 * KIB));
    expect((await first.answers(1)).map(inShort)).toEqual(['success']);
    small.send(large.subarray(1000));
    expect((await small.answers(1)).map(inShort)).toEqual(['success']);
  });

  it('count no more once they are complete, or their connection has ended', async () => {
    const { node, client } = await withBystander({ arrivingBytesMax: MIB });
    for (let round = 0; round < 4; round += 1) {
      const gone = await node.connect();
      gone.send(beginning(900 * KIB));
      gone.socket.destroy();
      await connectionsOf(node, 2);
      expect(inShort(await client.ask(PUT('k', 'x'.repeat(900 * KIB))))).toBe('success');
    }
  });
});

describe('the answers of a connection', () => {
  it('come in the order of the requests, however the bytes are cut', async () => {
    const node = await TestNode.start();
    const requests = Array.from({ length: 300 }, (_, i) =>
      i % 3 === 0 ? PUT(`k${i}`, `v${i}`) : GET(`k${i - (i % 3)}`),
    );
    const expected = requests.map((_, i) => (i % 3 === 0 ? 'success' : `success v${i - (i % 3)}`));
    const stream = Buffer.concat(requests.map(bytesOfRequest));
    for (const cutBytes of [stream.length, 1000, 7, 1]) {
      const client = await node.connect();
      for (let at = 0; at < stream.length; at += cutBytes) client.send(stream.subarray(at, at + cutBytes));
      expect((await client.answers(requests.length)).map(inShort)).toEqual(expected);
    }
  });

  it('all come to a client that has said all it wanted, and then the connection ends', async () => {
    const node = await TestNode.start();
    const client = await node.connect();
    client.send(PUT('k', Buffer.alloc(3 * MIB, 7)), ...Array.from({ length: 20 }, () => GET('k')), STATS);
    client.finish();
    const answers = await client.answers(22);
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 22 }, () => 'success'));
    expect(textOf(answers[21] as Response)).toBe(`keys: 1, size: ${3 * MIB + 1}`);
    await client.end();
    await connectionsOf(node, 0);
  });

  it('of version 2 name their request and tell of the value; both versions mix', async () => {
    const node = await TestNode.start();
    const client = await node.connect();
    const ask = (fields: Partial<RequestV2>): RequestV2 => ({
      type: 'request',
      version: 2,
      op: 'get',
      key: fromUtf8('k'),
      value: EMPTY,
      requestId: 1,
      consistency: 'default',
      direct: false,
      wantsMeta: false,
      ...fields,
    });
    client.send(
      ask({ op: 'put', value: fromUtf8('v'), requestId: 0xffff_ffff, wantsMeta: true }),
      PING,
      ask({ requestId: 2, wantsMeta: true, consistency: 'quorum', direct: true }),
      ask({ requestId: 3, consistency: 'eventual' }),
      ask({ requestId: 4, deadlineMs: 0 }),
      ask({ requestId: 5, deadlineMs: 0, op: 'put', value: fromUtf8('late') }),
      ask({ requestId: 6, deadlineMs: 60_000, op: 'ping', key: EMPTY }),
      ask({ requestId: 7, key: fromUtf8('absent'), wantsMeta: true }),
    );
    const answers = await client.answers(8);
    expect(answers.map((answer) => [answer.version === 2 ? answer.requestId : 'v1', answer.status])).toEqual([
      [0xffff_ffff, 'success'],
      ['v1', 'success'],
      [2, 'success'],
      [3, 'success'],
      [4, 'timeout'],
      [5, 'timeout'],
      [6, 'success'],
      [7, 'not_found'],
    ]);
    const meta = answers.map((answer) => {
      const read = answer.version === 2 && answer.meta !== undefined ? decodeMeta(answer.meta) : undefined;
      return read?.ok ? read.value : undefined;
    });
    const standing = { acks: 1, copies: 1, degraded: true, hops: 0 };
    expect(meta[0]).toEqual({ ...standing, version: expect.any(String) as string });
    expect(meta[0]?.version).toHaveLength(16);
    // What was read is what was written.
    expect(meta[2]).toEqual(meta[0]);
    expect(meta[3]).toBeUndefined();
    expect(meta[7]).toEqual(standing);
    expect(inShort(await client.ask(GET('k')))).toBe('success v');
  });

  it.each([
    ['unknown flags', 0x20],
    ['unknown consistency', 0x03],
  ])('refuse %s of version 2 and go on', async (_what, flags) => {
    const node = await TestNode.start();
    const client = await node.connect();
    client.send(hex(`4b565302 01 ${flags.toString(16).padStart(2, '0')} 00000009 00000001 6b`), PING);
    const answers = await client.answers(2);
    expect(answers[0]).toMatchObject({ version: 2, requestId: 9, status: 'invalid_request' });
    expect(inShort(answers[1] as Response)).toBe('success pong');
  });
});

describe('a connection whose client does not read', () => {
  it('costs little memory and holds nobody up, and answers everything in the end', async () => {
    const { node, client, unharmed } = await withBystander();
    const value = Buffer.alloc(16 * MIB);
    for (let at = 0; at < value.length; at += 4) value.writeUInt32LE(at, at);
    expect(inShort(await client.ask(PUT('long', value)))).toBe('success');
    const before = process.memoryUsage();
    client.socket.pause();
    const requests = 60;
    for (let i = 0; i < requests; i += 1) client.send(GET('long'));
    await until('the connection waits for its reader', async () => {
      const [connection] = await node.connections();
      return connection !== undefined && (await isStalled(await node.pidAt(connection.path)));
    });
    for (let i = 0; i < 20; i += 1) await unharmed();
    const after = process.memoryUsage();
    expect((after.rss - before.rss) / MIB).toBeLessThan(150);
    expect((after.arrayBuffers - before.arrayBuffers) / MIB).toBeLessThan(100);
    client.socket.resume();
    for (let i = 0; i < requests; i += 1) {
      const [answer] = await client.answers(1);
      if (answer === undefined || typeof answer.value === 'string') throw new Error('No long value');
      expect(value.equals(answer.value)).toBe(true);
    }
    await unharmed();
  }, 60_000);

  it('takes no more requests than its mailbox may hold bytes, and forgets none', async () => {
    const node = await TestNode.start();
    const client = await node.connect();
    const pid = await onlyConnection(node);
    await sys.suspend(pid);
    const put = bytesOfRequest(PUT('k', 'v'.repeat(1000)));
    const puts = 5000;
    for (let i = 0; i < puts; i += 1) client.send(put);
    let waitingBytes = -1;
    await until('the socket is no longer read', () => {
      const bytes = bytesIn(node, pid);
      const isSteady = bytes > 0 && bytes === waitingBytes;
      waitingBytes = bytes;
      return isSteady;
    });
    expect(waitingBytes).toBeLessThanOrEqual((256 + 64) * KIB);
    await sys.resume(pid);
    const answers = await client.answers(puts);
    expect(answers.every(({ status }) => status === 'success')).toBe(true);
  });

  it('bounds the bytes in its mailbox while a client sends as fast as it can', async () => {
    const node = await TestNode.start();
    const client = await node.connect();
    const pid = await onlyConnection(node);
    const batch = Buffer.concat(Array.from({ length: 1000 }, (_, i) => bytesOfRequest(PUT(`k${i}`, 'v'.repeat(100)))));
    let most = 0;
    for (let i = 0; i < 50; i += 1) {
      client.send(batch);
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, bytesIn(node, pid));
    }
    await client.answers(50_000);
    expect(most).toBeLessThanOrEqual((256 + 64) * KIB);
  });
});

async function isStalled(pid: Pid): Promise<boolean> {
  return JSON.stringify(await sys.getStatus(pid)).includes('"stalled":true');
}

/** The bytes of the chunks in a mailbox. */
function bytesIn(node: TestNode, pid: Pid): number {
  const messages = node.runtime.processInfo(pid)?.messages ?? [];
  return messages.reduce<number>((sum, message) => sum + ((message as { chunk?: Buffer }).chunk?.length ?? 0), 0);
}
