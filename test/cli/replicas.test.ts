/** `funnelkvs views`, `locate`, `repair` and `safe-to-stop`: what is drawn, what is printed, and what the exit code says. */
import { LocateDocument, ViewsDocument } from '../../src/admin/replica-answers';
import { keyId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { fromUtf8 } from '../../src/octets';
import { versionOf, Writers } from '../../src/replication/version';
import { Record } from '../../src/store/record';
import { run } from '../support/cli';
import { FakeAdmin } from '../support/fake-admin';
import { freePort } from '../support/fake-server';
import { arcOf, leadOf, peersOf, pieceOf, ShownReplicas, viewOf, viewsOf } from '../support/shown-replicas';
import { ShownRing } from '../support/shown-ring';
import * as v from 'valibot';

const [A, B, C] = peersOf(3) as [Peer, Peer, Peer];
const CIRCLE = viewOf(arcOf('0', '0'), [A, B, C]);

let replicas: ShownReplicas;
let admin: FakeAdmin;

beforeEach(async () => {
  replicas = new ShownReplicas(viewsOf(A, [pieceOf(CIRCLE, 'voter')], { leads: [leadOf(CIRCLE)] }));
  admin = await FakeAdmin.listen(new ShownRing(3).viewFrom(0), replicas);
});
afterEach(() => admin.close());

const ask = (...args: string[]) => run([...args, '--admin-port', String(admin.port)]);
const linesOf = (text: string) => text.trimEnd().split('\n');

describe('views', () => {
  test('draws a line for each arc, with who leads it and who learns', async () => {
    const led = viewOf(arcOf('4', '8'), [A, B]);
    const learning = viewOf(arcOf('8', 'c'), [A, B], { voters: [A.id] });
    const followed = viewOf(arcOf('c', 'e'), [B, A], { epoch: { n: 12, by: 1n } });
    const known = viewOf(arcOf('e', '4'), [B, C], { voters: [B.id] });
    const newcomer = {
      peer: C,
      arc: led.arc,
      epoch: led.epoch,
      seenAtMs: 0,
      dueAtMs: 0,
      failures: 0,
      request: undefined,
    };
    replicas.held = viewsOf(
      A,
      [
        pieceOf(led, 'voter'),
        pieceOf(learning, 'voter'),
        pieceOf(followed, 'learner', { promised: { n: 13, by: 0n } }),
        pieceOf(known, 'none'),
      ],
      {
        newcomers: [{ ...newcomer, state: 'fetching' }],
        surplus: [{ arc: known.arc, sinceMs: 0, dueAtMs: 0, clearedUnder: undefined, request: undefined }],
      },
    );
    const { exitCode, stdout, stderr } = await ask('views');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [title, , head, ...rows] = linesOf(stdout);
    expect(title).toBe(`Views known to ${A.addr}; each key should be kept by 3 nodes`);
    expect(head).toMatch(/^ARC +EPOCH {2}ROLE +STATE +PRIMARY +MEMBERS$/);
    expect(rows.slice(0, 4).map((row) => row.split(/ {2,}/))).toEqual([
      ['(e00000000000, 400000000000]', '1', '-', '-', B.addr, `${B.addr} ${C.addr}`],
      ['(400000000000, 800000000000]', '1', 'primary', 'growing', A.addr, `${A.addr} ${B.addr}`],
      ['(800000000000, c00000000000]', '1', 'primary', 'learning', A.addr, `${A.addr} ${B.addr}(learner)`],
      ['(c00000000000, e00000000000]', '12', 'learner', 'changing', B.addr, `${B.addr} ${A.addr}`],
    ]);
    expect(rows.at(-1)).toBe('Copies that it need not keep any more: of 1 arc');
  });

  test('says that a view is settled, or that its members are being compared', async () => {
    expect((await ask('views')).stdout).toMatch(/^all +1 {2}primary {2}settled /m);
    replicas.held = viewsOf(A, [pieceOf(CIRCLE, 'voter')], { leads: [leadOf(CIRCLE, false)] });
    expect((await ask('views')).stdout).toMatch(/^all +1 {2}primary {2}comparing /m);
  });

  test('--json prints them as the node tells them', async () => {
    const { schemaVersion, ...document } = JSON.parse((await ask('views', '--json')).stdout) as {
      schemaVersion: number;
    };
    expect(schemaVersion).toBe(1);
    expect(v.parse(ViewsDocument, document)).toEqual(document);
  });
});

describe('locate', () => {
  const key = fromUtf8('k');
  const record = (ms: number) =>
    new Record(
      keyId(key),
      key,
      versionOf(ms, 0, new Writers().intern('12345678' as never)),
      fromUtf8('v'),
      undefined,
      false,
    );

  beforeEach(() => {
    replicas.kept.merge(record(258));
    replicas.answer = (peer, { type }) => {
      if (type === 'view_get') return { type: 'views', views: [] };
      return peer.id === C.id
        ? undefined
        : { type: 'replica', isVoter: true, version: record(258).version, record: record(258) };
    };
  });

  test('draws a line for each copy, and ends with 6 where they do not agree', async () => {
    const { exitCode, stdout } = await ask('locate', 'k');
    expect(exitCode).toBe(6);
    const version = '00000000010200003132333435363738';
    const id = keyId(key).slice(0, 12);
    expect(linesOf(stdout).map((line) => line.split(/ {2,}/))).toEqual([
      [`Key k, id ${id}, is kept by 3 nodes, which do not agree`],
      ['Arc all, epoch 1'],
      [''],
      ['NODE', 'ROLE', 'HAS', 'BYTES', 'WRITTEN', 'VERSION'],
      [A.addr, 'primary', 'value', '2', '1970-01-01T00:00:00.258Z', version],
      [B.addr, 'voter', 'value', '2', '1970-01-01T00:00:00.258Z', version],
      [C.addr, 'voter', 'silent'],
    ]);
  });

  test('--json prints the same, with the key as it was given', async () => {
    const { answer } = replicas;
    replicas.answer = (peer, question) => answer(peer.id === C.id ? B : peer, question);
    const { exitCode, stdout } = await ask('locate', 'k', '--json');
    expect(exitCode).toBe(0);
    const document = JSON.parse(stdout) as { readonly key: string };
    expect(document.key).toBe('k');
    expect(v.parse(LocateDocument, { key64: '', ...document })).toMatchObject({ agreed: true, keyId: keyId(key) });
  });
});

describe('repair', () => {
  test('says what it has come to', async () => {
    expect(await ask('repair')).toMatchObject({
      exitCode: 0,
      stdout: 'Compared 2 replicas in 0 ms: 3 differences found, 3 mended\n',
    });
    const { stdout } = await ask('repair', '--json');
    expect(JSON.parse(stdout)).toEqual({
      schemaVersion: 1,
      repairs: [{ compared: 2, differences: 3, repaired: 3, failed: 0, tookMs: 0 }],
    });
  });

  test('ends with 6 where copies could not be compared, and with 1 where it is not done in time', async () => {
    replicas.repair = async () => ({ compared: 1, differences: 0, repaired: 0, failed: 2 });
    const { exitCode, stdout } = await ask('repair');
    expect(exitCode).toBe(6);
    expect(stdout).toMatch(/^Compared 1 replica in .*; 2 could not be compared\n$/);
    replicas.repair = async () => undefined;
    expect(await ask('repair')).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('not done in time') as string,
    });
  });

  test('--all goes round the ring', async () => {
    // The ring is data: nobody listens at the second of its nodes.
    const { exitCode, stdout, stderr } = await ask('repair', '--all', '--timeout', '2s');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toMatch(/^Cannot connect to 127\.0\.0\.1:1900\d: /);
  });
});

describe('safe-to-stop', () => {
  beforeEach(() => {
    replicas.answer = () => ({ type: 'views', views: [CIRCLE] });
  });

  test('says yes', async () => {
    expect(await ask('safe-to-stop')).toMatchObject({ exitCode: 0, stdout: 'Safe to stop\n' });
    const { stdout } = await ask('safe-to-stop', '--json');
    expect(JSON.parse(stdout)).toEqual({ schemaVersion: 1, safe: true, reason: null });
  });

  test('says no, and why, with exit code 6', async () => {
    replicas.held = viewsOf(A, [pieceOf(viewOf(arcOf('0', '0'), [A]), 'voter')]);
    const reason = 'it is alone: what it stores is nowhere else';
    expect(await ask('safe-to-stop')).toMatchObject({ exitCode: 6, stdout: `Not safe to stop: ${reason}\n` });
    const { stdout } = await ask('safe-to-stop', '--json');
    expect(JSON.parse(stdout)).toEqual({ schemaVersion: 1, safe: false, reason });
  });

  test('--wait looks until it is, or until the time is over', async () => {
    const well = replicas.held;
    replicas.held = undefined;
    expect((await ask('safe-to-stop', '--wait', '--timeout', '500ms')).exitCode).toBe(6);
    let looks = 0;
    replicas.views = () => {
      looks += 1;
      return looks < 3 ? undefined : well;
    };
    expect(await ask('safe-to-stop', '--wait')).toMatchObject({ exitCode: 0, stdout: 'Safe to stop\n' });
    expect(looks).toBeGreaterThanOrEqual(3);
  });

  test('says that nobody is there', async () => {
    const port = String(await freePort());
    expect((await run(['safe-to-stop', '--admin-port', port])).exitCode).toBe(4);
  });
});
