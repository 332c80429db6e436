/** `funnelkvs delete KEY`: removes a key. */
import { addJsonFlag, addTargetFlags, type Subcommand } from '../command';
import { printJson, printLine } from '../io';
import { request, type RequestFlags } from '../request';

/** Removes a key, and does not mind its absence. */
export const subcommand: Subcommand = {
  examples: ['delete user:alice', 'delete user:alice --connect 127.0.0.1:8001,127.0.0.1:8002'],

  define(command) {
    command.argument('<KEY>', 'the key; that it is absent is no failure');
    addJsonFlag(addTargetFlags(command));
  },

  run(io, [key = ''], flags: RequestFlags) {
    return request(
      io,
      flags,
      (client) => client.delete(key),
      () => (flags.json ? printJson(io, { key, deleted: true }) : printLine(io, 'OK')),
    );
  },
};
