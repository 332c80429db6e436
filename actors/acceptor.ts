/**
 * Acceptor: the TCP port of a node. It hands each accepted socket to a connection of its own.
 *
 * Its one decision is when not to accept. When the system has no descriptors left, accepting
 * makes it worse: the port is closed for a moment and opened again, and those who are being
 * served notice nothing. After a crash the port is taken again at once; connections live on,
 * since they do not depend on the acceptor. Started by supervisors/listener-sup.ts.
 */
import type { Socket } from 'node:net';
import type { NodeSettings } from '../src/config';
import {
  cannotStart,
  type GenServer,
  genServer,
  nameOf,
  noReply,
  type Port,
  type Self,
  started,
  type SupervisorRef,
  supervisor,
} from '../src/otp';
import { Door } from '../src/transport/door';
import { registered } from './registered';

// API

export interface Args {
  readonly settings: NodeSettings;
  /** The supervisor of the connections. */
  readonly connections: SupervisorRef;
  /** Gives the door that was opened before the tree was built, once. */
  readonly takeDoor: () => Door | undefined;
}

export const NAME = nameOf('acceptor');
export const startLink = (args: Args) => genServer.startLink(callbacks, args, registered(NAME));

// State and messages

interface State extends Args {
  readonly accepted: number;
  /** How often the port had to be closed for lack of descriptors. */
  readonly pauses: number;
  /** What holds the port open; undefined during a pause. */
  readonly port: Port | undefined;
}

type Info =
  | { readonly type: 'accepted'; readonly socket: Socket }
  | { readonly type: 'accept_failed'; readonly code: string | undefined }
  | { readonly type: 'open_again' };

/** How long the port stays closed when the system has nothing left to accept with. */
const PAUSE_MS = 100;

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  async init(args, self) {
    const door = args.takeDoor() ?? (await self.wait(listen(args.settings)));
    if (!(door instanceof Door)) return cannotStart(['listen', door.code ?? door.message]);
    return started({ ...args, accepted: 0, pauses: 0, port: attend(door, self) });
  },

  async handleInfo(message, state, self) {
    switch (message.type) {
      case 'accepted':
        await self.run(() => letIn(message.socket, state));
        return noReply({ ...state, accepted: state.accepted + 1 });
      case 'accept_failed':
        return noReply(pause(message.code, state, self));
      case 'open_again':
        return noReply(await openAgain(state, self));
    }
  },

  formatStatus: ({ accepted, pauses, port }) => ({ accepted, pauses, listening: port !== undefined }),
};

// Internal

/** A failure is a value: its code is the reason, or the cause of another try. */
function listen({ host, port, connectionsMax }: NodeSettings): Promise<Door | NodeJS.ErrnoException> {
  return Door.listen(host, port, connectionsMax).catch((error: NodeJS.ErrnoException) => error);
}

function attend(door: Door, self: Self<Info>): Port {
  door.open(
    (socket) => self.runtime.send(self.pid, { type: 'accepted', socket }),
    ({ code }) => self.runtime.send(self.pid, { type: 'accept_failed', code }),
  );
  return self.openPort(() => door.close());
}

/** A connection that cannot be started, as there are too many, is a closed socket and no problem of the acceptor's. */
async function letIn(socket: Socket, { connections, settings }: State): Promise<void> {
  const connection = await supervisor.startChild(connections, [{ socket, settings }]);
  if (!connection.ok) socket.destroy();
}

function pause(code: string | undefined, state: State, self: Self<Info>): State {
  if (state.port === undefined) return state;
  state.port.close();
  self.runtime.logger.event('warning', 'accept_paused', { code, pauseMs: PAUSE_MS });
  self.sendAfter(PAUSE_MS, self.pid, { type: 'open_again' });
  return { ...state, pauses: state.pauses + 1, port: undefined };
}

async function openAgain(state: State, self: Self<Info>): Promise<State> {
  const door = await self.wait(listen(state.settings));
  if (door instanceof Door) return { ...state, port: attend(door, self) };
  self.sendAfter(PAUSE_MS, self.pid, { type: 'open_again' });
  return state;
}
