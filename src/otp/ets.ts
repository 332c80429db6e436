/**
 * ets: tables of rows that several processes read and that outlive a single message.
 *
 * A row is an object or a tuple, and one of its fields is its key. A table belongs to a process
 * and ends with it; who else may read or write is its protection (facts 100 to 109). Every
 * function takes the table itself or the name of a named one, and acts as the running process:
 * after an `await`, call it through `self.run`.
 *
 *   type Session = { readonly id: string; readonly user: string };
 *   const sessions = ets.newTable<Session, 'id'>('sessions', { key: 'id' });
 *   ets.insert(sessions, { id: 'a1', user: 'kim' });
 *   const [session] = ets.lookup(sessions, 'a1');
 *
 * What Erlang writes as a match specification is a predicate here, so `match` and `match_object`
 * are `select`, and what is taken out of a row is the caller's `map`. Types are `set` and
 * `ordered_set`; see ets-store.ts for why there is no `bag`.
 */
import { BadArgument } from './errors';
import { OrderedSetStore } from './ets-ordered-set';
import { keyIn, put, rowIn, rowOut } from './ets-rows';
import { SetStore } from './ets-set';
import {
  type AnyTableRef,
  type FieldOf,
  type Heir,
  type Isolation,
  owned,
  type Protection,
  readable,
  Table,
  type TableInfo,
  type TableName,
  type TableRef,
  Tables,
  type TableType,
  writable,
} from './ets-table';
import { assertNotDead, currentProcess, type Pid, type Process } from './process';
import { currentRuntime, type Runtime } from './runtime';
import { formatTerm } from './term';

export { type Key } from './ets-key';
export { END_OF_TABLE, type EndOfTable } from './ets-rows';
export {
  type AnyTableRef,
  type FieldOf,
  type Heir,
  type Isolation,
  type Protection,
  type Table,
  type TableInfo,
  type TableName,
  type TableRef,
  type TableType,
  tableName,
  type TransferMessage,
} from './ets-table';
export { type Change, type Increment, updateCounter, updateElement } from './ets-update';
export * from './ets-walk';

/** What a new table is told. Only `key` has no default, and nothing but the heir can be changed later. */
export interface TableOptions<KeyField> {
  /** The field that holds the key: a name, or a position from 0 when rows are tuples. */
  readonly key: KeyField;
  /** @default 'set' */
  readonly type?: TableType;
  /** @default 'protected': the owner writes, all read */
  readonly protection?: Protection;
  /** Make the name an address. @default false: the name is for people */
  readonly named?: boolean;
  /** Who gets the table when its owner ends. @default nobody */
  readonly heir?: Heir;
  /**
   * `copy`: rows are copied on their way in and out (a few hundred nanoseconds each), so nothing
   * that is changed outside changes the table. `share`: the row itself is stored and given out, for
   * hot paths whose code never changes a row. @default 'copy'
   */
  readonly isolation?: Isolation;
}

// Tables

/**
 * Makes a table that belongs to the running process (fact 100).
 *
 * @throws BadArgument outside of a process, for a named table whose name is in use, and for bad options
 */
export function newTable<Row extends object, KeyField extends FieldOf<Row>>(
  name: string,
  options: TableOptions<KeyField>,
): Table<Row, KeyField> {
  const { key, type = 'set', protection = 'protected', named = false, isolation = 'copy', heir } = options;
  checkOptions(name, key, [type, TYPES], [protection, PROTECTIONS], [isolation, ISOLATIONS]);
  const owner = running('create a table');
  if (heir) checkNode(heir.pid, owner);
  const store = type === 'set' ? new SetStore() : new OrderedSetStore();
  const traits = { name, named, type, protection, isolation, key: key as string | number };
  const table = new Table(owner, Tables.of(currentRuntime()), traits, store);
  table.heir = heir;
  return table as unknown as Table<Row, KeyField>;
}

/** Deletes the table: the owner may, and anybody if it is public (fact 103). @throws BadArgument */
export function deleteTable(table: AnyTableRef): true {
  writable(table).remove();
  return true;
}

/** The named table of this name, if there is one. */
export function whereis<Row, KeyField>(name: TableName<Row, KeyField>): Table<Row, KeyField> | undefined {
  return Tables.of(currentRuntime()).find(name) as Table<Row, KeyField> | undefined;
}

/** What is known about a table, also a private one; undefined once it is gone (facts 101, 103). */
export function info(table: AnyTableRef): TableInfo | undefined {
  return typeof table === 'string' ? Tables.of(currentRuntime()).find(table)?.info() : table.info();
}

/** The tables of a runtime, oldest first: for operators. */
export const tablesOf = (runtime: Runtime): TableInfo[] => Tables.of(runtime).list();

/**
 * Gives the table to another process, which gets {@link TransferMessage} with `data` (fact 102).
 *
 * @throws BadArgument unless the running process owns it, and `to` is alive and another one
 */
export function giveAway(table: AnyTableRef, to: Pid, data: unknown): true {
  const target = to.process;
  const given = owned(table, 'give away');
  if (target === undefined) throw new BadArgument(`Cannot give away ${given.label}: ${to.toString()} is dead`);
  if (target === given.owner) throw new BadArgument(`Cannot give away ${given.label}: ${to.toString()} has it already`);
  checkNode(to, target);
  checkNode(to, running('give away a table'));
  given.transfer(target, data);
  return true;
}

/** Changes who gets the table when its owner ends: Erlang's `setopts` (fact 102). @throws BadArgument unless owner */
export function setHeir(table: AnyTableRef, heir: Heir | undefined): true {
  if (heir) checkNode(heir.pid, running('set an heir'));
  owned(table, 'set the heir of').heir = heir;
  return true;
}

/**
 * Lets the running process walk a set with {@link next} while rows are deleted (fact 107). Calls
 * nest; each `true` needs its `false`, and the end of the process takes back all of them.
 */
export function safeFixtable(table: AnyTableRef, fix: boolean): true {
  const process = running('fix a table');
  if (fix) readable(table).fix(process);
  else readable(table).release(process);
  return true;
}

// Rows

/** Inserts a row, or replaces the one with its key (fact 104). @throws BadArgument when it has no good key */
export function insert<Row extends object, KeyField>(table: TableRef<Row, KeyField>, row: NoInfer<Row>): true {
  const target = writable(table);
  put(target, rowIn(target, row));
  return true;
}

/** Inserts all rows or, when one of them is bad, none. Of several with one key the last wins (fact 104). */
export function insertList<Row extends object, KeyField>(
  table: TableRef<Row, KeyField>,
  rows: readonly NoInfer<Row>[],
): true {
  const target = writable(table);
  for (const row of rows.map((row) => rowIn(target, row))) put(target, row);
  return true;
}

/** Inserts a row unless its key is taken. */
export function insertNew<Row extends object, KeyField>(table: TableRef<Row, KeyField>, row: NoInfer<Row>): boolean {
  return insertNewList(table, [row]);
}

/** Inserts all rows, or none when one of their keys is taken (fact 104). */
export function insertNewList<Row extends object, KeyField>(
  table: TableRef<Row, KeyField>,
  rows: readonly NoInfer<Row>[],
): boolean {
  const target = writable(table);
  const copies = rows.map((row) => rowIn(target, row));
  if (copies.some((row) => target.store.get(keyIn(target, row)) !== undefined)) return false;
  for (const row of copies) put(target, row);
  return true;
}

/** The row with this key in a list, or an empty one: `const [row] = lookup(table, key)`. */
export function lookup<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): [] | [Row] {
  const source = readable(table);
  const row = source.store.get(key);
  return row === undefined ? [] : [rowOut(source, row) as Row];
}

/**
 * The row with this key in a named table; undefined also where nobody has the table. One step, where
 * {@link whereis} and {@link lookup} are two and make a list: for what is looked up for every message.
 */
export function find<Row extends object, KeyField extends FieldOf<Row>>(
  name: TableName<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): Row | undefined {
  const table = Tables.of(currentRuntime()).find(name);
  const row = table && readable(table).store.get(key);
  return table && row && (rowOut(table, row) as Row);
}

/** One field of the row with this key. @throws BadArgument when there is none (fact 104) */
export function lookupElement<Row extends object, KeyField extends FieldOf<Row>, Field extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
  field: Field,
): Row[Field] {
  const [row] = lookup(table, key);
  if (row === undefined) throw new BadArgument(`Cannot look up "${formatTerm(key)}": no row has this key`);
  return row[field];
}

/** Whether there is a row with this key. */
export function member<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): boolean {
  return readable(table).store.get(key) !== undefined;
}

/** Deletes the row with this key; it is true also when there is none (fact 104). */
export function deleteKey<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): true {
  writable(table).store.delete(key);
  return true;
}

/** Deletes the row with this key and gives it back, in a list as {@link lookup} does. */
export function take<Row extends object, KeyField extends FieldOf<Row>>(
  table: TableRef<Row, KeyField>,
  key: NoInfer<Row[KeyField]>,
): [] | [Row] {
  const source = writable(table);
  const row = source.store.get(key);
  if (row === undefined) return [];
  source.store.delete(key);
  return [rowOut(source, row) as Row];
}

// Internal

const TYPES: readonly string[] = ['set', 'ordered_set'] satisfies TableType[];
const PROTECTIONS: readonly string[] = ['protected', 'public', 'private'] satisfies Protection[];
const ISOLATIONS: readonly string[] = ['copy', 'share'] satisfies Isolation[];

function checkOptions(name: string, key: unknown, ...choices: [string, readonly string[]][]): void {
  const isField = typeof key === 'number' ? Number.isSafeInteger(key) && key >= 0 : typeof key === 'string';
  if (!isField) throw new BadArgument(`Cannot create the table "${name}": "${formatTerm(key)}" is no field`);
  for (const [choice, allowed] of choices) {
    if (allowed.includes(choice)) continue;
    throw new BadArgument(`Cannot create the table "${name}": "${choice}" is none of ${allowed.join(', ')}`);
  }
}

function running(action: string): Process {
  assertNotDead();
  const process = currentProcess();
  if (process === undefined) throw new BadArgument(`Cannot ${action}: no process is running; use self.run`);
  return process;
}

/** A table cannot leave its runtime. */
function checkNode(pid: Pid, process: Process): void {
  if (pid.process && pid.process.kernel !== process.kernel)
    throw new BadArgument(`Cannot hand a table to ${pid.toString()}: it belongs to another runtime`);
}
