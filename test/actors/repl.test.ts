/** The interactive client, driven through streams: what is typed, and every character that comes back. */
import { PassThrough } from 'node:stream';
import * as repl from '../../actors/repl';
import { Runtime } from '../../src/otp';
import { FakeAdmin } from '../support/fake-admin';
import type { Peer } from '../../src/chord/peer';
import { arcOf, peersOf, pieceOf, ShownReplicas, viewOf, viewsOf } from '../support/shown-replicas';
import { ShownRing } from '../support/shown-ring';
import { DROP, FakeServer, freePort, HOLD } from '../support/fake-server';

let server: FakeServer;
let runtime: Runtime;

beforeEach(async () => {
  server = await FakeServer.listen();
  runtime = new Runtime();
});

afterEach(async () => {
  runtime.stop();
  await server.close();
});

const KILLED = -1;

/** A session, and what it has written so far. */
class Session {
  readonly input = new PassThrough();
  readonly output: PassThrough;
  readonly notices = new PassThrough({ encoding: 'utf8' });
  readonly kept: (readonly string[])[] = [];
  text = '';
  private waiters: { readonly holds: () => boolean; readonly go: () => void }[] = [];

  constructor(outputBytesMax = 1 << 16) {
    this.output = new PassThrough({ encoding: 'utf8', highWaterMark: outputBytesMax });
    this.output.on('data', (text: string) => {
      this.text += text;
      const waiters = this.waiters;
      this.waiters = waiters.filter(({ holds }) => !holds());
      for (const { holds, go } of waiters) if (holds()) go();
    });
  }

  async start(options: Partial<repl.Args> = {}) {
    const { input, output, notices } = this;
    const history = { lines: [], linesMax: 10, keep: (lines: readonly string[]) => void this.kept.push([...lines]) };
    const addresses = [{ host: '127.0.0.1', port: server.port }];
    const adminServers = { addresses: [{ host: '127.0.0.1', port: server.port }], timeoutMs: 2000 };
    const args = {
      addresses,
      timeoutMs: 2000,
      adminServers,
      input,
      output,
      notices,
      terminal: false,
      strict: false,
      history,
    };
    const result = await runtime.run(() => repl.start({ ...args, ...options }));
    if (result === 'ignore') throw new Error('Expected a session');
    return result;
  }

  /** The exit code of a session that is started now. */
  async run(options: Partial<repl.Args> = {}): Promise<number> {
    const result = await this.start(options);
    if (!result.ok) throw new Error('Expected a session');
    // A test that fails before the end of its session leaves it to be killed: its own failure is what counts.
    return repl.exitCode(result.value).catch(() => KILLED);
  }

  /** Resolves once the output contains `text`. */
  until(text: string): Promise<void> {
    const holds = () => this.text.includes(text);
    return holds() ? Promise.resolve() : new Promise((go) => this.waiters.push({ holds, go }));
  }
}

/** All that is written in answer to a whole script. */
async function transcript(script: string, options: Partial<repl.Args> = {}) {
  const session = new Session();
  session.input.end(script);
  const exitCode = await session.run(options);
  return { exitCode, text: session.text, notices: (session.notices.read() as string | null) ?? '' };
}

describe('through a pipe', () => {
  test('repl answers the original transcript character for character, with no prompt', async () => {
    const script = [
      'put user:alice "Alice Smith"',
      'get user:alice',
      'get nobody',
      'delete user:alice',
      'ping',
      'stats',
      'quit',
    ];
    const answers = ['OK', 'Value: Alice Smith', 'Key not found', 'OK', 'pong', 'keys: 0, size: 0', 'Goodbye!'];
    expect(await transcript(`${script.join('\n')}\n`)).toEqual({
      exitCode: 0,
      text: `${answers.join('\n')}\n`,
      notices: '',
    });
  });

  test('repl takes capitals, aliases and words that belong together without quotes', async () => {
    const { text } = await transcript('PUT k a b  c\nGet k\nDEL k\nget k\nEXIT\n');
    expect(text).toBe('OK\nValue: a b c\nOK\nKey not found\nGoodbye!\n');
  });

  test('repl prints the help of the original, and what it has besides', async () => {
    const help = [
      'Available commands:',
      '  get <key>           - Retrieve value for key',
      '  put <key> <value>   - Store key-value pair',
      '  delete <key>        - Delete key',
      '  ping                - Check server connection',
      '  stats               - Display server statistics',
      '  help                - Show this help message',
      '  quit                - Exit the client',
      'About the ring:',
      '  ring                - Show the state of the ring',
      '  nodes               - List the nodes of the ring',
      '  fingers             - Show the finger table of the node',
      '  lookup <key>        - Find the node that a key belongs to',
      'About copies:',
      '  consistency <word>  - Whose answer suffices: quorum or eventual',
      '  --consistency <word> at the end of a get, put or delete - For this request alone',
      '  locate <key>        - Find the nodes that keep a key, and what each has',
      '  views               - List who keeps copies of which arc',
      '  repair              - Compare the copies that the node leads, and mend what differs',
      '  safe-to-stop        - Say whether the node can stop without loss',
      'About the node:',
      '  tree                - Draw its supervision tree',
    ];
    expect((await transcript('help\n?\n')).text).toBe(`${[...help, ...help].join('\n')}\n`);
  });

  test('repl ends quietly where the input ends, the last line being complete or not', async () => {
    expect(await transcript('ping\nping')).toEqual({ exitCode: 0, text: 'pong\npong\n', notices: '' });
    expect(await transcript('')).toEqual({ exitCode: 0, text: '', notices: '' });
  });

  test('repl says of what it does not understand how to get help', async () => {
    const invalid = "Invalid command. Type 'help' for usage.\n";
    const { text, exitCode } = await transcript('foo\nget\nput k\nget a b\nput k "open\n\n   \nping\n');
    const [get, put] = ['Invalid command: it is get <key>\n', 'Invalid command: it is put <key> <value>\n'];
    expect(text).toBe(`${invalid}${get}${put}${get}${invalid}pong\n`);
    expect(exitCode).toBe(0);
  });

  test('repl shows values that are no text as C strings, and takes them back', async () => {
    const { text } = await transcript(
      String.raw`put "\xff\xfe\x00" "\x80\n\"x"` + '\n' + String.raw`get "\xff\xfe\x00"` + '\n',
    );
    expect(text).toBe(`OK\n${String.raw`Value: "\x80\n\"x"`}\n`);
  });

  test('repl evaluates lines strictly in their order, whatever order they come in at once', async () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `put k ${index}\nget k`);
    const { text } = await transcript(lines.join('\n'));
    expect(text).toBe(lines.map((_line, index) => `OK\nValue: ${index}\n`).join(''));
    expect(server.requests.map(({ op }) => op).slice(0, 4)).toEqual(['put', 'get', 'put', 'get']);
  });

  test('repl waits for a reader that is slow', async () => {
    const session = new Session(1);
    session.input.end('ping\nhelp\nping\n');
    expect(await session.run()).toBe(0);
    expect(session.text).toMatch(/^pong\nAvailable commands:[^]*supervision tree\npong\n$/);
  });

  test.each([
    ['get nobody', 3, 'Key not found\n'],
    ['foo', 2, "Invalid command. Type 'help' for usage.\n"],
  ])('repl with strict stops at "%s" with exit code %i', async (line, exitCode, text) => {
    const result = await transcript(`ping\n${line}\nping\n`, { strict: true });
    expect(result).toEqual({ exitCode, text: `pong\n${text}`, notices: '' });
  });

  test('repl with strict ends with the exit code of a timeout', async () => {
    server.script = () => DROP;
    const { exitCode, text } = await transcript('put k v\n', { strict: true, timeoutMs: 30 });
    expect(text).toBe(`Cannot put: no answer from 127.0.0.1:${server.port} in 30 ms\n`);
    expect(exitCode).toBe(5);
  });
});

test('repl asks for the consistency that was chosen, for all that follows or for one request', async () => {
  const script = [
    'consistency',
    'put k v',
    'consistency eventual',
    'consistency',
    'put k w x',
    'get k --consistency quorum',
    'delete k',
    'ping',
  ];
  const { text } = await transcript(`${script.join('\n')}\n`);
  expect(text).toBe("The node's own choice: quorum\nOK\nOK\neventual\nOK\nValue: w x\nOK\npong\n");
  const asked = server.requests.map((request) => [request.op, request.version === 2 && request.consistency]);
  expect(asked).toEqual([
    ['put', 'default'],
    ['put', 'eventual'],
    ['get', 'quorum'],
    ['delete', 'eventual'],
    ['ping', 'default'],
  ]);
});

describe('about the ring', () => {
  let admin: FakeAdmin;
  const ring = new ShownRing(3);
  const ask = (script: string, strict = false) =>
    transcript(script, {
      strict,
      adminServers: { addresses: [{ host: '127.0.0.1', port: admin.port }], timeoutMs: 2000 },
    });

  beforeEach(async () => {
    const [a, b] = peersOf(2) as [Peer, Peer];
    const view = viewOf(arcOf('0', '0'), [a, b]);
    admin = await FakeAdmin.listen(ring.viewFrom(0), new ShownReplicas(viewsOf(a, [pieceOf(view, 'voter')])));
  });
  afterEach(() => admin.close());

  test('repl answers what the commands of the program print', async () => {
    const { text, exitCode } = await ask('RING\nnodes\nfingers\nlookup "a b"\nping\n');
    expect(exitCode).toBe(0);
    expect(text).toMatch(
      /^The ring is whole: 3 nodes, 3 keys in 3 copies\n\nNODE +STATE[^]*\nNODE +ID[^]*\nFingers of /,
    );
    expect(text).toMatch(/\nKey a b, id [0-9a-f]{12}, belongs to 127\.0\.0\.1:\d+\n[^]* ms\npong\n$/);
  });

  test('repl tells who keeps what', async () => {
    const { text } = await ask('views\nlocate "a b"\nping\n');
    expect(text).toMatch(/^Views known to 127\.0\.0\.1:9001; [^]*\nARC +EPOCH[^]*\nall +1 +primary /);
    expect(text).toMatch(/\nKey a b, id [0-9a-f]{12}, is kept by 2 nodes, which do not agree\n[^]*\npong\n$/);
  });

  test('repl has copies compared, and says whether the node can stop', async () => {
    const { text } = await ask('repair\nsafe-to-stop\ntree\n');
    expect(text).toMatch(
      /^Compared \d+ replicas? in \d+ ms: [^\n]*\n(Not safe|Safe) to stop[^\n]*\nCannot read tree: [^\n]*\n$/,
    );
  });

  test('repl looks up bytes that are no text', async () => {
    const { text } = await ask(String.raw`lookup "\xff\x00"` + '\n');
    expect(text.startsWith(String.raw`Key "\xff\x00", id `)).toBe(true);
  });

  test('repl says which port it cannot reach, and goes on', async () => {
    admin.close();
    const message = `Cannot connect to 127.0.0.1:${admin.port}: connection refused (the admin port of the node; another one is named with --admin-port)`;
    expect(await ask('ring\nping\n')).toMatchObject({ exitCode: 0, text: `${message}\npong\n` });
    expect(await ask('ring\nping\n', true)).toMatchObject({ exitCode: 4, text: `${message}\n` });
  });

  test('repl says that the port is not one of an admin server', async () => {
    const { text } = await transcript('ring\n');
    expect(text).toMatch(/^Cannot connect to 127\.0\.0\.1:\d+: it does not speak HTTP/);
  });
});

describe('connection', () => {
  test('start() fails with one sentence where no node answers', async () => {
    const port = await freePort();
    const result = await new Session().start({ addresses: [{ host: '127.0.0.1', port }] });
    expect(result).toEqual({
      ok: false,
      error: {
        code: 'not_connected',
        message: `Cannot connect to 127.0.0.1:${port}: connection refused`,
        definite: true,
      },
    });
  });

  test('repl connects again with the next command after it has lost its connection, and says so', async () => {
    const session = new Session();
    const exitCode = session.run();
    session.input.write('put k v\n');
    await session.until('OK\n');
    server.script = () => ({ type: 'cut', afterBytes: 0 });
    session.input.write('put k w\n');
    await session.until('was lost');
    server.script = () => ({ type: 'answer' });
    session.input.end('get k\n');
    expect(await exitCode).toBe(0);
    expect(session.text).toMatch(/^OK\nCannot put: the connection to .* was lost: the node closed it\nValue: w\n$/);
    expect(session.notices.read()).toBe(`Reconnected to 127.0.0.1:${server.port}\n`);
  });

  test('repl goes on when no node can be reached for a while', async () => {
    const session = new Session();
    const { port } = server;
    const exitCode = session.run({ terminal: true });
    await session.until('funnelkvs> ');
    await server.close();
    await session.until('funnelkvs (not connected)> ');
    session.input.write('ping\n');
    await session.until(`Cannot connect to 127.0.0.1:${port}: connection refused\n`);
    server = await FakeServer.listen(port);
    session.input.write('ping\n');
    await session.until('pong\n');
    session.input.write('quit\n');
    expect(await exitCode).toBe(0);
    expect(session.text).toMatch(/Goodbye!\n$/);
  });
});

describe('on a terminal', () => {
  test('repl shows its prompt, and says goodbye at the end of the input', async () => {
    const session = new Session();
    const exitCode = session.run({ terminal: true });
    await session.until('funnelkvs> ');
    session.input.write('ping\n');
    await session.until('pong\n');
    session.input.write('\u0004');
    expect(await exitCode).toBe(0);
    expect(session.text).toMatch(/funnelkvs> [^]*pong\n[^]*funnelkvs> [^]*\nGoodbye!\n$/);
  });

  test('repl ends with 130 at Ctrl-C, also while it waits for an answer', async () => {
    const session = new Session();
    server.script = () => HOLD;
    const exitCode = session.run({ terminal: true });
    session.input.write('ping\n');
    await server.until(() => server.held.length === 1);
    session.input.write('\u0003');
    expect(await exitCode).toBe(130);
    await server.until(() => server.connectionsOpen === 0);
  });

  test('repl keeps no line that begins with a blank', async () => {
    const session = new Session();
    const exitCode = session.run({ terminal: true });
    for (const line of ['ping', ' put secret 1', 'stats', 'ping']) session.input.write(`${line}\n`);
    session.input.write('quit\n');
    expect(await exitCode).toBe(0);
    expect(session.kept.at(-1)).toEqual(['quit', 'ping', 'stats']);
  });

  test('repl completes the names of commands', async () => {
    const session = new Session();
    const exitCode = session.run({ terminal: true });
    await session.until('funnelkvs> ');
    session.input.write('pi');
    // A tab among pasted text is just a tab.
    await session.until('pi');
    session.input.write('\t');
    await session.until('ng ');
    session.input.write('\n');
    await session.until('pong\n');
    session.input.write('quit\n');
    expect(await exitCode).toBe(0);
  });
});
