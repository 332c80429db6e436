/** `funnelkvs ring`: shows the ring as one of its nodes sees it. */
import type { RingInfo } from '../../admin/answers';
import { addAdminFlags, type AdminFlags, type AdminQuestion, adminTargetOf, askAdmin } from '../admin-request';
import { addJsonFlag, type Subcommand, type SubcommandGroup } from '../command';
import { EXIT } from '../exit-codes';
import { type Io, printError, printJson, printLine } from '../io';
import { jsonBytes } from '../octet-text';
import { drawFingers, drawLookup, drawNodes, drawStatus, shareOf } from '../ring-drawing';
import { FINGERS_QUESTION, lookupQuestion, RING_QUESTION } from '../ring-questions';

const defineShow: Subcommand['define'] = (command) => {
  addJsonFlag(addAdminFlags(command));
};

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

/** How an answer is shown: to programs, to people, and by the exit code. */
interface Showing<T> {
  readonly document: (answer: T) => object;
  readonly lines: (answer: T) => readonly string[];
  readonly exitCode?: (answer: T) => number;
}

async function show<T>(
  io: Io,
  flags: AdminFlags,
  question: AdminQuestion<T>,
  { document, lines, exitCode = () => EXIT.success }: Showing<T>,
): Promise<number> {
  const servers = adminTargetOf(flags, io.env);
  const answer = servers.ok ? await askAdmin(servers.value, question) : servers;
  if (!answer.ok) {
    printError(io, answer.error, flags.json === true);
    return answer.error.exitCode;
  }
  if (flags.json) printJson(io, document(answer.value));
  else for (const line of lines(answer.value)) printLine(io, line);
  return exitCode(answer.value);
}

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
    })),
  };
}
