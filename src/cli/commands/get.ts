/** `funnelkvs get KEY`: prints the value stored under a key. */
import { addJsonFlag, addTargetFlags, flag, type Subcommand } from '../command';
import { printJson, printLine } from '../io';
import { jsonBytes, showBytes } from '../octet-text';
import { request, type RequestFlags } from '../request';

interface Flags extends RequestFlags {
  readonly raw?: boolean;
}

/** Prints the value as text, as exact bytes or in a JSON document. */
export const subcommand: Subcommand = {
  examples: ['get user:alice', 'get photo --raw > photo.jpg'],

  define(command) {
    command.argument('<KEY>', 'the key');
    addJsonFlag(addTargetFlags(command)).addOption(
      flag('--raw', 'write exactly the bytes of the value').conflicts('json'),
    );
  },

  run(io, [key = ''], flags: Flags) {
    return request(
      io,
      flags,
      (client) => client.get(key),
      (value) => {
        if (flags.raw) io.stdout.write(value);
        else if (flags.json) printJson(io, { key, value: jsonBytes(value) });
        else printLine(io, showBytes(value));
      },
    );
  },
};
