/**
 * Door: a TCP port that is being listened on, and those who knocked before anybody was there.
 *
 * The port is taken before the tree of a node is built, so that a port in use is a plain failure
 * of the start and a port chosen by the system is known to all. Whoever opens the door later
 * (the acceptor) gets what has come in meanwhile, too.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Takes a connection that has just come in; the socket is its own from then on, paused and half-open. */
export type Visitor = (socket: Socket) => void;

/** One listening port. It lives as long as its node; those who answer it come and go. */
export class Door {
  private waiting: Socket[] = [];
  private visitor: Visitor | undefined;

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => this.knock(socket));
    // Until somebody is there to be told, a failure to accept is the client's alone.
    server.on('error', () => {});
  }

  /**
   * Listens on a port; 0 lets the system choose. While `connectionsMax` are connected through
   * this door, the system is told to turn others away.
   *
   * @throws the system's error, such as one with code `EADDRINUSE`
   */
  static listen(host: string, port: number, connectionsMax: number): Promise<Door> {
    // Half-open: a client that has said all it wanted still gets its answers. Paused: nothing is
    // read before there is a process to read it.
    // Kept alive: the system finds out when a client's machine has gone without a word.
    const server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    server.maxConnections = connectionsMax;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve(new Door(server));
      });
    });
  }

  /** Listens like {@link Door.listen}; a failure is a value. */
  static tryListen(host: string, port: number, connectionsMax: number): Promise<Door | NodeJS.ErrnoException> {
    return Door.listen(host, port, connectionsMax).catch((error: NodeJS.ErrnoException) => error);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get isOpen(): boolean {
    return this.server.listening;
  }

  /**
   * From now on `visitor` gets every connection, those that waited first, and `trouble` every
   * failure to accept one.
   */
  open(visitor: Visitor, trouble: (error: NodeJS.ErrnoException) => void): void {
    this.visitor = visitor;
    this.server.on('error', trouble);
    for (const socket of this.waiting.splice(0)) visitor(socket);
  }

  /** Stops listening. Connections that were let in stay. */
  close(): void {
    this.server.close();
    for (const socket of this.waiting.splice(0)) socket.destroy();
  }

  private knock(socket: Socket): void {
    if (this.visitor) this.visitor(socket);
    else if (this.waiting.length < BACKLOG) this.waiting.push(socket);
    else socket.destroy();
  }
}

/** Connections that may wait to be accepted, in the system and here. */
const BACKLOG = 4096;

/** A client that has been silent for so long is asked whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

/** Closes a door that was opened for somebody who has ended meanwhile. */
export function closeUnwanted(opened: Door | Error): void {
  if (opened instanceof Door) opened.close();
}
