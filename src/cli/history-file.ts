/** The history of the interactive client: lines that outlive a session, for their owner's eyes only. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Io } from './io';

/** Most lines that are kept. */
export const HISTORY_LINES_MAX = 1000;

/** Where the history is kept: in the XDG state folder. */
export function historyPath(env: Io['env']): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  return join(state, 'funnelkvs', 'history');
}

/** The lines of a history, newest first; none where there is no such file. */
export function readHistory(path: string): readonly string[] {
  try {
    return keptLines(readFileSync(path, 'utf8').split('\n').toReversed());
  } catch {
    // A first session, or a folder that may not be read: there is a client without a history, too.
    return [];
  }
}

/** Writes the lines, newest first as readline has them. A history that cannot be kept is no reason to stop. */
export function writeHistory(path: string, lines: readonly string[]): void {
  const content = keptLines(lines)
    .toReversed()
    .map((line) => `${line}\n`)
    .join('');
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: 0o600 });
    // The mode above is for a new file only.
    chmodSync(path, 0o600);
  } catch {
    // As above.
  }
}

/** What is worth keeping: each line once, none that begins with a blank, no more than there is room for. */
export function keptLines(newestFirst: readonly string[]): readonly string[] {
  const worthKeeping = newestFirst.filter((line) => line !== '' && !line.startsWith(' '));
  return [...new Set(worthKeeping)].slice(0, HISTORY_LINES_MAX);
}
