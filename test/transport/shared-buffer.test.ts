/** Sockets that are read through one buffer: that they are, and that nothing else about them changes. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { readThroughSharedBuffer } from '../../src/transport/shared-buffer';
import { closeAll, closeLater, until, within } from '../support/node';

afterEach(closeAll);

interface Pair {
  readonly server: Server;
  readonly accepted: Socket;
  readonly socket: Socket;
  readonly client: Socket;
}

async function connect(): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeLater(() => server.close());
  const coming = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('Cannot connect: there is no port');
  const client = createConnection(address.port, '127.0.0.1');
  const accepted = await within('a connection', coming);
  const socket = readThroughSharedBuffer(accepted);
  for (const each of [client, socket]) {
    each.on('error', () => {});
    closeLater(() => each.destroy());
  }
  return { server, accepted, socket, client };
}

function heardBy(socket: Socket): Buffer[] {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

const textOf = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('latin1');

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));

describe('readThroughSharedBuffer()', () => {
  it('moves the connection into another socket, with this release of Node too', async () => {
    const { accepted, socket, client } = await connect();
    expect(socket).not.toBe(accepted);
    expect(socket.remotePort).toBe(client.localPort);
  });

  it('reads nothing before it is resumed, and nothing while it is paused', async () => {
    const { socket, client } = await connect();
    const chunks = heardBy(socket);
    expect(socket.isPaused()).toBe(true);
    await new Promise((resolve) => client.write('early', resolve));
    expect(socket.bytesRead).toBe(0);
    socket.resume();
    await until('the first bytes', () => textOf(chunks) === 'early');
    socket.pause();
    const manyBytes = 32 * 1024 * 1024;
    let isTaken = false;
    client.write(Buffer.alloc(manyBytes), () => {
      isTaken = true;
    });
    // Another connection that is read meanwhile shows that there was time to read this one too.
    const other = await connect();
    const others = heardBy(other.socket);
    other.socket.resume();
    other.client.write('there was time');
    await until('the other bytes', () => textOf(others) === 'there was time');
    expect(textOf(chunks)).toBe('early');
    expect(isTaken).toBe(false);
    socket.resume();
    await until('the rest', () => socket.bytesRead === manyBytes + 5);
  });

  it('gives each receiver bytes that no later read changes', async () => {
    const pairs = [await connect(), await connect()];
    const heard = pairs.map(({ socket }) => heardBy(socket));
    for (const { socket } of pairs) socket.resume();
    for (const letter of ['a', 'b', 'c']) {
      for (const { client } of pairs) client.write(letter.repeat(10_000));
      await until(letter, () => heard.every((chunks) => textOf(chunks).endsWith(letter.repeat(10_000))));
    }
    const expected = ['a', 'b', 'c'].map((letter) => letter.repeat(10_000)).join('');
    for (const chunks of heard) expect(textOf(chunks)).toBe(expected);
  });

  it('stays open for answers when the other side has ended, then closes and is no longer counted', async () => {
    const { server, socket, client } = await connect();
    const answers = heardBy(client);
    const ended = new Promise<void>((resolve) => socket.once('end', resolve));
    socket.resume();
    client.end('the last question');
    await within('the end', ended);
    expect(await connectionsOf(server)).toBe(1);
    socket.end('the last answer');
    await within('both to have closed', new Promise((resolve) => socket.once('close', resolve)));
    await until('the answer', () => textOf(answers) === 'the last answer');
    expect(await connectionsOf(server)).toBe(0);
  });

  it('leaves a socket alone that has no connection any more', async () => {
    const { client } = await connect();
    client.destroy();
    expect(readThroughSharedBuffer(client)).toBe(client);
  });
});
