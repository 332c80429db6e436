/** What a node writes to stderr. */
import { fieldsOf } from '../src/logging';
import { formatReport, Pid, type Reason, type Report } from '../src/otp';
import { closeAll, PUT, RawClient, until } from './support/node';
import { NodeProcess } from './support/spawn-node';

afterEach(closeAll);

/** A report of every type, each with this reason or field. */
function reportsWith(reason: Reason): Report[] {
  const offender = { pid: '<0.1.0>', id: 'a', restart: 'permanent', significant: false, shutdown: 5, type: 'worker' };
  const process = { pid: '<0.1.0>', name: 'kv', initialCall: 'm:init/1', reason };
  return [
    {
      type: 'terminate',
      name: 'kv',
      module: 'm',
      lastMessage: reason,
      state: reason,
      reason,
      client: undefined,
      log: [reason],
    },
    {
      type: 'crash',
      ...process,
      class: 'exit',
      ancestors: [],
      messages: [reason],
      links: [],
      trapExit: true,
      neighbours: [],
    },
    { type: 'error', ...process },
    { type: 'supervisor', supervisor: 's', context: 'child_terminated', reason, offender },
    { type: 'progress', supervisor: 's', started: offender },
    { type: 'application_started', application: 'kv' },
    { type: 'application_exit', application: 'kv', reason },
    { type: 'unexpected_message', name: 'kv', message: reason },
    { type: 'event', event: 'happened', fields: { reason, count: 7 } },
    { type: 'long_step', pid: '<0.1.0>', name: 'kv', durationMs: 7 },
  ];
}

const lineOf = (report: Report) => `${JSON.stringify(fieldsOf(report))} ${formatReport(report)}`;

describe('a log line', () => {
  const put = { type: 'put', key: 'SECRET', value: Buffer.from('SECRET') };
  const call = ['gen_server', 'call', [new Pid(1), put, 10]];

  it('tells of a failed call the cause, the server and what was asked, not what was stored', () => {
    const reasons = [
      ['timeout', call],
      ['shutdown', ['failed_to_start_child', 'a', ['noproc', call]]],
      [call, call],
    ];
    for (const report of reasons.flatMap(reportsWith)) expect(lineOf(report)).not.toMatch(/SECRET|83,69,67|53 45 43/);
    const [terminated] = reportsWith(['timeout', call]);
    expect(terminated && formatReport(terminated)).toBe('kv terminated: {timeout,{gen_server,call,{<0.1.0>,put,10}}}');
  });

  it('is short and without bytes, whatever an error, a reason or an event holds', () => {
    const long = 'x'.repeat(1_000_000);
    const bytes = Buffer.alloc(1_000_000, 'SECRET');
    const error = Object.assign(new Error(`${long}\n    at ${long}`), { request: put, bytes });
    const mute = Object.assign(new Error('x'), { message: Symbol('x'), stack: 7 });
    const cyclic: unknown[] = [long, bytes, 1n];
    cyclic.push(cyclic);
    for (const report of [long, bytes, error, mute, cyclic, { toString: long }, new Map([[long, bytes]])].flatMap(
      reportsWith,
    )) {
      expect(lineOf(report).length).toBeLessThan(12_000);
      expect(lineOf(report)).not.toMatch(/SECRET|83,69,67|53 45 43/);
    }
  });

  it('tells of an error its type, its message and where it was thrown', () => {
    const [terminated] = reportsWith(new TypeError('no such thing'));
    expect(terminated && fieldsOf(terminated)).toEqual({
      report: 'terminate',
      module: 'm',
      actor: 'kv',
      err: {
        type: 'TypeError',
        message: 'TypeError: no such thing',
        stack: expect.stringMatching(/^ {4}at .*logging\.test/) as string,
      },
    });
  });
});

describe('the log of a node', () => {
  it('has one line at level info while all is well: that the ring is there', async () => {
    const node = await NodeProcess.start(1000);
    const client = await RawClient.connect(node.port);
    await client.ask(PUT('secret key', 'secret value'));
    client.close();
    expect(node.logged.map(({ event }) => event)).toEqual(['ring_created']);
    node.child.kill('SIGTERM');
    await until('it has ended', () => node.exit !== undefined);
    expect(node.exit).toEqual({ code: 0, signal: null });
    expect(node.logged.filter(({ level }) => level !== 'info')).toEqual([]);
    expect(node.stderr).not.toMatch(/secret/);
    expect(node.stdout.split('\n')).toHaveLength(2);
  });

  it('tells at level info how it came into the ring of others, and of the views that it makes there', async () => {
    const founder = await NodeProcess.start(1000);
    const through = `127.0.0.1:${founder.port}`;
    const joiner = await NodeProcess.start(1000, 'info', through);
    await until('a view was told of', () =>
      [founder, joiner].some(({ logged }) => logged.some(({ event }) => event === 'view_made')),
    );
    const [joined] = joiner.logged;
    expect(joined).toMatchObject({ level: 'info', event: 'ring_joined', addr: `127.0.0.1:${joiner.port}`, through });
    for (const { logged } of [founder, joiner])
      expect(logged.filter(({ event }) => event === 'view_made').length).toBeLessThanOrEqual(1);
  });

  it('tells at level debug of each process that starts, as JSON', async () => {
    const node = await NodeProcess.start(1000, 'debug');
    await until('a line', () => node.stderr.endsWith('\n'));
    const started = node.logged.filter(({ report }) => report === ('progress' satisfies Report['type']));
    expect(started[0]).toMatchObject({
      level: 'debug',
      node: 1,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      supervisor: expect.any(String) as string,
      msg: expect.stringMatching(/ started /) as string,
    });
    expect(started.length).toBeGreaterThanOrEqual(8);
  });
});
