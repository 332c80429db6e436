/**
 * Ports: what a process holds outside the runtime, such as a socket, and loses with its life.
 *
 * JavaScript cannot unwind the code of a dead process, so no `finally` of it runs (fact 5). A port
 * is the other way to let go: the runtime calls its `close` when the owner has ended, whatever
 * ended it, as Erlang closes the ports of a dead process.
 */
import { BadArgument, catchLater, reasonOf } from './errors';
import type { Owned, Pid, Process } from './process';

/** One thing held outside, and how to let go of it. `Self.openPort` makes one. */
export class Port implements Owned {
  private owner: Process | undefined;

  constructor(
    owner: Process,
    /**
     * Called once, when the owner ends or the port is closed. It should not throw: nobody could
     * handle that. What an asynchronous one fails with is reported.
     */
    private readonly onClose: () => void,
  ) {
    this.owner = owner;
    owner.owned.add(this);
  }

  /** Hands the port to another process. A dead one closes it: nobody else would. */
  connect(newOwner: Pid): void {
    if (this.owner === undefined) throw new BadArgument('Cannot hand over the port: it is closed');
    if (newOwner.process === undefined) return this.close();
    this.owner.owned.delete(this);
    this.owner = newOwner.process;
    this.owner.owned.add(this);
  }

  /** Closes it now. Again does nothing. */
  close(): void {
    if (this.owner === undefined) return;
    this.owner.owned.delete(this);
    this.ownerEnded();
  }

  ownerEnded(): void {
    const { owner } = this;
    this.owner = undefined;
    catchLater(this.onClose(), (thrown) => owner?.kernel.reportUncaught(owner, reasonOf(thrown)));
  }
}
