/**
 * Processes that a test speaks through: `member.run(() => ets.insert(…))` is done as that process
 * and at once, so that a test decides who does what to a table in which order.
 */
import { ets, type Pid, Self } from '../../src/otp';
import type { Process } from '../../src/otp/process';
import { collectInto, inWorld, type World } from './runtime';

export class Member {
  /** What it was sent. */
  readonly messages: unknown[] = [];
  readonly pid: Pid<unknown>;
  readonly self: Self<unknown>;

  constructor(world: World) {
    this.pid = world.spawn(collectInto(this.messages));
    this.self = new Self<unknown>(this.pid.process as Process, world.runtime);
  }

  /** Runs `action` as this process. */
  run<T>(action: () => T): T {
    return this.self.run(action);
  }
}

/** A test with the process that owns the tables, another one, and a third. All of them end with it. */
export function withMembers(
  body: (owner: Member, other: Member, third: Member, world: World) => void | Promise<void>,
): () => Promise<void> {
  return inWorld(
    async (world) => {
      const members = [new Member(world), new Member(world), new Member(world)] as const;
      await world.idle();
      await body(...members, world);
      for (const member of members) world.kill(member.pid);
    },
    { seeds: 1 },
  );
}

/** The keys that a walk with `first` and `next` visits, doing `onVisit` at each. */
export function walk<Row extends object, KeyField extends ets.FieldOf<Row>>(
  table: ets.TableRef<Row, KeyField>,
  onVisit: (key: Row[KeyField]) => void = () => {},
): Row[KeyField][] {
  const visited: Row[KeyField][] = [];
  let key = ets.first(table);
  while (key !== ets.END_OF_TABLE) {
    const here: Row[KeyField] = key;
    visited.push(here);
    onVisit(here);
    key = ets.next(table, here);
  }
  return visited;
}
