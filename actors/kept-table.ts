/**
 * Kept tables: a process's one-row table that outlives it.
 *
 * What a process must not lose in a crash stands in the one row of a named table. When the process
 * ends, the table heir inherits the table, and whoever starts next under the same name claims it
 * back. Only when both die together is it gone. The owner names the living heir and watches it:
 * when that dies, the next one is named as soon as it is there.
 */
import { type DownMessage, ets, type Self } from '../src/otp';
import * as tableHeir from './table-heir';

// API

/** A row of a table that has only one. */
export interface OneRow {
  readonly id: string;
}

/** The name of such a table. */
export type RowTable<Row extends OneRow> = ets.TableName<Row, 'id'>;

/** What the owner of a kept table may find in its mailbox because of it; all of it is for {@link attend}. */
export type KeptMessage = { readonly type: 'find_heir' } | DownMessage | ets.TransferMessage;

/**
 * Claims the table that an earlier process has left, or makes an empty one, and names its heir. The
 * running process owns it from then on.
 *
 * @returns the row that was inherited; undefined where there is none
 */
export async function keep<Row extends OneRow>(
  table: RowTable<Row>,
  id: Row['id'],
  self: Self<KeptMessage>,
  protection: ets.Protection = 'protected',
): Promise<Row | undefined> {
  const isInherited = await tableHeir.claim(table).catch(() => false);
  return self.run(() => {
    if (!isInherited) create(table, protection);
    appointHeir(table, self);
    return rowOf(table, id);
  });
}

/** Makes a named table for one row, which is shared and never changed. It ends with the running process. */
export function create<Row extends OneRow>(table: RowTable<Row>, protection: ets.Protection = 'protected'): void {
  ets.newTable<OneRow, 'id'>(table, { key: 'id', named: true, protection, isolation: 'share' });
}

/** The row of such a table: one look-up, no hop. Undefined while nobody has the table. */
export function rowOf<Row extends OneRow>(table: RowTable<Row>, id: Row['id']): Row | undefined {
  // The library cannot see that a row with an "id" has a field "id" while the row's type is open.
  return ets.find(table as unknown as ets.TableName<OneRow, 'id'>, id) as Row | undefined;
}

/** Sees to it that the table has an heir again, after a {@link KeptMessage}. */
export function attend(table: string, message: KeptMessage, self: Self<KeptMessage>): void {
  if (message.type !== 'ETS-TRANSFER') appointHeir(table, self);
}

// Internal

/** Short: until there is a new heir, the owner must not die. */
const HEIR_RETRY_MS = 1;

/** Names the living heir, and watches it: without one, the table would die with this process. */
function appointHeir(table: string, self: Self<KeptMessage>): void {
  const heir = self.runtime.whereis(tableHeir.NAME);
  if (heir === undefined) {
    self.sendAfter(HEIR_RETRY_MS, self.pid, { type: 'find_heir' });
    return;
  }
  self.monitor(heir);
  ets.setHeir(table, { pid: heir, data: table });
}
