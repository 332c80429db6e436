/** `funnelkvs put KEY VALUE`: stores a value under a key. */
import { DEFAULT_CLIENT_SETTINGS } from '../../client';
import type { Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { type Io, printError, printJson, printLine } from '../io';
import { addKeyFlags, type KeyFlags, requestKey } from '../request';

/** Stores the value that stands on the command line, or all of the standard input. */
export const subcommand: Subcommand = {
  examples: ['put user:alice "Alice Smith"', 'put photo - < photo.jpg'],

  define(command) {
    command.argument('<KEY>', 'the key').argument('<VALUE>', 'the value; - reads it from the standard input');
    addKeyFlags(command);
  },

  async run(io, [key = '', text = ''], flags: KeyFlags) {
    const value = text === '-' ? await readAll(io) : text;
    if (value === undefined) {
      const message = `Cannot put: the value has more than ${BYTES_MAX} bytes`;
      printError(io, { code: 'too_large', message }, flags.json === true);
      return EXIT.failure;
    }
    return requestKey(
      io,
      flags,
      (client, options) => client.put(key, value, options),
      (_done, said) => (flags.json ? printJson(io, { key, stored: true, ...said }) : printLine(io, 'OK')),
    );
  },
};

const BYTES_MAX = DEFAULT_CLIENT_SETTINGS.valueBytesMax;

/** All of the standard input; undefined as soon as it is longer than any value may be. */
async function readAll({ stdin }: Io): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > BYTES_MAX) return undefined;
  }
  return Buffer.concat(chunks, bytes);
}
