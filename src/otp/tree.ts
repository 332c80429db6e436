/**
 * The live supervision tree, as operators see it: who supervises whom, and how each is doing.
 *
 * It is asked of the supervisors one after the other, so a tree that changes meanwhile may be
 * shown half before and half after. A supervisor that does not answer in time, because it is
 * waiting for a child, is shown as `busy` without children.
 */
import type { ChildType, Strategy } from './child-spec';
import { Pid } from './process';
import type { Runtime } from './runtime';
import * as supervisor from './supervisor';

/** A process of the tree and all below it, as plain data: it can be sent as JSON. */
export interface TreeNode {
  /** The id in its supervisor; an instance without one is called after its module and pid. */
  readonly name: string;
  /** The names from the root, joined by `/`: what a process can be addressed by. */
  readonly path: string;
  readonly kind: ChildType;
  readonly module: string;
  /** Supervisors only. */
  readonly strategy?: Strategy;
  /** `running`, `waiting`, `blocked`, `suspended`; `restarting`, `stopped` where there is no process; `busy`. */
  readonly status: string;
  /** How often it was started again. */
  readonly restarts: number;
  /** Messages that wait. */
  readonly mailbox: number;
  readonly pid: string | null;
  readonly children: readonly TreeNode[];
}

/** A supervisor that takes longer is shown as busy. */
const ANSWER_TIMEOUT_MS = 1000;

/** What is known of a child before it is looked at. */
interface Place {
  readonly name: string;
  readonly path: string;
  readonly kind: ChildType;
  readonly module: string;
  readonly restarts: number;
}

/** The tree below a running supervisor. */
export function treeOf(runtime: Runtime, root: Pid, name: string): Promise<TreeNode> {
  return look(runtime, root, { name, path: name, kind: 'supervisor', module: name, restarts: 0 });
}

/** The node of a path, as `node-sup/services-sup/kv-store`. */
export function findInTree(tree: TreeNode, path: string): TreeNode | undefined {
  if (tree.path === path) return tree;
  if (!path.startsWith(`${tree.path}/`)) return undefined;
  for (const child of tree.children) {
    const found = findInTree(child, path);
    if (found) return found;
  }
  return undefined;
}

async function look(runtime: Runtime, pid: Pid, place: Place): Promise<TreeNode> {
  const info = runtime.processInfo(pid);
  const node: TreeNode = {
    ...place,
    status: info?.status ?? 'stopped',
    mailbox: info?.messageQueueLength ?? 0,
    pid: info ? pid.toString() : null,
    children: [],
  };
  if (place.kind === 'worker' || info === undefined) return node;
  try {
    const { strategy } = await supervisor.getFlags(pid, ANSWER_TIMEOUT_MS);
    const children = await supervisor.whichChildren(pid, ANSWER_TIMEOUT_MS);
    const oldestFirst = children.toReversed().map((child) => lookAtChild(runtime, place.path, child));
    return { ...node, strategy, children: await Promise.all(oldestFirst) };
  } catch {
    return { ...node, status: 'busy' };
  }
}

async function lookAtChild(runtime: Runtime, path: string, child: supervisor.ChildInfo): Promise<TreeNode> {
  const { pid, type: kind, restarts } = child;
  const [module = 'unknown'] = child.modules;
  const name = child.id ?? `${module}-${pid instanceof Pid ? pid.id : 'restarting'}`;
  const place = { name, path: `${path}/${name}`, kind, module, restarts };
  if (pid instanceof Pid) return look(runtime, pid, place);
  return { ...place, status: pid ?? 'stopped', mailbox: 0, pid: null, children: [] };
}
