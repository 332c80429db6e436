/**
 * Acceptor: the TCP port of a node. It hands each accepted socket to a connection of its own.
 *
 * Its one decision is when not to accept. More than `connectionsMax` are turned away. When the system has no descriptors left, accepting
 * makes it worse: the port is closed for a moment and opened again, and those who are being
 * served notice nothing. After a crash the port is taken again at once; connections live on,
 * since they do not depend on the acceptor, and are counted anew. Clients that were not yet let in
 * see a closed socket. Started by supervisors/listener-sup.ts.
 */
import type { Socket } from 'node:net';
import type { NodeSettings } from '../src/config';
import {
  cannotStart,
  type DownMessage,
  type GenServer,
  genServer,
  nameOf,
  noReply,
  Pid,
  type Port,
  type Self,
  started,
  type SupervisorRef,
  supervisor,
} from '../src/otp';
import { closeUnwanted, Door } from '../src/transport/door';
import { readThroughSharedBuffer } from '../src/transport/shared-buffer';
import type { Inflow } from './inflow';
import { registered } from './registered';
import type { OpenSession } from './session';

// API

export interface Args {
  readonly settings: NodeSettings;
  /** For all connections: what they are receiving together. */
  readonly inflow: Inflow;
  /** For connections from clients, and those from other nodes. */
  readonly openClientSession: OpenSession;
  readonly openPeerSession: OpenSession;
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
  /** How many connections there are, those from before a crash included. */
  readonly open: number;
  /** Sockets that no connection has taken over yet. Mutable: the door adds to it. */
  readonly inHand: Set<Socket>;
  /** How often the port had to be closed for lack of descriptors. */
  readonly pauses: number;
  /** What holds the port open; undefined during a pause. */
  readonly port: Port | undefined;
}

type Info =
  | { readonly type: 'accepted'; readonly socket: Socket }
  /** What connection-sup has made of it; no pid: nothing. */
  | { readonly type: 'handed_over'; readonly socket: Socket; readonly pid: Pid | undefined }
  | { readonly type: 'accept_failed'; readonly code: string | undefined }
  | { readonly type: 'open_again' }
  | DownMessage;

/** How long the port stays closed when the system has nothing left to accept with. */
const PAUSE_MS = 100;

// Callbacks

const callbacks: GenServer<Args, State, never, never, Info> = {
  async init(args, self) {
    const door = args.takeDoor() ?? (await listen(args.settings, self));
    if (!(door instanceof Door)) return cannotStart(['listen', door.code ?? door.message]);
    const inHand = new Set<Socket>();
    self.openPort(() => turnAway(inHand));
    const port = attend(door, inHand, self);
    const open = await self.run(() => watchAll(args.connections, self));
    return started({ ...args, accepted: 0, open, inHand, pauses: 0, port });
  },

  async handleInfo(message, state, self) {
    switch (message.type) {
      case 'accepted':
        return noReply(letIn(message.socket, state, self));
      case 'handed_over':
        return noReply(handedOver(message.socket, message.pid, state, self));
      case 'DOWN':
        return noReply({ ...state, open: state.open - 1 });
      case 'accept_failed':
        return noReply(pause(message.code, state, self));
      case 'open_again':
        return noReply(await openAgain(state, self));
    }
  },

  formatStatus: ({ accepted, open, pauses, port }) => ({ accepted, open, pauses, listening: port !== undefined }),
};

// Internal

/** A failure is a value: its code is the reason, or the cause of another try. */
function listen({ host, port, connectionsMax }: NodeSettings, self: Self<Info>): Promise<Door | NodeJS.ErrnoException> {
  return self.wait(Door.tryListen(host, port, connectionsMax), { ifEnded: closeUnwanted });
}

function attend(door: Door, inHand: Set<Socket>, self: Self<Info>): Port {
  door.open(
    (accepted) => {
      const socket = readThroughSharedBuffer(accepted);
      inHand.add(socket);
      self.runtime.send(self.pid, { type: 'accepted', socket });
    },
    ({ code }) => self.runtime.send(self.pid, { type: 'accept_failed', code }),
  );
  return self.openPort(() => door.close());
}

/** The end of each connection will come as a `DOWN`. Tells how many there are. */
async function watchAll(connections: SupervisorRef, self: Self<Info>): Promise<number> {
  const pids = (await supervisor.whichChildren(connections)).flatMap(({ pid }) => (pid instanceof Pid ? [pid] : []));
  for (const pid of pids) self.monitor(pid);
  return pids.length;
}

/** Asks for a connection and does not wait for it: many sockets can be on their way. One too many is closed. */
function letIn(socket: Socket, state: State, self: Self<Info>): State {
  const { connections, settings, inflow, openClientSession, openPeerSession, inHand, open } = state;
  if (open >= settings.connectionsMax) {
    inHand.delete(socket);
    socket.destroy();
    return state;
  }
  const tell = (pid: Pid | undefined) => self.runtime.send(self.pid, { type: 'handed_over', socket, pid });
  supervisor.startChild(connections, [{ socket, settings, inflow, openClientSession, openPeerSession }]).then(
    (connection) => tell(connection.ok ? connection.value.pid : undefined),
    // The supervisor of the connections is gone, and this process is the next to go.
    () => tell(undefined),
  );
  return { ...state, open: open + 1 };
}

/** A connection that could not be started is a closed socket and no problem of the acceptor's. */
function handedOver(socket: Socket, pid: Pid | undefined, state: State, self: Self<Info>): State {
  state.inHand.delete(socket);
  if (pid) {
    self.monitor(pid);
    return { ...state, accepted: state.accepted + 1 };
  }
  socket.destroy();
  return { ...state, open: state.open - 1 };
}

/** The acceptor is gone: whoever has not been let in would wait for ever. A socket that is being read has its connection. */
function turnAway(inHand: Iterable<Socket>): void {
  for (const socket of inHand) if (socket.listenerCount('data') === 0) socket.destroy();
}

function pause(code: string | undefined, state: State, self: Self<Info>): State {
  if (state.port === undefined) return state;
  state.port.close();
  self.runtime.logger.event('warning', 'accept_paused', { code, pauseMs: PAUSE_MS });
  self.sendAfter(PAUSE_MS, self.pid, { type: 'open_again' });
  return { ...state, pauses: state.pauses + 1, port: undefined };
}

async function openAgain(state: State, self: Self<Info>): Promise<State> {
  const door = await listen(state.settings, self);
  if (door instanceof Door) return { ...state, port: attend(door, state.inHand, self) };
  self.sendAfter(PAUSE_MS, self.pid, { type: 'open_again' });
  return state;
}
