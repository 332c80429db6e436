/**
 * Table heir: the process that inherits the tables of a node when their owners crash.
 *
 * It does nothing else, so nothing can crash it. It even outlives its supervisor: when that is
 * killed, everything below it falls, and what the tables hold would fall with it. So the heir
 * stays behind with the tables, an orphan, until the next supervisor adopts it; if none comes
 * within `ORPHAN_MS`, it ends. If the heir itself is killed, the tables are still with their
 * owners, who name its successor as their heir. Started by supervisors/node-sup.ts.
 */
import {
  type Ask,
  currentSelf,
  type ExitMessage,
  ets,
  type GenServer,
  genServer,
  type Handled,
  isExit,
  isExpectedExit,
  noReply,
  reply,
  type StartResult,
  serverNamed,
  started,
  stop,
} from '../src/otp';

// API

export const NAME = serverNamed<Call, Cast>('table-heir');

/** Starts the heir, or adopts the one that an earlier supervisor left behind. */
export async function startLink(): Promise<StartResult> {
  const parent = currentSelf();
  const orphan = parent.runtime.whereis(NAME);
  const heir: StartResult = orphan
    ? { ok: true, value: orphan }
    : await genServer.start(callbacks, undefined, { name: NAME });
  if (heir === 'ignore' || !heir.ok) return heir;
  parent.link(heir.value);
  parent.run(() => genServer.cast(NAME, 'adopted'));
  return heir;
}

/** Asks for a table that was left by an earlier process: true when the caller owns it now. */
export const claim = (table: string) => genServer.call(NAME, { type: 'claim', table });

// State and messages

interface State {
  /** The tables in keeping, by name. */
  readonly tables: ReadonlyMap<string, ets.AnyTableRef>;
  /** The supervisor is gone, and no other has come yet. */
  readonly orphaned: boolean;
}

type Call = Ask<'claim', boolean, { table: string }>;
type Cast = 'adopted';
type Info = ets.TransferMessage | ExitMessage | { readonly type: 'timeout' };

/** How long an orphan waits for a new supervisor. */
const ORPHAN_MS = 5000;

// Callbacks

const callbacks: GenServer<undefined, State, Call, Cast, Info> = {
  init(_none, self) {
    // Linked by hand and not by the start: the exit of a parent would end it (see the header).
    self.trapExit(true);
    return started({ tables: new Map(), orphaned: false });
  },

  handleCall({ table }, from, state) {
    const kept = state.tables.get(table);
    if (kept === undefined || from.pid === undefined) return reply(false, state, waitIf(state));
    ets.giveAway(kept, from.pid, 'claimed');
    const tables = new Map([...state.tables].filter(([name]) => name !== table));
    return reply(true, { ...state, tables }, waitIf(state));
  },

  handleCast: (_adopted, state) => noReply({ ...state, orphaned: false }),

  handleInfo(message, state) {
    if (isExit(message)) {
      return isExpectedExit(message.reason) ? stop(message.reason, state) : goOn({ ...state, orphaned: true });
    }
    if (message.type === 'timeout') return stop('orphaned', state);
    const { name } = message.table.traits;
    return goOn({ ...state, tables: new Map(state.tables).set(name, message.table) });
  },

  formatStatus: ({ tables, orphaned }) => ({ tables: [...tables.keys()], orphaned }),
};

// Internal

const waitIf = ({ orphaned }: State) => (orphaned ? { timeoutMs: ORPHAN_MS } : undefined);

const goOn = (state: State): Handled<State> => noReply(state, waitIf(state));
