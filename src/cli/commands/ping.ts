/** `funnelkvs ping`: asks a node for a sign of life. */
import { addJsonFlag, addTargetFlags, type Subcommand } from '../command';
import { printJson, printLine } from '../io';
import { request, type RequestFlags } from '../request';

/** Prints `pong` once the node has said it. */
export const subcommand: Subcommand = {
  examples: ['ping', 'ping --port 8002 --timeout 500ms'],

  define(command) {
    addJsonFlag(addTargetFlags(command));
  },

  run(io, _args, flags: RequestFlags) {
    return request(
      io,
      flags,
      (client) => client.ping(),
      (answer) => (flags.json ? printJson(io, { answer }) : printLine(io, answer)),
    );
  },
};
