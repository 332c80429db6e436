/** `funnelkvs delete KEY`: removes a key. */
import type { Subcommand } from '../command';
import { printJson, printLine } from '../io';
import { addKeyFlags, type KeyFlags, requestKey } from '../request';

/** Removes a key, and does not mind its absence. */
export const subcommand: Subcommand = {
  examples: ['delete user:alice', 'delete user:alice --connect 127.0.0.1:8001,127.0.0.1:8002'],

  define(command) {
    command.argument('<KEY>', 'the key; that it is absent is no failure');
    addKeyFlags(command);
  },

  run(io, [key = ''], flags: KeyFlags) {
    return requestKey(
      io,
      flags,
      (client, options) => client.delete(key, options),
      (_done, said) => (flags.json ? printJson(io, { key, deleted: true, ...said }) : printLine(io, 'OK')),
    );
  },
};
