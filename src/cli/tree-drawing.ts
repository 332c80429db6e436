/** The drawing of a supervision tree, as `funnelkvs tree` prints it. */

/** A process as the admin server describes it. */
export interface TreeNode {
  readonly name: string;
  readonly kind: string;
  readonly strategy?: string | undefined;
  readonly status: string;
  readonly restarts: number;
  readonly children: readonly TreeNode[];
}

/**
 * The tree, a line for each process: its place, its kind and strategy, its status and how often it was restarted.
 *
 *   node-sup          supervisor rest_for_one  running
 *   ├── table-heir    worker                   running
 *   └── services-sup  supervisor one_for_one   running   2 restarts
 */
export function drawTree(root: TreeNode): readonly string[] {
  const rows = rowsOf(root, '', '');
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Whether this is such a tree, down to its leaves. */
export function isTree(value: unknown): value is TreeNode {
  if (typeof value !== 'object' || value === null) return false;
  const { name, kind, status, restarts, children } = value as Partial<Record<keyof TreeNode, unknown>>;
  const texts = [name, kind, status].every((text) => typeof text === 'string');
  return texts && typeof restarts === 'number' && Array.isArray(children) && children.every(isTree);
}

function rowsOf(node: TreeNode, branch: string, indent: string): readonly (readonly string[])[] {
  const { name, kind, strategy, status, restarts, children } = node;
  const kindText = strategy === undefined ? kind : `${kind} ${strategy}`;
  const below = children.flatMap((child, index) => {
    const isLast = index === children.length - 1;
    return rowsOf(child, `${indent}${isLast ? '└── ' : '├── '}`, `${indent}${isLast ? '    ' : '│   '}`);
  });
  return [[`${branch}${name}`, kindText, status, restartsText(restarts)], ...below];
}

function restartsText(restarts: number): string {
  if (restarts === 0) return '';
  return restarts === 1 ? '1 restart' : `${restarts} restarts`;
}
