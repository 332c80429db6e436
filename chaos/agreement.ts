/**
 * Agreement: what all nodes must say of keys that were written with consistency `eventual`.
 *
 * Such keys are no registers, but in the end every node gives the same answer to each, which is a value that was written.
 * What only one node had may be lost with it. Where none has lost its memory, nothing may be lost that was acknowledged
 * and that nothing has overwritten.
 */
import type { ChaosNode } from './chaos-node';
import type { History, Operation } from './history';
import { later } from './later';
import { Clients, perform } from './load';

/** What may have become of eventual writes. */
export interface Losses {
  /** Whether a node has lost its memory, and with it what only it had. */
  readonly areAllowed: boolean;
  /** How far clocks may be apart: of two writes that were made within that time of each other, either may be the later one. */
  readonly clockErrorMs: number;
}

/** Longer than copies are compared apart. */
const BOUND_MS = 30_000;
const AGAIN_AFTER_MS = 250;

/** Waits until all nodes say what they must; says what is wrong where they do not. */
export async function disagreement(
  nodes: readonly ChaosNode[],
  eventual: History,
  losses: Losses,
  nowMs: () => number,
): Promise<string | undefined> {
  const clients = new Clients();
  const sinceMs = nowMs();
  let problem: string | undefined;
  do {
    problem = undefined;
    for (const [key, operations] of eventual.byKey()) {
      const reads = await Promise.all(nodes.map((node) => readEventually(clients, node, key, nowMs)));
      problem = problemOf(key, operations, reads, losses) ?? problem;
    }
    if (problem !== undefined) await later(AGAIN_AFTER_MS);
  } while (problem !== undefined && nowMs() - sinceMs < BOUND_MS);
  await clients.close();
  return problem;
}

/** What is wrong with the last reads of a key through all nodes, if anything. */
export function problemOf(
  key: string,
  operations: readonly Operation[],
  reads: readonly Operation[],
  losses: Losses,
): string | undefined {
  const [first] = reads;
  const puts = operations.filter(({ op }) => op === 'put');
  const answers = reads.map(answerOf).join(', ');
  const isOne = reads.every(({ outcome, value }) => outcome === first?.outcome && value === first.value);
  const isAnswer = first?.outcome === 'ok' || first?.outcome === 'not_found';
  const found = first?.outcome === 'ok' ? puts.find(({ value }) => value === first.value) : undefined;
  if (!isOne || !isAnswer) return `nodes do not agree on ${key}: ${answers}`;
  if (first.outcome === 'ok' && found === undefined) return `${key} has a value that nobody has put: ${answers}`;
  if (found?.outcome === 'refused') return `${key} has a value whose put was refused: ${answers}`;
  const lost = losses.areAllowed ? undefined : puts.find((one) => isLost(one, found, losses.clockErrorMs));
  return lost && `${key} has lost the acknowledged eventual put of ${lost.value ?? ''} by ${lost.node}: ${answers}`;
}

/** Whether a write that was acknowledged is gone, and what was found in its place cannot have overwritten it. */
function isLost({ outcome, invokedMs }: Operation, found: Operation | undefined, clockErrorMs: number): boolean {
  if (outcome !== 'ok') return false;
  // What nobody knows the end of may have been done at any later time.
  return found === undefined || (found.outcome === 'ok' && found.returnedMs + clockErrorMs < invokedMs);
}

async function readEventually(clients: Clients, node: ChaosNode, key: string, nowMs: () => number): Promise<Operation> {
  const client = await clients.of(node, 0);
  if (client !== undefined) return perform(client, node, { op: 'get', key, isEventual: true }, nowMs);
  const timeMs = nowMs();
  return {
    op: 'get',
    key,
    value: undefined,
    outcome: 'refused',
    node: node.name,
    invokedMs: timeMs,
    returnedMs: timeMs,
  };
}

const answerOf = ({ node, outcome, value }: Operation) => `${node} ${outcome === 'ok' ? (value ?? '') : outcome}`;
