/** The language of the interactive client, and what is shown of bytes: values in, values out. */
import { isUtf8 } from 'node:buffer';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { HISTORY_LINES_MAX, historyPath, keptLines, readHistory, writeHistory } from '../../src/cli/history-file';
import { escapeBytes, jsonBytes, showBytes } from '../../src/cli/octet-text';
import { completeLine, formatAnswer, parseLine, wordsOf } from '../../src/cli/repl-language';
import { SEED } from '../protocol/fixtures';

/** Buffers compare slowly; their hexadecimal digits do not. */
const hexOf = (word: Uint8Array) => Buffer.from(word).toString('hex');
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const quoted = (word: Uint8Array) => `"${escapeBytes(word)}"`;

describe(`wordsOf() (FC_SEED=${SEED})`, () => {
  test('gives back any bytes that were escaped and quoted', () => {
    fc.assert(
      fc.property(fc.array(bytes), (words) =>
        expect(wordsOf(words.map(quoted).join(' '))?.map(hexOf)).toEqual(words.map(hexOf)),
      ),
    );
  });

  test('gives back words without blanks, quotes and backslashes as they are', () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\s"]/.test(text));
    const blanks = fc.stringMatching(/^[ \t]{1,3}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(word, blanks)), (pairs) => {
        const line = pairs.map(([text, blank]) => text + blank).join('');
        expect(wordsOf(line)?.map(String)).toEqual(pairs.map(([text]) => text));
      }),
    );
  });

  test('takes any line, without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (line) => expect(parseLine(line).type).toEqual(expect.any(String))),
    );
  });

  test.each<[string, readonly string[] | undefined]>([
    ['', []],
    ['  \t ', []],
    ['a "b c" d', ['a', 'b c', 'd']],
    ['a"b c"d', ['ab cd']],
    ['""', ['']],
    ['"a', undefined],
    ['a "', undefined],
    [String.raw`"a\"b" "\\" "\q" "\x4"`, ['a"b', '\\', String.raw`\q`, String.raw`\x4`]],
    [String.raw`C:\new`, [String.raw`C:\new`]],
  ])('of %j is %j', (line, words) => expect(wordsOf(line)?.map(String)).toEqual(words));
});

describe('parseLine()', () => {
  const key = Buffer.from('k');

  test.each<[string, object]>([
    ['get k', { type: 'get', key }],
    ['GET k', { type: 'get', key }],
    ['delete k', { type: 'delete', key }],
    ['del k', { type: 'delete', key }],
    ['put k v', { type: 'put', key, value: Buffer.from('v') }],
    ['put k a b c', { type: 'put', key, value: Buffer.from('a b c') }],
    ['put k "a  b" c', { type: 'put', key, value: Buffer.from('a  b c') }],
    ['get k --consistency eventual', { type: 'get', key, consistency: 'eventual' }],
    ['del k --consistency QUORUM', { type: 'delete', key, consistency: 'quorum' }],
    ['put k v --consistency eventual', { type: 'put', key, value: Buffer.from('v'), consistency: 'eventual' }],
    // It takes a key and a value for anything behind them to be a flag.
    ['put --consistency eventual', { type: 'put', key: Buffer.from('--consistency'), value: Buffer.from('eventual') }],
    ['put k "v --consistency eventual"', { type: 'put', key, value: Buffer.from('v --consistency eventual') }],
    ['get k --consistency', { type: 'invalid', why: 'Invalid command: it is get <key>' }],
    ['get k --consistency most', { type: 'invalid', why: 'Invalid consistency "most": it is quorum or eventual' }],
    ['put k v --consistency most', { type: 'invalid', why: 'Invalid consistency "most": it is quorum or eventual' }],
    ['get --consistency', { type: 'get', key: Buffer.from('--consistency') }],
    ['consistency Eventual', { type: 'consistency', choice: 'eventual' }],
    ['consistency', { type: 'consistency', choice: undefined }],
    ['consistency most', { type: 'invalid', why: 'Invalid consistency "most": it is quorum or eventual' }],
    ['consistency quorum k', { type: 'invalid', why: 'Invalid consistency "k": it is quorum or eventual' }],
    ['locate k', { type: 'locate', key }],
    ['views', { type: 'views' }],
    ['tree', { type: 'tree' }],
    ['repair', { type: 'repair' }],
    ['safe-to-stop', { type: 'safe-to-stop' }],
    ['repair all', { type: 'invalid', why: 'Invalid command: it is repair' }],
    [
      'ring views',
      {
        type: 'invalid',
        why: 'Invalid command: it is ring, ring status, ring nodes, ring fingers or ring lookup <key>',
      },
    ],
    ['locate', { type: 'invalid', why: 'Invalid command: it is locate <key>' }],
    ['put k ""', { type: 'put', key, value: Buffer.from('') }],
    ['ping', { type: 'ping' }],
    ['stats', { type: 'stats' }],
    ['help', { type: 'help' }],
    ['?', { type: 'help' }],
    ['quit', { type: 'quit' }],
    ['Exit', { type: 'quit' }],
    ['ring', { type: 'ring' }],
    ['nodes', { type: 'nodes' }],
    ['fingers', { type: 'fingers' }],
    ['lookup k', { type: 'lookup', key }],
    ['ring status', { type: 'ring' }],
    ['Ring Nodes', { type: 'nodes' }],
    ['ring fingers', { type: 'fingers' }],
    ['ring lookup k', { type: 'lookup', key }],
    ['', { type: 'nothing' }],
    ['get', { type: 'invalid', why: 'Invalid command: it is get <key>' }],
    ['get a b', { type: 'invalid', why: 'Invalid command: it is get <key>' }],
    ['put k', { type: 'invalid', why: 'Invalid command: it is put <key> <value>' }],
    ['ping now', { type: 'invalid', why: 'Invalid command: it is ping' }],
    ['nonsense', { type: 'invalid' }],
    ['constructor', { type: 'invalid' }],
    [
      'ring ring',
      {
        type: 'invalid',
        why: 'Invalid command: it is ring, ring status, ring nodes, ring fingers or ring lookup <key>',
      },
    ],
    [
      'ring lookup',
      {
        type: 'invalid',
        why: 'Invalid command: it is ring, ring status, ring nodes, ring fingers or ring lookup <key>',
      },
    ],
    [
      'ring status now',
      {
        type: 'invalid',
        why: 'Invalid command: it is ring, ring status, ring nodes, ring fingers or ring lookup <key>',
      },
    ],
    [
      'ring get k',
      {
        type: 'invalid',
        why: 'Invalid command: it is ring, ring status, ring nodes, ring fingers or ring lookup <key>',
      },
    ],
    ['get "k', { type: 'invalid' }],
  ])('of %j is %j', (line, command) => expect(parseLine(line)).toEqual(command));

  test('gives back the key and the value of any put that was written down', () => {
    fc.assert(
      fc.property(bytes, bytes, (name, value) => {
        const command = parseLine(`put ${quoted(name)} ${quoted(value)}`);
        expect(command.type === 'put' && [command.key, command.value].map(hexOf)).toEqual([name, value].map(hexOf));
      }),
    );
  });
});

describe('formatAnswer()', () => {
  test.each([
    [{ type: 'get', value: Buffer.from('Alice Smith') }, 'Value: Alice Smith'],
    [{ type: 'get', value: Buffer.from('') }, 'Value: '],
    [{ type: 'put' }, 'OK'],
    [{ type: 'delete' }, 'OK'],
    [{ type: 'ping', value: 'pong' }, 'pong'],
    [{ type: 'stats', value: { keys: 0, size: 0 } }, 'keys: 0, size: 0'],
  ] as const)('of %j is "%s"', (answer, line) => expect(formatAnswer(answer)).toBe(line));
});

describe('completeLine()', () => {
  test.each<[string, readonly string[]]>([
    ['p', ['put ', 'ping ']],
    ['PI', ['ping ']],
    ['x', []],
    ['get k', []],
    ['lo', ['lookup ', 'locate ']],
    ['con', ['consistency ']],
    ['consistency ', ['quorum', 'eventual']],
    ['consistency e', ['eventual']],
    ['consistency x', []],
    ['get k --consistency q', ['quorum']],
    ['put k v --consistency ', ['quorum', 'eventual']],
    ['v', ['views ']],
  ])('of "%s" offers %j', (line, names) => expect(completeLine(line)[0]).toEqual(names));
});

describe('showBytes()', () => {
  test('shows text as it is, several lines of it too', () => {
    expect(showBytes(Buffer.from('Zoë\n\t"値" \\'))).toBe('Zoë\n\t"値" \\');
  });

  test('escapes what is no text, and what would drive a terminal', () => {
    expect(showBytes(Buffer.from([0xff, 0xfe, 0x00, 0x22]))).toBe(String.raw`"\xff\xfe\x00\""`);
    expect(showBytes(Buffer.from('\u001b[2J'))).toBe(String.raw`"\x1b[2J"`);
  });

  test('jsonBytes() can be turned back into the same bytes', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const json = jsonBytes(value);
        expect(typeof json === 'string').toBe(isUtf8(value));
        const back = typeof json === 'string' ? Buffer.from(json) : Buffer.from(json.base64, 'base64');
        expect(hexOf(back)).toBe(hexOf(value));
      }),
    );
  });
});

describe('history', () => {
  test('keptLines() keeps each line once, none that begins with a blank, and no more than there is room for', () => {
    expect(keptLines(['b', 'a', ' secret', '', 'b'])).toEqual(['b', 'a']);
    const many = Array.from({ length: HISTORY_LINES_MAX + 5 }, (_, index) => `line ${index}`);
    expect(keptLines(many)).toEqual(many.slice(0, HISTORY_LINES_MAX));
  });

  test('readHistory() gives back what writeHistory() wrote, for its owner only', () => {
    const folder = mkdtempSync(join(tmpdir(), 'funnelkvs-'));
    const path = historyPath({ XDG_STATE_HOME: folder });
    expect(readHistory(path)).toEqual([]);
    writeHistory(path, ['newest', 'older']);
    writeHistory(path, ['newest', 'older', 'oldest']);
    expect(readFileSync(path, 'utf8')).toBe('oldest\nolder\nnewest\n');
    expect(readHistory(path)).toEqual(['newest', 'older', 'oldest']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    rmSync(folder, { recursive: true });
  });

  test('writeHistory() passes over a folder that cannot be written', () => {
    expect(() => writeHistory('/dev/null/history', ['line'])).not.toThrow();
  });

  test('historyPath() is in the XDG state folder', () => {
    expect(historyPath({ XDG_STATE_HOME: '/state' })).toBe('/state/funnelkvs/history');
    expect(historyPath({ HOME: '/home/a' })).toBe('/home/a/.local/state/funnelkvs/history');
  });
});
