/**
 * The language of the interactive client: lines into commands, and answers into lines.
 *
 * The words are those of the original. Commands may be written in capitals. Words are separated by
 * blanks; double quotes keep blanks together, and inside them the escapes of C strings stand for
 * bytes that cannot be typed. What follows the key of a put is the value, so that
 * `put k a b c` stores `a b c`.
 */
import { formatStats, type Stats } from '../client';
import { unreachable } from '../unreachable';
import { ESCAPES, showBytes } from './octet-text';

/** What a line asks for. */
export type ReplCommand =
  | { readonly type: 'get'; readonly key: Buffer }
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'delete'; readonly key: Buffer }
  | { readonly type: 'ping' }
  | { readonly type: 'stats' }
  | RingWord
  | { readonly type: 'help' }
  | { readonly type: 'quit' }
  /** An empty line. */
  | { readonly type: 'nothing' }
  /** A line that asks for nothing there is. */
  | { readonly type: 'invalid' };

/** What is asked about the ring: the words after `funnelkvs ring`, and `ring` for its status. */
export type RingWord =
  | { readonly type: 'ring' | 'nodes' | 'fingers' }
  | { readonly type: 'lookup'; readonly key: Buffer };

/** What a request was answered with. */
export type ReplAnswer =
  | { readonly type: 'get'; readonly value: Buffer }
  | { readonly type: 'put' }
  | { readonly type: 'delete' }
  | { readonly type: 'ping'; readonly value: string }
  | { readonly type: 'stats'; readonly value: Stats }
  | { readonly type: RingWord['type']; readonly lines: readonly string[] };

/** Whether a word is about the ring, and so is answered by the node's admin server. */
export function isRingWord(word: { readonly type: string }): word is RingWord {
  return RING_WORDS.has(word.type);
}

const RING_WORDS: ReadonlySet<string> = new Set<RingWord['type']>(['ring', 'nodes', 'fingers', 'lookup']);

/** What invites the next line on a terminal. */
export const PROMPT = 'funnelkvs> ';

/** The same while there is no connection. */
export const PROMPT_NOT_CONNECTED = 'funnelkvs (not connected)> ';

/** The last line of a session. */
export const GOODBYE = 'Goodbye!';

/** The answer to a line that asks for nothing there is. */
export const INVALID = "Invalid command. Type 'help' for usage.";

/** The answer to `help`: word for word the original's, then the words for the ring. */
export const HELP: readonly string[] = [
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
];

/** The names that completion offers; the aliases `del`, `exit` and `?` are understood besides. */
const NAMES = ['get', 'put', 'delete', 'ping', 'stats', 'ring', 'nodes', 'fingers', 'lookup', 'help', 'quit'] as const;

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['del', 'delete'],
  ['exit', 'quit'],
  ['?', 'help'],
]);

/** What a line asks for. */
export function parseLine(line: string): ReplCommand {
  const words = wordsOf(line);
  if (words === undefined) return { type: 'invalid' };
  const [first, ...rest] = words;
  if (first === undefined) return { type: 'nothing' };
  const name = nameIn(first);
  return (name === 'ring' ? ringCommandOf(rest) : commandOf(name, rest)) ?? { type: 'invalid' };
}

/** What follows `ring` are the words of `funnelkvs ring`; they are understood without it too. */
function ringCommandOf([first, ...rest]: readonly Buffer[]): ReplCommand | undefined {
  if (first === undefined) return { type: 'ring' };
  const name = nameIn(first);
  if (name === 'status') return rest.length === 0 ? { type: 'ring' } : undefined;
  return name !== 'ring' && RING_WORDS.has(name) ? commandOf(name, rest) : undefined;
}

function nameIn(word: Buffer): string {
  const name = word.toString('utf8').toLowerCase();
  return ALIASES.get(name) ?? name;
}

/** The line that says what a request was answered with. */
export function formatAnswer(answer: ReplAnswer): string {
  switch (answer.type) {
    case 'get':
      return `Value: ${showBytes(answer.value)}`;
    case 'put':
    case 'delete':
      return 'OK';
    case 'ping':
      return answer.value;
    case 'stats':
      return formatStats(answer.value);
    case 'ring':
    case 'nodes':
    case 'fingers':
    case 'lookup':
      return answer.lines.join('\n');
    default:
      return unreachable(answer);
  }
}

/** Completion for node:readline: the commands that begin so, and what of the line they replace. */
export function completeLine(line: string): [string[], string] {
  const begun = line.trimStart().toLowerCase();
  const names = NAMES.filter((name) => name.startsWith(begun));
  return [names.map((name) => `${name} `), begun];
}

/** The words of a line; undefined where a quote is not closed. */
export function wordsOf(line: string): readonly Buffer[] | undefined {
  const words: Buffer[] = [];
  for (let at = nextWord(line, 0); at < line.length; ) {
    const word = readWord(line, at);
    if (word === undefined) return undefined;
    words.push(word.bytes);
    at = nextWord(line, word.end);
  }
  return words;
}

function commandOf(name: string, [key, ...values]: readonly Buffer[]): ReplCommand | undefined {
  switch (name) {
    case 'get':
    case 'delete':
    case 'lookup':
      return key !== undefined && values.length === 0 ? { type: name, key } : undefined;
    case 'put':
      return key !== undefined && values.length > 0 ? { type: name, key, value: joined(values) } : undefined;
    case 'ping':
    case 'stats':
    case 'nodes':
    case 'fingers':
    case 'help':
    case 'quit':
      return key === undefined ? { type: name } : undefined;
    default:
      return undefined;
  }
}

function joined(words: readonly Buffer[]): Buffer {
  return Buffer.concat(words.flatMap((word, index) => (index === 0 ? [word] : [BLANK, word])));
}

const BLANK = Buffer.from(' ');

/** A stretch of a line, as the bytes that it stands for, and where it ends. */
interface Piece {
  readonly bytes: Buffer;
  readonly end: number;
}

function nextWord(line: string, from: number): number {
  let at = from;
  while (at < line.length && isBlank(line, at)) at += 1;
  return at;
}

/** A word ends at a blank. Quotes may begin and end anywhere in it. */
function readWord(line: string, from: number): Piece | undefined {
  const pieces: Buffer[] = [];
  let at = from;
  while (at < line.length && !isBlank(line, at)) {
    const piece = line[at] === '"' ? readQuoted(line, at + 1) : readBare(line, at);
    if (piece === undefined) return undefined;
    pieces.push(piece.bytes);
    at = piece.end;
  }
  return { bytes: Buffer.concat(pieces), end: at };
}

function readBare(line: string, from: number): Piece {
  let end = from;
  while (end < line.length && line[end] !== '"' && !isBlank(line, end)) end += 1;
  return { bytes: Buffer.from(line.slice(from, end)), end };
}

function readQuoted(line: string, from: number): Piece | undefined {
  const pieces: Buffer[] = [];
  let at = from;
  while (at < line.length && line[at] !== '"') {
    const piece = line[at] === '\\' ? readEscape(line, at) : readPlain(line, at);
    pieces.push(piece.bytes);
    at = piece.end;
  }
  return at < line.length ? { bytes: Buffer.concat(pieces), end: at + 1 } : undefined;
}

function readPlain(line: string, from: number): Piece {
  let end = from;
  while (end < line.length && line[end] !== '"' && line[end] !== '\\') end += 1;
  return { bytes: Buffer.from(line.slice(from, end)), end };
}

/** A backslash before anything that it has no meaning for stands for itself. */
function readEscape(line: string, from: number): Piece {
  const [, digits] = /^\\x([0-9a-fA-F]{2})/.exec(line.slice(from, from + 4)) ?? [];
  if (digits !== undefined) return { bytes: Buffer.from(digits, 'hex'), end: from + 4 };
  const byte = ESCAPES.get(line[from + 1] ?? '');
  if (byte !== undefined) return { bytes: Buffer.from([byte]), end: from + 2 };
  return { bytes: Buffer.from('\\'), end: from + 1 };
}

function isBlank(line: string, at: number): boolean {
  return line[at] === ' ' || line[at] === '\t';
}
