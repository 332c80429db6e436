/** `funnelkvs ring`: what is drawn, what is printed for programs, and what the exit code says. */
import { FingersDocument, LookupDocument } from '../../src/admin/answers';
import { keyId } from '../../src/chord/id';
import { fromUtf8 } from '../../src/octets';
import { run } from '../support/cli';
import { FakeAdmin } from '../support/fake-admin';
import { NO_COPIES } from '../../src/protocol/rpc-description';
import { countsIn, ShownRing } from '../support/shown-ring';
import { freePort } from '../support/fake-server';
import * as v from 'valibot';

const SIZE = 4;
let ring: ShownRing;
let admin: FakeAdmin;

beforeEach(async () => {
  ring = new ShownRing(SIZE);
  admin = await FakeAdmin.listen(ring.viewFrom(0));
});
afterEach(() => admin.close());

const ask = (...args: string[]) => run(['ring', ...args, '--admin-port', String(admin.port)]);
const document = async (...args: string[]) => JSON.parse((await ask(...args, '--json')).stdout) as unknown;
const addr = (place: number) => ring.at(place).addr;

describe('ring status', () => {
  test('draws a ring that is whole on one screen', async () => {
    const { exitCode, stdout, stderr } = await ask('status');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [summary, blank, head, ...rows] = stdout.trimEnd().split('\n');
    expect([summary, blank]).toEqual(['The ring is whole: 4 nodes, 6 keys in 3 copies', '']);
    expect(head).toMatch(/^NODE {12}STATE {3} +OWNS {2}KEYS {2}BYTES {2}COPIES {2}LEARNERS {2}REPAIR$/);
    expect(rows.map((row) => row.split(/\s+/)[0])).toEqual([0, 1, 2, 3].map(addr));
    expect(rows[3]).toMatch(new RegExp(`^${addr(3)} {2}active +\\d+\\.\\d % +3 +30 +3 +0 +agreed$`));
    const shares = rows.map((row) => Number(/([\d.]+) %/.exec(row)?.[1]));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0);
  });

  test('says who is missing and why the ring is not whole, and ends with 6', async () => {
    ring.silent.add(addr(2));
    const { exitCode, stdout } = await ask('status');
    expect(exitCode).toBe(6);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(
      'The ring is not whole, and not every key has one owner: 3 of 4 nodes answer, 4 keys in 3 copies',
    );
    expect(lines[1]).toBe(`  ${addr(2)} does not answer`);
    expect(stdout).toMatch(new RegExp(`^${addr(2)} {2}unreachable +0\\.0 %$`, 'm'));
  });

  test('does not call a ring whole in which a key has no owner', async () => {
    ring.bend(1, { arcs: [] });
    const { exitCode, stdout } = await ask('status');
    expect(exitCode).toBe(6);
    expect(stdout).toMatch(/^The ring is not whole, for not every key has one owner: 4 nodes, 6 keys in 3 copies\n/);
  });

  test('--json prints the same for programs', async () => {
    expect(await document('status')).toEqual({
      schemaVersion: 1,
      size: 4,
      consistent: true,
      covered: true,
      problems: [],
      nodes: ring.peers.map(({ id, addr: at }, place) => ({
        id,
        addr: at,
        state: 'active',
        owns: expect.any(Number) as number,
        keys: place,
        bytes: 10 * place,
        records: 3 * place,
        copies: { min: 3, max: 3 },
        learners: 0,
        newcomers: 0,
        unsettled: 0,
        fetching: 0,
        hints: 0,
      })),
    });
    ring.silent.add(addr(1));
    expect(await document('status')).toMatchObject({ size: 3, consistent: false });
  });

  test('says how many copies there are, and what is being done about them', async () => {
    const changes = [{ fetching: 1 }, { newcomers: 1, least: 2 }, { unsettled: 2, learner: 1 }, { hints: 12_345 }];
    for (const [place, change] of changes.entries()) ring.bend(place, { copies: { ...countsIn(SIZE, 1), ...change } });
    const { stdout } = await ask('status');
    const [summary, , , ...rows] = stdout.trimEnd().split('\n');
    expect(summary).toBe('The ring is whole: 4 nodes, 6 keys in 2-3 copies');
    const ends = rows.map((row) => row.split(/ {2,}/).slice(-3));
    expect(ends).toEqual([
      ['3', '0', 'fetching'],
      ['2-3', '0', 'growing'],
      ['3', '1', 'comparing'],
      ['3', '0', '12,345 records to send'],
    ]);
    for (const place of [0, 1, 2, 3]) ring.bend(place, { copies: NO_COPIES });
    expect((await ask('status')).stdout).toMatch(/^The ring is whole: 4 nodes, 6 keys\n[^]* - +0 +-\n$/);
  });

  test('gives a lone node all of the circle', async () => {
    admin.show(new ShownRing(1).viewFrom(0));
    expect((await ask('status')).stdout).toMatch(/^The ring is whole: 1 node, 0 keys in 1 copy\n[^]* 100\.0 % /);
  });
});

test('ring nodes lists neighbours', async () => {
  const { exitCode, stdout } = await ask('nodes');
  expect(exitCode).toBe(0);
  const rows = stdout.trimEnd().split('\n');
  expect(rows[0]).toMatch(/^NODE +ID +STATE +PREDECESSOR +SUCCESSORS$/);
  expect(rows[2]?.split(/\s+/)).toEqual([
    addr(1),
    ring.at(1).id.slice(0, 12),
    'active',
    addr(0),
    addr(2),
    addr(3),
    addr(0),
  ]);
  expect(await document('nodes')).toMatchObject({ schemaVersion: 1, nodes: ring.peers.map(({ id }) => ({ id })) });
});

test('ring fingers prints a row for each peer', async () => {
  const { exitCode, stdout } = await ask('fingers');
  expect(exitCode).toBe(0);
  const [title, , head, first] = stdout.split('\n');
  expect(title).toBe(`Fingers of ${addr(0)}, id ${ring.at(0).id.slice(0, 12)}`);
  expect(head).toMatch(/^ *FINGER {2}FROM +NODE +ID$/);
  expect(first).toMatch(/^ *0-\d+ {2}[0-9a-f]{12} {2}127\.0\.0\.1:\d+ {2}[0-9a-f]{12}$/);
  expect(v.parse(FingersDocument, await document('fingers')).members).toHaveLength(SIZE);
});

test('ring lookup prints the way to the owner of a key', async () => {
  for (const key of ['user:alice', '', 'Zoë & "+"']) {
    const owner = ring.ownerOf(keyId(fromUtf8(key))).addr;
    const { exitCode, stdout } = await ask('lookup', key);
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(`Key ${key || '""'}, id ${keyId(fromUtf8(key)).slice(0, 12)}, belongs to ${owner}`);
    expect(lines[2]).toMatch(/^HOP {2}NODE +ID +TOOK$/);
    expect(lines.at(-3)).toContain(` ${owner} `);
    expect(lines.at(-1)).toMatch(/^\d hops?, \d+\.\d ms$/);
    const found = (await document('lookup', key)) as { readonly key: string };
    expect(found.key).toBe(key);
    expect(v.parse(LookupDocument, { key64: '', ...found }).owner.addr).toBe(owner);
  }
});

test('ring lookup says that the owner does not confirm', async () => {
  for (const place of [0, 1, 2, 3]) ring.bend(place, { arcs: [] });
  expect((await ask('lookup', 'k')).stdout).toContain('does not say so itself');
});

test('a refusal is told in the words of the node', async () => {
  admin.show({ ...ring.viewFrom(0), describeSelf: () => undefined });
  const { exitCode, stdout, stderr } = await ask('status');
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  const where = `127.0.0.1:${admin.port}`;
  expect(stderr).toBe(`Cannot read ring: ${where} answered with "Cannot show the ring: its actors are restarting"\n`);
});

test('nobody there is exit code 4, and a document with --json', async () => {
  const port = await freePort();
  const { exitCode, stderr } = await run(['ring', 'nodes', '--json', '--admin-port', String(port)]);
  expect(exitCode).toBe(4);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'not_connected' } });
});

describe('the words after ring', () => {
  test('flags may stand before, between and behind them', async () => {
    const port = String(admin.port);
    for (const args of [
      ['--admin-port', port, '--json', 'ring', 'lookup', 'k'],
      ['ring', '--admin-port', port, '--json', 'lookup', 'k'],
      ['ring', 'lookup', '--admin-port', port, '--json', '--', 'k'],
      ['--json', 'ring', '--admin-port', port, 'lookup', 'k'],
    ]) {
      const { stdout, stderr } = await run(args);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, key: 'k' });
    }
  });

  test('have help of their own, in either form', async () => {
    const { exitCode, stdout } = await run(['ring', 'status', '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: funnelkvs ring status /);
    expect((await run(['help', 'ring', 'status'])).stdout).toBe(stdout);
    expect((await run(['help', 'ring'])).stdout).toBe((await run(['ring', '--help'])).stdout);
  });

  test('a mistake in them is named', async () => {
    for (const [line, message] of [
      ['ring node', 'Cannot run: unknown command "node"; did you mean "nodes"?'],
      ['ring frobnicate', 'Cannot run: unknown command "frobnicate"'],
      ['ring lookup', 'Cannot run: missing required argument "KEY"'],
      ['ring status x', 'Cannot run: too many arguments for "status": expected 0 arguments but got 1'],
      ['ring status --prot 1', 'Cannot run: unknown option "--prot"; did you mean "--port"?'],
    ] as const) {
      expect(await run(line.split(' '))).toEqual(expect.objectContaining({ exitCode: 2, stderr: `${message}\n` }));
    }
    const alone = await run(['ring']);
    expect(alone).toMatchObject({ exitCode: 2, stdout: '' });
    expect(alone.stderr).toMatch(/^Usage: funnelkvs ring COMMAND/);
  });
});
