/**
 * Table: what a table is besides its rows: whose it is, who may do what with it, and when it ends.
 *
 * A table hangs on its owner as a port does. When the owner ends, a living heir gets it, else it
 * is gone before anybody can learn of the owner's death (facts 101 and 102). Who may read or
 * write is asked of the process whose code is running, so code after an `await` must go through
 * `self.run`; without it, it counts as nobody, who may use public tables and read protected ones.
 */
import { BadArgument } from './errors';
import type { Store } from './ets-store';
import { assertNotDead, currentProcess, type Owned, type Pid, type Process } from './process';
import { currentRuntime, type Runtime } from './runtime';

/** Who may do what: with `protected` all read and the owner writes, `public` and `private` say it (fact 100). */
export type Protection = 'protected' | 'public' | 'private';

/** `set` has no order and compares keys strictly, `ordered_set` is sorted by key (fact 105). */
export type TableType = 'set' | 'ordered_set';

/** `copy` keeps the rows of a table apart from everybody's objects, `share` trusts everybody (fact 109). */
export type Isolation = 'copy' | 'share';

/** Who gets a table when its owner ends, and what it is told with it. */
export interface Heir {
  readonly pid: Pid;
  readonly data: unknown;
}

/** What a process gets with a table that is now its own (fact 102). */
export interface TransferMessage<Row = never, KeyField = never> {
  readonly type: 'ETS-TRANSFER';
  readonly table: Table<Row, KeyField>;
  /** The owner before. */
  readonly from: Pid;
  readonly heirData: unknown;
}

/** What can be asked of any table, private ones included (fact 103). */
export interface TableInfo {
  readonly id: number;
  readonly name: string;
  readonly named: boolean;
  readonly type: TableType;
  readonly protection: Protection;
  readonly isolation: Isolation;
  /** The field that holds the key. */
  readonly key: string | number;
  readonly owner: Pid;
  readonly heir: Pid | undefined;
  /** Rows. */
  readonly size: number;
  /** Whether somebody keeps it fixed for a walk. */
  readonly fixed: boolean;
}

/** What never changes about a table. */
export interface TableTraits {
  readonly name: string;
  readonly named: boolean;
  readonly type: TableType;
  readonly protection: Protection;
  readonly isolation: Isolation;
  readonly key: string | number;
}

declare const rowOf: unique symbol;
declare const keyOf: unique symbol;

let made = 0;

/** One table. Its rows are reached through the functions of ets.ts only. */
export class Table<in out Row = object, in out KeyField = PropertyKey> implements Owned {
  declare readonly [rowOf]: (row: Row) => Row;
  declare readonly [keyOf]: (field: KeyField) => KeyField;
  readonly id: number;
  heir: Heir | undefined;
  private holder: Process | undefined;
  private readonly fixations = new Map<Process, Fixation>();

  constructor(
    owner: Process,
    private readonly tables: Tables,
    readonly traits: TableTraits,
    /** For ets.ts only. */
    readonly store: Store,
  ) {
    made += 1;
    this.id = made;
    this.holder = owner;
    tables.add(this);
    owner.owned.add(this);
  }

  /** The process that it belongs to; undefined once the table is gone. */
  get owner(): Process | undefined {
    return this.holder;
  }

  /** What people know it by. */
  get label(): string {
    return `#Ets<${this.traits.name}.${this.id}>`;
  }

  toJSON(): string {
    return this.label;
  }

  ownerEnded(): void {
    const from = this.holder;
    this.holder = undefined;
    const heir = this.heir?.pid.process;
    if (from && heir) this.passTo(heir, from, this.heir?.data);
    else this.end();
  }

  /** Gives the table to a living process and tells it. */
  transfer(to: Process, data: unknown): void {
    const from = this.holder;
    if (from === undefined) return;
    from.owned.delete(this);
    this.passTo(to, from, data);
  }

  /** Deletes the table with all its rows. */
  remove(): void {
    this.holder?.owned.delete(this);
    this.holder = undefined;
    this.end();
  }

  /** Keeps walks by key sound until it is released as often as it was fixed (fact 107). */
  fix(process: Process): void {
    const fixation = this.fixations.get(process) ?? new Fixation(process, () => this.unfix(process));
    fixation.count += 1;
    this.fixations.set(process, fixation);
    this.store.fix(true);
  }

  /** Takes back one {@link fix} of this process, if there is one. */
  release(process: Process): void {
    const fixation = this.fixations.get(process);
    if (fixation === undefined) return;
    fixation.count -= 1;
    if (fixation.count > 0) return;
    process.owned.delete(fixation);
    this.unfix(process);
  }

  /** Undefined once the table is gone. */
  info(): TableInfo | undefined {
    if (this.holder === undefined) return undefined;
    return {
      id: this.id,
      ...this.traits,
      owner: this.holder.pid,
      heir: this.heir?.pid,
      size: this.store.size,
      fixed: this.fixations.size > 0,
    };
  }

  private passTo(to: Process, from: Process, heirData: unknown): void {
    this.holder = to;
    to.owned.add(this);
    const table = this as unknown as Table<never, never>;
    to.deliver(to.kernel.sending<TransferMessage>({ type: 'ETS-TRANSFER', table, from: from.pid, heirData }));
  }

  private unfix(process: Process): void {
    this.fixations.delete(process);
    if (this.fixations.size === 0) this.store.fix(false);
  }

  private end(): void {
    this.tables.delete(this);
    for (const [process, fixation] of this.fixations) process.owned.delete(fixation);
    this.fixations.clear();
    this.store.clear();
  }
}

/** How often one process has fixed one table. It ends with the process. */
class Fixation implements Owned {
  count = 0;

  constructor(
    process: Process,
    private readonly onEnd: () => void,
  ) {
    process.owned.add(this);
  }

  ownerEnded(): void {
    this.onEnd();
  }
}

/** The fields of a row by which it can be addressed: names, or positions from 0 in a tuple. */
export type FieldOf<Row> = keyof Row & (Row extends readonly unknown[] ? PositionOf<Row> : string);

type PositionOf<Row> =
  Exclude<keyof Row, keyof (readonly unknown[])> extends infer Position
    ? Position extends `${infer Index extends number}`
      ? Index
      : never
    : never;

declare const names: unique symbol;

/** The name of a named table that says what its rows are. Make one with {@link tableName}. */
export type TableName<Row, KeyField> = string & { readonly [names]: Table<Row, KeyField> };

/** A table, or the name of a named one, which means whichever table has it at that moment. */
export type TableRef<Row, KeyField> = Table<Row, KeyField> | TableName<Row, KeyField>;

/** A name whose table has rows of this kind. */
export const tableName = <Row extends object, KeyField extends FieldOf<Row>>(name: string): TableName<Row, KeyField> =>
  name as TableName<Row, KeyField>;

type AnyTable = Pick<Table, 'traits' | 'info'>;

/** A table, or a name, of which nothing more needs to be known. */
export type AnyTableRef = AnyTable | string;

/** The tables of one runtime, oldest first, and their names. */
export class Tables {
  private readonly all = new Set<AnyTable>();
  private readonly named = new Map<string, AnyTable>();

  static of(runtime: Runtime): Tables {
    const found = runtime.parts.get(TABLES);
    if (found instanceof Tables) return found;
    const tables = new Tables();
    runtime.parts.set(TABLES, tables);
    return tables;
  }

  /** @throws BadArgument when it is a named table and the name is in use (fact 100) */
  add(table: AnyTable): void {
    const { name, named } = table.traits;
    if (named && this.named.has(name)) throw new BadArgument(`Cannot create a table: "${name}" is in use`);
    if (named) this.named.set(name, table);
    this.all.add(table);
  }

  delete(table: AnyTable): void {
    if (table.traits.named) this.named.delete(table.traits.name);
    this.all.delete(table);
  }

  find(name: string): Table | undefined {
    return this.named.get(name) as Table | undefined;
  }

  /** The tables that exist. */
  list(): TableInfo[] {
    return [...this.all].flatMap((table) => table.info() ?? []);
  }
}

const TABLES = Symbol('tables');

/** @throws BadArgument when there is no such table (any more) */
function find(ref: AnyTableRef): Table {
  const table = typeof ref === 'string' ? Tables.of(currentRuntime()).find(ref) : (ref as Table);
  if (table?.owner === undefined) throw new BadArgument(`Cannot use the table "${nameOf(ref)}": it does not exist`);
  return table;
}

/** The table, if the running process may read it. @throws BadArgument */
export function readable(ref: AnyTableRef): Table {
  const table = find(ref);
  if (table.traits.protection === 'private') owned(table, 'read');
  return table;
}

/** The table, if the running process may write it. @throws BadArgument @throws DeadProcess */
export function writable(ref: AnyTableRef): Table {
  const table = find(ref);
  assertNotDead();
  if (table.traits.protection !== 'public') owned(table, 'write');
  return table;
}

/** The table, if it belongs to the running process. @throws BadArgument */
export function owned(ref: AnyTableRef, action: string): Table {
  const table = find(ref);
  if (table.owner === currentProcess()) return table;
  throw new BadArgument(`Cannot ${action} ${table.label}: it belongs to ${table.owner?.label}`);
}

const nameOf = (ref: AnyTableRef) => (typeof ref === 'string' ? ref : ref.traits.name);
