/** The table of settings: src/config.ts, and the units and names that it is read with. */
import {
  defaultAdminPort,
  flagOf,
  givenByEnvironment,
  givenByFile,
  givenByFlags,
  mergeSettings,
  NODE_SETTINGS,
  nodeSettings,
  type NodeSettings,
  SETTING_NAMES,
  type Source,
  variableOf,
} from '../../src/config';
import { ERRORS } from '../../src/errors';
import { didYouMean, editDistance, nearest } from '../../src/nearest';
import { parseDuration, parseSize } from '../../src/units';

function settingsOf(...sources: readonly Source[]): NodeSettings {
  const merged = mergeSettings(sources);
  if (!merged.ok) throw new Error(merged.error.join('\n'));
  return merged.value.settings;
}

function problemsOf(...sources: readonly Source[]): readonly string[] {
  const merged = mergeSettings(sources);
  return merged.ok ? [] : merged.error;
}

const joining = (value: string) => ({ given: [{ name: 'join' as const, value, origin: 'option' }], problems: [] });

describe('mergeSettings()', () => {
  test('takes a list of addresses to join through, and names one that is none', () => {
    expect(settingsOf(joining('127.0.0.1:8001, [::1]:8002')).join).toBe('127.0.0.1:8001, [::1]:8002');
    expect(problemsOf(joining('127.0.0.1:8001,nowhere'))).toEqual([
      'Cannot use join "127.0.0.1:8001,nowhere" (option): it is not a list of addresses such as 127.0.0.1:8001',
    ]);
  });

  test('gives the defaults where nobody said otherwise', () => {
    expect(settingsOf()).toEqual({
      nodeId: 1,
      host: '127.0.0.1',
      port: 8001,
      cluster: 'funnelkvs',
      join: '',
      successorListMax: 8,
      stabilizeIntervalMs: 500,
      fixFingersIntervalMs: 500,
      checkPredecessorIntervalMs: 1000,
      ringProbeIntervalMs: 2000,
      requestTimeoutMs: 5000,
      adminHost: '127.0.0.1',
      adminPort: 18_001,
      logLevel: 'info',
      allowChaos: false,
      keyBytesMax: 65_536,
      valueBytesMax: 16_777_216,
      requestBytesMax: 67_108_864,
      connectionsMax: 10_000,
      idleRequestTimeoutMs: 30_000,
      pendingAnswerBytesMax: 1_048_576,
      arrivingBytesMax: 268_435_456,
      storeBytesMax: 1_073_741_824,
      replicas: 3,
      minReplicas: 1,
      maxDriftMs: 1000,
      clockOffsetMs: 0,
      tombstoneGraceMs: 3_600_000,
      hintTtlMs: 600_000,
      antiEntropyIntervalMs: 10_000,
      cleanupDelayMs: 30_000,
      syncBytesPerSecond: 20_000_000,
    });
  });

  test('lets flags win over the environment, it over the file, and that over the defaults, one by one', () => {
    const file = givenByFile('node.json', '{"port": 1, "nodeId": 1, "logLevel": "trace", "keyBytesMax": 9}');
    const environment = givenByEnvironment({
      FUNNELKVS_PORT: '2',
      FUNNELKVS_NODE_ID: '2',
      FUNNELKVS_LOG_LEVEL: 'warn',
    });
    const flags = givenByFlags({ port: '3', nodeId: '3' });
    const { port, nodeId, logLevel, keyBytesMax, host } = settingsOf(file, environment, flags);
    expect({ port, nodeId, logLevel, keyBytesMax, host }).toEqual({
      port: 3,
      nodeId: 3,
      logLevel: 'warn',
      keyBytesMax: 9,
      host: '127.0.0.1',
    });
  });

  test('takes sizes and durations with a unit, and plain numbers in the unit of the name', () => {
    const flags = { keyBytesMax: '2KiB', valueBytesMax: '3MiB', storeBytesMax: '1GiB', idleRequestTimeoutMs: '1.5s' };
    expect(settingsOf(givenByFlags(flags))).toMatchObject({
      keyBytesMax: 2048,
      valueBytesMax: 3 * 1024 ** 2,
      storeBytesMax: 1024 ** 3,
      idleRequestTimeoutMs: 1500,
    });
    expect(settingsOf(givenByFlags({ idleRequestTimeoutMs: '250' })).idleRequestTimeoutMs).toBe(250);
  });

  test.each<[string, unknown, string]>([
    ['nodeId', 0, 'it is not a whole number from 1 to 2147483647'],
    ['port', -1, 'it is not a whole number from 0 to 65535'],
    ['port', 80.5, 'it is not a whole number from 0 to 65535'],
    ['port', '0x50', 'it is not a whole number from 0 to 65535'],
    ['port', null, 'it is not a whole number from 0 to 65535'],
    ['host', '', 'it is not a text'],
    ['adminHost', '0.0.0.0', 'it is not an address of this machine, such as 127.0.0.1'],
    ['logLevel', 'loud', 'it is not one of error, warn, info, debug, trace'],
    ['allowChaos', 'perhaps', 'it is not true or false'],
    ['keyBytesMax', '1 KB', 'it is not a size from 1 to 4294967295 bytes, such as 65536 or 64KiB'],
    ['replicas', 10, 'it is not a whole number from 1 to 9'],
    ['clockOffsetMs', '--5s', 'it is not a duration from -2147483647 to 2147483647 ms, such as 500 or -30s'],
    ['clockOffsetMs', '-', 'it is not a duration from -2147483647 to 2147483647 ms, such as 500 or -30s'],
    ['idleRequestTimeoutMs', '5 minutes', 'it is not a duration from 1 to 2147483647 ms, such as 500 or 30s'],
  ])('refuses %s %j', (name, value, why) => {
    const source = givenByFile('f', JSON.stringify({ [name]: value }));
    expect(problemsOf(source)).toEqual([`Cannot use ${name} ${JSON.stringify(value)} (file f, line 1): ${why}`]);
  });

  test.each<[unknown, number]>([
    [-1500, -1500],
    ['-2s', -2000],
    ['-7', -7],
    ['1.5s', 1500],
  ])('takes the clock offset %j', (value, ms) => {
    const file = givenByFile('f', JSON.stringify({ clockOffsetMs: value, allowChaos: true }));
    expect(settingsOf(file).clockOffsetMs).toBe(ms);
  });

  test('refuses to set a clock wrong where nobody has asked for chaos', () => {
    const wrong = givenByEnvironment({ FUNNELKVS_CLOCK_OFFSET_MS: '-5000' });
    expect(problemsOf(wrong)).toEqual([
      'Cannot use clockOffsetMs -5000: a clock is set wrong only for tests, with allowChaos',
    ]);
    expect(settingsOf(wrong, givenByFlags({ allowChaos: true })).clockOffsetMs).toBe(-5000);
  });

  test('refuses to forget deletions before everybody can have met them, and to want more copies than there are', () => {
    expect(problemsOf(givenByFlags({ tombstoneGraceMs: '29min' }))).toEqual([
      'Cannot use tombstoneGraceMs 1740000 with hintTtlMs 600000: less than 3 times as long, it would let deleted keys come back',
    ]);
    expect(problemsOf(givenByFlags({ tombstoneGraceMs: '30min' }))).toEqual([]);
    const drifting = (maxDriftMs: string) =>
      problemsOf(givenByFlags({ tombstoneGraceMs: '10s', hintTtlMs: '1s', maxDriftMs }));
    expect(drifting('5001')).toEqual([
      'Cannot use tombstoneGraceMs 10000 with maxDriftMs 5001: less than 2 times as long, it would let deleted keys come back',
    ]);
    expect(drifting('5s')).toEqual([]);
    expect(problemsOf(givenByFlags({ replicas: '2', minReplicas: '3' }))).toEqual([
      'Cannot use minReplicas 3 with replicas 2: no key is ever kept on more than 2',
    ]);
  });

  test('refuses a value also where another one overrides it', () => {
    expect(problemsOf(givenByFile('f', '{"port": "x"}'), givenByFlags({ port: '1' }))).toHaveLength(1);
  });

  test('refuses settings that contradict each other', () => {
    expect(problemsOf(givenByFlags({ port: '9000', adminPort: '9000' }))).toEqual([
      'Cannot use adminPort 9000: it is the port for clients too',
    ]);
    expect(problemsOf(givenByFlags({ valueBytesMax: '64MiB', requestBytesMax: '1GiB' }))).toEqual([
      expect.stringMatching(/^Cannot use valueBytesMax 67108864 with keyBytesMax 65536: .* a message between nodes/),
    ]);
    expect(problemsOf(givenByFlags({ valueBytesMax: '63MiB', requestBytesMax: '1GiB' }))).toEqual([]);
    expect(problemsOf(givenByFlags({ requestBytesMax: '100' }))).toEqual([
      expect.stringMatching(/^Cannot use limits: requestBytesMax is 100/),
    ]);
  });
});

describe('givenByEnvironment()', () => {
  test('names a variable that nothing reads, and passes over those of others and of the client', () => {
    const { given, problems } = givenByEnvironment({ FUNNELKVS_PROT: '1', FUNNELKVS_TIMEOUT: '5s', PORT: '1' });
    expect(given).toEqual([]);
    expect(problems).toEqual([
      'Cannot use environment variable "FUNNELKVS_PROT": there is no such setting; did you mean "FUNNELKVS_PORT"?',
    ]);
  });
});

describe('nodeSettings()', () => {
  test('completes what a program asks for, or says what is wrong with it', () => {
    expect(nodeSettings({ port: 9001, adminPort: 0 })).toMatchObject({ ok: true, value: { port: 9001, adminPort: 0 } });
    expect(nodeSettings({ port: 70_000 })).toEqual({
      ok: false,
      error: ['Cannot use port 70000 (option): it is not a whole number from 0 to 65535'],
    });
  });
});

describe('defaultAdminPort()', () => {
  test.each([
    [8001, 18_001],
    [55_535, 65_535],
    [55_536, 45_536],
    [65_535, 55_535],
    [0, 0],
  ])('of %i is %i', (port, adminPort) => expect(defaultAdminPort(port)).toBe(adminPort));
});

describe('NODE_SETTINGS', () => {
  test('names are spelled the same way everywhere', () => {
    expect([flagOf('keyBytesMax'), variableOf('keyBytesMax')]).toEqual(['--key-bytes-max', 'FUNNELKVS_KEY_BYTES_MAX']);
  });

  test.each(SETTING_NAMES)('%s has a text for help, without a full stop', (name) => {
    expect(NODE_SETTINGS[name].text).toMatch(/^[a-z].*[^.]$/);
  });
});

describe('nearest()', () => {
  test.each([
    ['gte', 'get'],
    ['putt', 'put'],
    ['PING', 'ping'],
    ['delet', 'delete'],
    ['frobnicate', undefined],
    ['', undefined],
  ])('of "%s" is %s', (word, name) => expect(nearest(word, ['get', 'put', 'delete', 'ping'])).toBe(name));

  test('didYouMean() asks, or says nothing', () => {
    expect([didYouMean('gte', ['get']), didYouMean('x', ['get'])]).toEqual(['; did you mean "get"?', '']);
  });

  test('editDistance() counts a swap of neighbours as one change', () => {
    expect([editDistance('prot', 'port'), editDistance('', 'abc'), editDistance('kitten', 'sitting')]).toEqual([
      1, 3, 3,
    ]);
  });
});

describe('units', () => {
  test.each<[string, number | undefined]>([
    ['500ms', 500],
    ['5s', 5000],
    ['0.5s', 500],
    ['2min', 120_000],
    ['5', undefined],
    ['5 s', undefined],
    ['-5s', undefined],
    ['5KiB', undefined],
  ])('parseDuration("%s") is %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each<[string, number | undefined]>([
    ['1B', 1],
    ['64KiB', 65_536],
    ['1.5MiB', 1_572_864],
    ['64', undefined],
    ['64KB', undefined],
  ])('parseSize("%s") is %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));
});

describe('ERRORS', () => {
  test.each(Object.entries(ERRORS))('%s says what it means and what to do', (_code, { meaning, advice }) => {
    expect(meaning).toMatch(/^[A-Z].*[^.]$/);
    expect(advice).toMatch(/^[A-Z].*[^.]$/);
  });
});
