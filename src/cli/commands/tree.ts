/** `funnelkvs tree`: draws the supervision tree of a running node, as its admin server describes it. */
import { addAdminFlags, type AdminFlags, askAdmin, adminTargetOf } from '../admin-request';
import { addJsonFlag, type Subcommand } from '../command';
import { EXIT } from '../exit-codes';
import { printError, printJson, printLine } from '../io';
import { TREE_QUESTION } from '../ring-questions';
import { drawTree } from '../tree-drawing';

/** Draws the tree, or prints it as the node describes it. */
export const subcommand: Subcommand = {
  examples: ['tree', 'tree --port 8002 --json'],

  define(command) {
    addJsonFlag(addAdminFlags(command));
  },

  async run(io, _args, flags: AdminFlags) {
    const servers = adminTargetOf(flags, io.env);
    const tree = servers.ok ? await askAdmin(servers.value, TREE_QUESTION) : servers;
    if (!tree.ok) {
      printError(io, tree.error, flags.json === true);
      return tree.error.exitCode;
    }
    if (flags.json) printJson(io, { tree: tree.value });
    else for (const line of drawTree(tree.value)) printLine(io, line);
    return EXIT.success;
  },
};
