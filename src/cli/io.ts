/** What the program touches of the world, and the ways in which it writes to it. */
import type { Readable, Writable } from 'node:stream';
import { type ErrorCode, ERRORS } from '../errors';

/** Where the program reads and writes. The process itself is one. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Data and nothing else. */
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Errors, hints and progress. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The version of the JSON documents: a change that breaks a reader raises it. */
export const SCHEMA_VERSION = 1;

/** Writes a line of data. */
export function printLine(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Writes a JSON document, with its schema's version at the top. */
export function printJson(io: Io, document: object): void {
  printLine(io, JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...document }));
}

/** Writes why a command failed: a line for people, or a JSON document for programs. */
export function printError(io: Io, { code, message }: { code: ErrorCode; message: string }, json: boolean): void {
  const document = { error: { code, message, hint: ERRORS[code].advice } };
  io.stderr.write(`${json ? JSON.stringify(document) : message}\n`);
}
