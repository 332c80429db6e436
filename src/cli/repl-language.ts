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
  | ({ readonly type: 'get'; readonly key: Buffer } & Chosen)
  | ({ readonly type: 'put'; readonly key: Buffer; readonly value: Buffer } & Chosen)
  | ({ readonly type: 'delete'; readonly key: Buffer } & Chosen)
  /** Whose answer suffices from now on; undefined: say what it is. */
  | { readonly type: 'consistency'; readonly choice: Choice | undefined }
  | { readonly type: 'ping' }
  | { readonly type: 'stats' }
  | RingWord
  | { readonly type: 'help' }
  | { readonly type: 'quit' }
  /** An empty line. */
  | { readonly type: 'nothing' }
  /** A line that asks for nothing there is. `why`: what its first word would need, where there is such a word. */
  | { readonly type: 'invalid'; readonly why?: string };

/** Whose answer suffices: most copies agree, or one is enough. */
export type Choice = 'quorum' | 'eventual';

/** A request that may say whose answer suffices for it. */
interface Chosen {
  readonly consistency?: Choice;
}

/** What is asked about the ring and its copies, and of the node: words that `funnelkvs` knows too, and `ring` for its status. */
export type RingWord =
  | { readonly type: 'ring' | 'nodes' | 'fingers' | 'views' | 'tree' | 'repair' | 'safe-to-stop' }
  | { readonly type: 'lookup' | 'locate'; readonly key: Buffer };

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

const RING_WORDS: ReadonlySet<string> = new Set<RingWord['type']>([
  'ring',
  'nodes',
  'fingers',
  'lookup',
  'views',
  'locate',
  'tree',
  'repair',
  'safe-to-stop',
]);

/** What invites the next line on a terminal. */
export const PROMPT = 'funnelkvs> ';

/** The same while there is no connection. */
export const PROMPT_NOT_CONNECTED = 'funnelkvs (not connected)> ';

/** The last line of a session. */
export const GOODBYE = 'Goodbye!';

/** The answer to a line that begins with no word there is. */
export const INVALID = "Invalid command. Type 'help' for usage.";

/** The answer to `help`: word for word the original's, then the words for the ring and for copies. */
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

/** The names that completion offers; the aliases `del`, `exit` and `?` are understood besides. */
const NAMES = [
  'get',
  'put',
  'delete',
  'ping',
  'stats',
  'ring',
  'nodes',
  'fingers',
  'lookup',
  'consistency',
  'locate',
  'views',
  'repair',
  'safe-to-stop',
  'tree',
  'help',
  'quit',
] as const;

/** What follows a word, where something does. */
const WANTED: ReadonlyMap<string, string> = new Map([
  ['get', ' <key>'],
  ['put', ' <key> <value>'],
  ['delete', ' <key>'],
  ['lookup', ' <key>'],
  ['locate', ' <key>'],
  ['consistency', ' quorum or eventual'],
  ['ring', ', ring status, ring nodes, ring fingers or ring lookup <key>'],
]);

const CHOICES = ['quorum', 'eventual'] as const satisfies readonly Choice[];

/** Before a word of {@link CHOICES}, at the end of a line: for this request alone. */
const CONSISTENCY_FLAG = '--consistency';

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
  return (name === 'ring' ? ringCommandOf(rest) : commandOf(name, rest)) ?? invalid(name, rest);
}

function invalid(name: string, words: readonly Buffer[]): ReplCommand {
  if (!NAMES.some((known) => known === name)) return { type: 'invalid' };
  const isChoice = name === 'consistency' || words.at(-2)?.toString('utf8') === CONSISTENCY_FLAG;
  const choice = isChoice && choiceIn(words.at(-1)) === undefined ? words.at(-1) : undefined;
  if (choice !== undefined)
    return { type: 'invalid', why: `Invalid consistency "${showBytes(choice)}": it is ${CHOICES.join(' or ')}` };
  return { type: 'invalid', why: `Invalid command: it is ${name}${WANTED.get(name) ?? ''}` };
}

/** What follows `ring` are the words of `funnelkvs ring`; they are understood without it too. */
function ringCommandOf([first, ...rest]: readonly Buffer[]): ReplCommand | undefined {
  if (first === undefined) return { type: 'ring' };
  const name = nameIn(first);
  if (name === 'status') return rest.length === 0 ? { type: 'ring' } : undefined;
  return RING_MEMBERS.has(name) ? commandOf(name, rest) : undefined;
}

const RING_MEMBERS: ReadonlySet<string> = new Set(['nodes', 'fingers', 'lookup']);

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
    case 'views':
    case 'locate':
    case 'tree':
    case 'repair':
    case 'safe-to-stop':
      return answer.lines.join('\n');
    default:
      return unreachable(answer);
  }
}

/** Completion for node:readline: the words that begin so, and what of the line they replace. */
export function completeLine(line: string): [string[], string] {
  const begun = line.trimStart().toLowerCase();
  const choice = CHOICE_BEGUN.exec(begun)?.[1];
  if (choice !== undefined) return [CHOICES.filter((word) => word.startsWith(choice)), choice];
  const names = NAMES.filter((name) => name.startsWith(begun));
  return [names.map((name) => `${name} `), begun];
}

const CHOICE_BEGUN = /^(?:consistency|(?:get|put|delete|del) .* --consistency) +(\S*)$/;

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

function commandOf(name: string, words: readonly Buffer[]): ReplCommand | undefined {
  switch (name) {
    case 'get':
    case 'delete':
    case 'put':
      return keyCommandOf(name, words);
    case 'lookup':
    case 'locate': {
      const [key, ...more] = words;
      return key !== undefined && more.length === 0 ? { type: name, key } : undefined;
    }
    case 'consistency':
      return consistencyOf(words);
    case 'ping':
    case 'stats':
    case 'nodes':
    case 'fingers':
    case 'views':
    case 'tree':
    case 'repair':
    case 'safe-to-stop':
    case 'help':
    case 'quit':
      return words.length === 0 ? { type: name } : undefined;
    default:
      return undefined;
  }
}

/** The flag counts only as the last two words behind all that the command needs; in quotes with others it is a value. */
function keyCommandOf(type: 'get' | 'put' | 'delete', words: readonly Buffer[]): ReplCommand | undefined {
  const needed = type === 'put' ? 2 : 1;
  const hasFlag = words.length >= needed + 2 && words.at(-2)?.toString('utf8') === CONSISTENCY_FLAG;
  const [key, ...values] = hasFlag ? words.slice(0, -2) : words;
  const choice = hasFlag ? choiceIn(words.at(-1)) : undefined;
  if (key === undefined || (hasFlag && choice === undefined)) return undefined;
  const chosen = choice && { consistency: choice };
  if (type === 'put') return values.length > 0 ? { type, key, value: joined(values), ...chosen } : undefined;
  return values.length === 0 ? { type, key, ...chosen } : undefined;
}

function consistencyOf([word, ...more]: readonly Buffer[]): ReplCommand | undefined {
  if (word === undefined) return { type: 'consistency', choice: undefined };
  const choice = choiceIn(word);
  return choice !== undefined && more.length === 0 ? { type: 'consistency', choice } : undefined;
}

function choiceIn(word: Buffer | undefined): Choice | undefined {
  const name = word?.toString('utf8').toLowerCase();
  return CHOICES.find((choice) => choice === name);
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
