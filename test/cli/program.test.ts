/** The program from its arguments to its exit code: every command, every mistake, every line that it prints. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BinaryString, fromUtf8, toBinaryString } from '../../src/octets';
import type { Status } from '../../src/protocol/client-protocol';
import { VERSION } from '../../src/version';
import { run, type RunOptions } from '../support/cli';
import { DROP, FakeServer, freePort } from '../support/fake-server';

const COMMANDS = [
  'node',
  'client',
  'get',
  'put',
  'delete',
  'ping',
  'stats',
  'ring',
  'ring status',
  'ring nodes',
  'ring fingers',
  'ring lookup',
  'tree',
  'simulate',
];

describe('help', () => {
  test.each([[[]], ...COMMANDS.map((command) => [command.split(' ')])])(
    '--help of %j fits one screen',
    async (command) => {
      const { exitCode, stdout, stderr } = await run([...command, '--help']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const lines = stdout.split('\n');
      expect(lines.length).toBeLessThan(60);
      expect(lines[0]).toMatch(new RegExp(`^Usage: funnelkvs ${command.join(' ')}`));
      expect(lines[1]).toMatch(/^[A-Z].*\.$/);
      expect(lines.slice(2, 6)).toEqual([
        '',
        'Examples:',
        expect.stringMatching(/^ {2}funnelkvs /),
        expect.stringMatching(/^ {2}funnelkvs /),
      ]);
      expect(stdout).toContain('Exit codes:\n  0    success\n');
    },
  );

  test('help COMMAND prints what COMMAND --help prints', async () => {
    expect((await run(['help', 'get'])).stdout).toBe((await run(['get', '--help'])).stdout);
  });

  test('--help shows each flag with its default and its environment variable', async () => {
    const { stdout } = await run(['node', '--help']);
    expect(stdout).toMatch(/--port <N> .*\(default 8001, env FUNNELKVS_PORT\)/);
    expect(stdout).toMatch(/--allow-chaos .*env FUNNELKVS_ALLOW_CHAOS\)/);
  });

  test('help goes to stderr where no command is given', async () => {
    const { exitCode, stdout, stderr } = await run([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: funnelkvs COMMAND/);
  });

  test.each([[[]], ...COMMANDS.map((command) => [command.split(' ')])])(
    '--version of %j prints the version',
    async (command) => {
      expect(await run([...command, '--version'])).toMatchObject({ exitCode: 0, stdout: `${VERSION}\n`, stderr: '' });
    },
  );
});

describe('mistakes', () => {
  test.each<[string, string]>([
    ['gte k', 'Cannot run: unknown command "gte"; did you mean "get"?'],
    ['frobnicate', 'Cannot run: unknown command "frobnicate"'],
    ['help gte', 'Cannot run: unknown command "gte"; did you mean "get"?'],
    ['get', 'Cannot run: missing required argument "KEY"'],
    ['put k', 'Cannot run: missing required argument "VALUE"'],
    ['get a b', 'Cannot run: too many arguments for "get": expected 1 argument but got 2'],
    ['get k --prot 1', 'Cannot run: unknown option "--prot"; did you mean "--port"?'],
    ['get k --zzzzzz', 'Cannot run: unknown option "--zzzzzz"'],
    ['--zzzzzz', 'Cannot run: unknown option "--zzzzzz"'],
    ['get k --port', 'Cannot run: option "--port <PORT>" argument missing'],
    ['ping --port x', 'Cannot use port "x": it is not a whole number from 1 to 65535'],
    ['ping --port 0', 'Cannot use port "0": it is not a whole number from 1 to 65535'],
    ['ping --timeout 5', 'Cannot use timeout "5": it is not a duration such as 500ms or 5s'],
    ['ping --timeout 0s', 'Cannot use timeout "0s": it is not a duration such as 500ms or 5s'],
    ['ping --connect nowhere', 'Cannot use address "nowhere": it is not host:port with a port from 1 to 65535'],
    ['client --port 70000', 'Cannot use port "70000": it is not a whole number from 1 to 65535'],
    ['tree --admin-port x', 'Cannot use admin port "x": it is not a whole number from 1 to 65535'],
    ['node --port 99999', 'Cannot use port "99999" (flag --port): it is not a whole number from 0 to 65535'],
    ['node --config /nope', 'Cannot read config file "/nope": there is no such file'],
    ['node --config /', 'Cannot read config file "/": it is a folder'],
  ])('"%s" is answered with one line and exit code 2', async (line, message) => {
    const plain = await run(line.split(' '));
    expect(plain).toMatchObject({ exitCode: 2, stdout: '' });
    expect(plain.stderr).toBe(`${message}\n`);
  });

  test('get refuses --raw together with --json', async () => {
    const { exitCode, stderr } = await run(['get', 'k', '--raw', '--json']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('cannot be used with option');
  });

  test('"--json" turns a mistake into a document on stderr', async () => {
    const { exitCode, stdout, stderr } = await run(['gte', '--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'usage',
        message: 'Cannot run: unknown command "gte"; did you mean "get"?',
        hint: 'Add --help to the command to see what it takes',
      },
    });
  });
});

describe('requests', () => {
  let server: FakeServer;
  const ask = (args: readonly string[], options: RunOptions = {}) =>
    run([...args, '--port', String(server.port)], options);

  beforeEach(async () => {
    server = await FakeServer.listen();
  });
  afterEach(() => server.close());

  test('put, get and delete do as they say', async () => {
    expect(await ask(['put', 'user:alice', 'Alice Smith'])).toMatchObject({ exitCode: 0, stdout: 'OK\n', stderr: '' });
    expect(await ask(['get', 'user:alice'])).toMatchObject({ exitCode: 0, stdout: 'Alice Smith\n', stderr: '' });
    expect(await ask(['delete', 'user:alice'])).toMatchObject({ exitCode: 0, stdout: 'OK\n', stderr: '' });
    expect(await ask(['get', 'user:alice'])).toMatchObject({ exitCode: 3, stdout: '', stderr: 'Key not found\n' });
  });

  test('ping and stats print what the node answers', async () => {
    expect(await ask(['ping'])).toMatchObject({ exitCode: 0, stdout: 'pong\n' });
    expect(await ask(['stats'])).toMatchObject({ exitCode: 0, stdout: 'keys: 0, size: 0\n' });
  });

  test('put - takes the standard input, and get --raw gives back every byte of it', async () => {
    const input = Buffer.from([0, 0xff, 0x0a, 0x80, 0x0d]);
    expect(await ask(['put', 'k', '-'], { input })).toMatchObject({ exitCode: 0 });
    expect((await ask(['get', 'k', '--raw'])).bytes).toEqual(input);
    expect((await ask(['get', 'k'])).stdout).toBe(String.raw`"\x00\xff\n\x80\r"` + '\n');
  });

  test('put - refuses an input that is longer than any value', async () => {
    const result = await ask(['put', 'k', '-'], { input: Buffer.alloc(16 * 1024 * 1024 + 1) });
    expect(result).toMatchObject({ exitCode: 1, stderr: 'Cannot put: the value has more than 16777216 bytes\n' });
    expect(server.requests).toHaveLength(0);
  });

  test('--json prints one document for each command', async () => {
    const documents: unknown[] = [];
    for (const args of [['put', 'k', 'Zoë'], ['get', 'k'], ['stats'], ['ping'], ['delete', 'k']]) {
      documents.push(JSON.parse((await ask([...args, '--json'])).stdout));
    }
    expect(documents).toEqual([
      { schemaVersion: 1, key: 'k', stored: true },
      { schemaVersion: 1, key: 'k', value: 'Zoë' },
      { schemaVersion: 1, keys: 1, size: 5 },
      { schemaVersion: 1, answer: 'pong' },
      { schemaVersion: 1, key: 'k', deleted: true },
    ]);
  });

  describe('--consistency', () => {
    const asked = () => server.requests.map((request) => request.version === 2 && request.consistency);

    test('says whose answer suffices, in any place', async () => {
      await ask(['put', 'k', 'v', '--consistency', 'eventual']);
      await ask(['--consistency', 'quorum', 'get', 'k']);
      await ask(['delete', '--consistency', 'eventual', 'k']);
      await ask(['get', 'k']);
      expect(asked()).toEqual(['eventual', 'quorum', 'eventual', 'default']);
    });

    test('is a word that there is', async () => {
      const { exitCode, stderr } = await ask(['get', 'k', '--consistency', 'most']);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^Cannot run: [^]*"most"[^]*quorum, eventual/);
      expect(server.requests).toHaveLength(0);
    });
  });

  test('--verbose says on stderr what is known of the answer; --json has it in the document', async () => {
    const version = '000000000102000300000000000000ff';
    server.meta = { acks: 2, copies: 3, degraded: true, hops: 1 };
    expect(await ask(['put', 'k', 'v', '--verbose'])).toMatchObject({
      stdout: 'OK\n',
      stderr: '2 of 3 copies confirmed, fewer copies than there should be, 1 hop\n',
    });
    server.meta = { version: Buffer.from(version, 'hex').toString('latin1') as BinaryString, acks: 3, copies: 3 };
    expect(await ask(['get', 'k', '--verbose'])).toMatchObject({
      stdout: 'v\n',
      stderr: `version ${version}, written 1970-01-01T00:00:00.258Z, 3 of 3 copies confirmed\n`,
    });
    for (const args of [
      ['get', 'k'],
      ['put', 'k', 'v'],
      ['delete', 'k'],
    ]) {
      const { stdout, stderr } = await ask([...args, '--json']);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ meta: { version, writtenAtMs: 258, acks: 3, copies: 3 } });
    }
    expect((await ask(['put', 'k', 'v'])).stderr).toBe('');
  });

  test('--json prints bytes that are no text in base 64', async () => {
    server.table.set('k', toBinaryString(Buffer.from([0xff, 0xfe])));
    expect(JSON.parse((await ask(['get', 'k', '--json'])).stdout)).toMatchObject({ value: { base64: '//4=' } });
  });

  test('--json prints a failure on stderr', async () => {
    const { exitCode, stdout, stderr } = await ask(['get', 'nobody', '--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    const hint = 'Nothing: an absent key is an ordinary answer';
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'not_found', message: 'Key not found', hint } });
  });

  test.each<[Status, number]>([
    ['invalid_request', 1],
    ['server_error', 1],
    ['not_responsible', 1],
    ['timeout', 5],
  ])('put ends with the status %s as exit code %i', async (status, exitCode) => {
    server.script = () => ({ type: 'status', status, message: 'why' });
    const result = await ask(['put', 'k', 'v', '--timeout', '100ms']);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toMatch(/^Cannot put: 127\.0\.0\.1:\d+ .* \(why\)\n$/);
  });

  test('put ends with 5 when no answer comes in time or the connection is lost', async () => {
    server.script = () => DROP;
    const silent = await ask(['put', 'k', 'v', '--timeout', '30ms']);
    const stderr = `Cannot put: no answer from 127.0.0.1:${server.port} in 30 ms\n`;
    expect(silent).toMatchObject({ exitCode: 5, stderr });
    server.script = () => ({ type: 'cut', afterBytes: 3 });
    expect(await ask(['put', 'k', 'v'])).toMatchObject({ exitCode: 5 });
  });

  test('get ends with 4 when no node can be reached', async () => {
    const port = await freePort();
    const result = await run(['get', 'k', '--port', String(port)]);
    expect(result).toMatchObject({ exitCode: 4, stderr: `Cannot connect to 127.0.0.1:${port}: connection refused\n` });
  });

  test('client ends with 4 when no node can be reached', async () => {
    const port = await freePort();
    const result = await run(['client', '--port', String(port)]);
    expect(result).toMatchObject({ exitCode: 4, stderr: `Cannot connect to 127.0.0.1:${port}: connection refused\n` });
  });

  test('client runs the lines of its input', async () => {
    const result = await ask(['client'], { input: 'put a 1\nget a\nquit\n' });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'OK\nValue: 1\nGoodbye!\n', stderr: '' });
    expect(await ask(['client', '--strict'], { input: 'get b\nping\n' })).toMatchObject({ exitCode: 3 });
  });

  test('--connect tries each address in turn', async () => {
    const addresses = `127.0.0.1:${await freePort()},127.0.0.1:${server.port}`;
    expect(await run(['ping', '--connect', addresses])).toMatchObject({ exitCode: 0, stdout: 'pong\n' });
  });

  test('flags win over the environment, and the environment over the defaults', async () => {
    const dead = String(await freePort());
    const port = String(server.port);
    const connect = `127.0.0.1:${port}`;
    expect(await run(['ping'], { env: { FUNNELKVS_PORT: port } })).toMatchObject({ exitCode: 0 });
    expect(await run(['ping', '--port', dead], { env: { FUNNELKVS_PORT: port } })).toMatchObject({ exitCode: 4 });
    const env = { FUNNELKVS_CONNECT: connect, FUNNELKVS_PORT: dead };
    expect(await run(['ping'], { env })).toMatchObject({ exitCode: 0 });
    expect(await run(['ping', '--port', dead], { env })).toMatchObject({ exitCode: 4 });
  });

  test('flags may stand before the command', async () => {
    server.table.set('k', fromUtf8('v'));
    const result = await run(['--port', String(server.port), '--json', 'get', 'k']);
    expect(JSON.parse(result.stdout)).toEqual({ schemaVersion: 1, key: 'k', value: 'v' });
  });

  test('the value of a flag before the command is not taken for a command', async () => {
    const result = await run(['--host', 'node', '--port', '0', 'ping']);
    expect(result).toMatchObject({
      exitCode: 2,
      stderr: 'Cannot use port "0": it is not a whole number from 1 to 65535\n',
    });
  });

  test('-- ends the flags, so that a key may begin with a dash', async () => {
    server.table.set('-k', fromUtf8('v'));
    const result = await run(['get', '--port', String(server.port), '--', '-k']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'v\n' });
  });
});

describe('tree', () => {
  const worker = { kind: 'worker', module: 'm', status: 'running', restarts: 0, mailbox: 0, children: [] };
  const tree = {
    name: 'node-sup',
    path: 'node-sup',
    kind: 'supervisor',
    module: 'node-sup',
    strategy: 'rest_for_one',
    status: 'running',
    restarts: 0,
    mailbox: 0,
    children: [
      { ...worker, name: 'table-heir', path: 'node-sup/table-heir' },
      {
        ...worker,
        name: 'services-sup',
        path: 'node-sup/services-sup',
        kind: 'supervisor',
        strategy: 'one_for_one',
        restarts: 1,
        children: [{ ...worker, name: 'kv-store', path: 'node-sup/services-sup/kv-store', restarts: 2 }],
      },
    ],
  };
  let admin: Server;
  let answer: { status: number; body: string };
  const ask = (...args: string[]) =>
    run(['tree', '--admin-port', String((admin.address() as AddressInfo).port), ...args]);

  beforeEach(async () => {
    answer = { status: 200, body: JSON.stringify(tree) };
    admin = createServer((request, response) => {
      if (answer.status > 0) response.writeHead(request.url === '/api/tree' ? answer.status : 404).end(answer.body);
    });
    await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    admin.closeAllConnections();
    admin.close();
  });

  test('draws the processes of a node', async () => {
    expect(await ask()).toMatchObject({
      exitCode: 0,
      stdout: [
        'node-sup          supervisor rest_for_one  running',
        '├── table-heir    worker                   running',
        '└── services-sup  supervisor one_for_one   running  1 restart',
        '    └── kv-store  worker                   running  2 restarts',
        '',
      ].join('\n'),
    });
  });

  test('--json prints the tree as the node gave it', async () => {
    expect(JSON.parse((await ask('--json')).stdout)).toEqual({ schemaVersion: 1, tree });
  });

  test.each([
    [503, '{}', 'answered with HTTP status 503 \\(Service Unavailable\\)'],
    [200, '{"name": 1}', 'answered with something that is no tree'],
    [200, 'not JSON', 'answered with something that is no tree'],
  ])('says that the node answered with %i and %s', async (status, body, why) => {
    answer = { status, body };
    const { exitCode, stderr } = await ask();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Cannot read tree: 127.0.0.1:\\d+ ${why}\n$`));
  });

  test('ends with 5 when no answer comes, and with 4 when nobody listens', async () => {
    answer = { status: 0, body: '' };
    const silent = await ask('--timeout', '30ms');
    expect(silent.exitCode).toBe(5);
    expect(silent.stderr).toMatch(/^Cannot read tree: no answer from 127\.0\.0\.1:\d+ \(GET \/api\/tree\) in 30 ms\n$/);
    const port = await freePort();
    const stderr = `Cannot connect to 127.0.0.1:${port}: connection refused\n`;
    expect(await run(['tree', '--admin-port', String(port)])).toMatchObject({ exitCode: 4, stderr });
  });

  test('says that the port is not one of an admin server', async () => {
    const server = createNetServer((socket) => socket.end('KVS'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const stderr = `Cannot connect to 127.0.0.1:${port}: it does not speak HTTP\n`;
    expect(await run(['tree', '--admin-port', String(port)])).toMatchObject({ exitCode: 4, stderr });
    server.close();
  });
});

describe('node --print-config', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'funnelkvs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const withFile = (content: string) => {
    const path = join(folder, 'node.json');
    writeFileSync(path, content);
    return path;
  };

  test('shows every setting and where it comes from', async () => {
    const path = withFile('{\n  "nodeId": 7,\n  "port": 8003,\n  "logLevel": "debug"\n}\n');
    const env = { FUNNELKVS_PORT: '8002', FUNNELKVS_KEY_BYTES_MAX: '1KiB' };
    const { exitCode, stdout } = await run(['node', '--print-config', '--config', path, '--port', '8001'], { env });
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual(
      expect.arrayContaining([
        ['nodeId', '7', `file ${path}, line 2`],
        ['port', '8001', 'flag --port'],
        ['adminPort', '18001', 'default'],
        ['logLevel', 'debug', `file ${path}, line 4`],
        ['keyBytesMax', '1024', 'environment FUNNELKVS_KEY_BYTES_MAX'],
      ]),
    );
  });

  test('passes over a byte order mark', async () => {
    const { stdout } = await run(['node', '--print-config', '--config', withFile('\uFEFF{ "port": 8003 }')]);
    expect(stdout).toMatch(/^port +8003 +file .*, line 1$/m);
  });

  test('prints a document with --json', async () => {
    const { stdout } = await run(['node', '--print-config', '--json', '--allow-chaos']);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      settings: { allowChaos: { value: true, origin: 'flag --allow-chaos' }, port: { value: 8001, origin: 'default' } },
    });
  });

  test('names everything that is wrong, a line for each', async () => {
    const path = withFile('{ "prot": 1, "port": "many" }');
    const { exitCode, stderr } = await run(['node', '--config', path], { env: { FUNNELKVS_LOG_LEVEL: 'loud' } });
    expect(exitCode).toBe(2);
    expect(stderr.split('\n')).toEqual([
      `Cannot use setting "prot" (file ${path}, line 1): there is no such setting; did you mean "port"?`,
      `Cannot use port "many" (file ${path}, line 1): it is not a whole number from 0 to 65535`,
      'Cannot use logLevel "loud" (environment FUNNELKVS_LOG_LEVEL): it is not one of error, warn, info, debug, trace',
      '',
    ]);
  });

  test.each([
    ['{ "port": ', /^Cannot read config file ".*": it is not JSON \(.*\)\n$/],
    ['[1]', /^Cannot read config file ".*": it is not a JSON object\n$/],
  ])('refuses the config file %s', async (content, message) => {
    const { exitCode, stderr } = await run(['node', '--config', withFile(content)]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});
