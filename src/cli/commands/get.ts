/** `funnelkvs get KEY`: prints the value stored under a key. */
import { flag, type Subcommand } from '../command';
import { printJson, printLine } from '../io';
import { jsonBytes, showBytes } from '../octet-text';
import { addKeyFlags, type KeyFlags, requestKey } from '../request';

interface Flags extends KeyFlags {
  readonly raw?: boolean;
}

/** Prints the value as text, as exact bytes or in a JSON document. */
export const subcommand: Subcommand = {
  examples: ['get user:alice --consistency eventual', 'get photo --raw > photo.jpg'],

  define(command) {
    command.argument('<KEY>', 'the key');
    addKeyFlags(command).addOption(flag('--raw', 'write exactly the bytes of the value').conflicts('json'));
  },

  run(io, [key = ''], flags: Flags) {
    return requestKey(
      io,
      flags,
      (client, options) => client.get(key, options),
      (value, said) => {
        if (flags.raw) io.stdout.write(value);
        else if (flags.json) printJson(io, { key, value: jsonBytes(value), ...said });
        else printLine(io, showBytes(value));
      },
    );
  },
};
