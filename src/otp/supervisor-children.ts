/**
 * The children of one supervisor, in start order, found by id or by pid without a search.
 *
 * A child keeps its place when it is restarted. The instances of a simple_one_for_one supervisor
 * have no id and no order; they are found by pid alone.
 */
import type { FullChildSpec } from './child-spec';
import type { Pid } from './process';

/** One child: what was asked for, and what there is of it now. */
export class Child {
  /** The living process, nothing, or `restarting`: its last start failed and will be tried again. */
  pid: Pid | 'restarting' | undefined;
  /** The pid by which it is found: its own, or while it is restarting the last that it had. */
  knownBy: Pid | undefined;
  /** How often it was started again. */
  restarts = 0;

  constructor(
    readonly spec: FullChildSpec,
    /** What `startChild` added to the arguments of a simple_one_for_one instance. */
    public args: readonly unknown[] = NONE,
  ) {}

  /** A temporary child is never started again, so nothing holds on to what it was started with (fact 88). */
  dropArgs(): void {
    if (this.spec.restart === 'temporary') this.args = NONE;
  }
}

const NONE: readonly unknown[] = [];

/** All children of a supervisor, oldest first; each is found by its id, or by its pid where there are no ids. */
export class Children {
  private readonly all = new Map<string | Child, Child>();
  private readonly byPid = new Map<Pid, Child>();

  /** @param simple whether children are instances of one template, without ids */
  constructor(private readonly simple: boolean) {}

  get size(): number {
    return this.all.size;
  }

  add(child: Child): void {
    this.all.set(this.keyOf(child), child);
  }

  /** Forgets a child. */
  remove(child: Child): void {
    this.setPid(child, undefined);
    this.all.delete(this.keyOf(child));
  }

  setPid(child: Child, pid: Child['pid']): void {
    child.pid = pid;
    // Whoever knows an instance only by its pid can still cancel the restart (fact 83).
    if (pid === 'restarting') return;
    if (child.knownBy) this.byPid.delete(child.knownBy);
    child.knownBy = pid;
    if (pid) this.byPid.set(pid, child);
  }

  has(child: Child): boolean {
    return this.all.get(this.keyOf(child)) === child;
  }

  find(id: string): Child | undefined {
    return this.all.get(id);
  }

  findByPid(pid: Pid): Child | undefined {
    return this.byPid.get(pid);
  }

  /** All of them, first started first. */
  list(): Child[] {
    return [...this.all.values()];
  }

  /** The child and those that were added after it. */
  from(child: Child): Child[] {
    const children = this.list();
    return children.slice(children.indexOf(child));
  }

  private keyOf(child: Child): string | Child {
    return this.simple ? child : child.spec.id;
  }
}
