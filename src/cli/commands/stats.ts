/** `funnelkvs stats`: prints what a node counts. */
import { formatStats } from '../../client';
import { addJsonFlag, addTargetFlags, type Subcommand } from '../command';
import { printJson, printLine } from '../io';
import { request, type RequestFlags } from '../request';

/** Prints the numbers as the node orders them. */
export const subcommand: Subcommand = {
  examples: ['stats', 'stats --json | jq .keys'],

  define(command) {
    addJsonFlag(addTargetFlags(command));
  },

  run(io, _args, flags: RequestFlags) {
    return request(
      io,
      flags,
      (client) => client.stats(),
      (stats) => (flags.json ? printJson(io, stats) : printLine(io, formatStats(stats))),
    );
  },
};
