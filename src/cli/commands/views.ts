/** `funnelkvs views`: lists who keeps copies of which arc, as one node knows it. */
import type { AdminFlags } from '../admin-request';
import type { Subcommand } from '../command';
import { drawViews } from '../replica-drawing';
import { VIEWS_QUESTION } from '../replica-questions';
import { defineShow, show } from '../show';

/** Draws a table of views, or prints them as the node tells them. */
export const subcommand: Subcommand = {
  examples: ['views', 'views --port 8002 --json | jq ".views[].members"'],
  define: defineShow,
  run: (io, _args, flags: AdminFlags) =>
    show(io, flags, VIEWS_QUESTION, { document: (views) => views, lines: drawViews }),
};
