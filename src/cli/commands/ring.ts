/** `funnelkvs ring`: shows the ring as one of its nodes sees it. */
import type { RingInfo } from '../../admin/answers';
import type { AdminFlags } from '../admin-request';
import type { SubcommandGroup, Subcommand } from '../command';
import { defineShow, show } from '../show';
import { EXIT } from '../exit-codes';
import { jsonBytes } from '../octet-text';
import { drawFingers, drawLookup, drawNodes, drawStatus, shareOf } from '../ring-drawing';
import { FINGERS_QUESTION, lookupQuestion, RING_QUESTION } from '../ring-questions';

const status: Subcommand = {
  examples: ['ring status', 'ring status --port 8002 --json | jq .consistent'],
  define: defineShow,
  run: (io, _args, flags: AdminFlags) =>
    show(io, flags, RING_QUESTION, {
      document: statusDocument,
      lines: drawStatus,
      exitCode: ({ consistent, covered }) => (consistent && covered ? EXIT.success : EXIT.unsound),
    }),
};

const nodes: Subcommand = {
  examples: ['ring nodes', 'ring nodes --connect 127.0.0.1:8001,127.0.0.1:8002'],
  define: defineShow,
  run: (io, _args, flags: AdminFlags) =>
    show(io, flags, RING_QUESTION, { document: (ring) => ({ nodes: ring.nodes }), lines: drawNodes }),
};

const fingers: Subcommand = {
  examples: ['ring fingers', 'ring fingers --port 8002'],
  define: defineShow,
  run: (io, _args, flags: AdminFlags) =>
    show(io, flags, FINGERS_QUESTION, { document: (found) => found, lines: drawFingers }),
};

const lookup: Subcommand = {
  examples: ['ring lookup user:alice', 'ring lookup user:alice --json | jq .owner.addr'],

  define(command) {
    command.argument('<KEY>', 'the key; it need not exist');
    defineShow(command);
  },

  run(io, [text = ''], flags: AdminFlags) {
    const key = Buffer.from(text, 'utf8');
    const document = ({ key64: _key64, ...found }: Parameters<typeof drawLookup>[0]) => ({
      key: jsonBytes(key),
      ...found,
    });
    return show(io, flags, lookupQuestion(key), { document, lines: drawLookup });
  },
};

/** The words after `ring`. */
export const group: SubcommandGroup = {
  examples: ['ring status', 'ring lookup user:alice'],
  members: {
    status: { summary: 'Says whether the ring is whole, who is missing and what each node has', subcommand: status },
    nodes: { summary: 'Lists the nodes in ring order with their neighbours', subcommand: nodes },
    fingers: { summary: 'Prints the finger table of a node', subcommand: fingers },
    lookup: { summary: 'Finds the node that a key belongs to, and the way there', subcommand: lookup },
  },
};

function statusDocument({ nodes: all, consistent, covered, problems }: RingInfo): object {
  return {
    size: all.filter(({ state }) => state !== 'unreachable').length,
    consistent,
    covered,
    problems,
    nodes: all.map((node) => ({
      id: node.id,
      addr: node.addr,
      state: node.state,
      owns: shareOf(node),
      keys: node.keys,
      bytes: node.bytes,
      records: node.copies.records,
      copies: node.copies.led === 0 ? null : { min: node.copies.least, max: node.copies.most },
      learners: node.copies.learner,
      newcomers: node.copies.newcomers,
      unsettled: node.copies.unsettled,
      fetching: node.copies.fetching,
      hints: node.copies.hints,
    })),
  };
}
