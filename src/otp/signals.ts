/**
 * Signals: links, monitors and exits, the ways in which one process's end concerns another.
 *
 * A signal acts when it is sent. That is stricter than Erlang's promise (order per pair of
 * processes) and satisfies it: what A sent to B before stands in B's mailbox before, and a
 * process that is killed is dead when the sender's next line runs. The end of a process goes
 * through in one piece: it is dead, nameless and without tables before anyone can see its `DOWN`
 * or `EXIT` (fact 3), and a chain of links falls in a loop, not by recursion, so that ten
 * thousand linked processes need no deeper stack than two.
 */
import { Exit, reasonOf } from './errors';
import { Monitor, type Owned, type Pid, type Process, runAs } from './process';
import type { Reference } from './reference';
import type { Reason } from './term';

/** What a trapping process gets when a linked one ended, or somebody sent it an exit signal. */
export interface ExitMessage {
  readonly type: 'EXIT';
  readonly from: Pid;
  readonly reason: Reason;
}

/** What a monitor gives, once. `from` is the name when it was set up by name (fact 26). */
export interface DownMessage {
  readonly type: 'DOWN';
  readonly ref: Reference;
  readonly from: Pid | string;
  readonly reason: Reason;
}

/** How a monitor differs from a plain one. */
export interface MonitorOptions {
  /** Make the reference an address too, dead after `demonitor` (fact 30). */
  readonly alias?: boolean;
}

/** What {@link demonitor} does besides; each is an option of `erlang:demonitor/2` (fact 27). */
export interface DemonitorOptions {
  /** Also remove a `DOWN` that is already in the mailbox. */
  readonly flush?: boolean;
  /** Answer whether an active monitor was removed. */
  readonly info?: boolean;
}

/** Links two living processes; again changes nothing (fact 18). Linking a dead one is an exit (fact 20). */
export function link(self: Process, to: Pid): true {
  const other = to.process;
  if (other === self) return true;
  if (other === undefined) {
    if (!self.trapExit) throw new Exit('noproc');
    self.deliver({ type: 'EXIT', from: to, reason: 'noproc' } satisfies ExitMessage);
    return true;
  }
  self.links.add(other);
  other.links.add(self);
  return true;
}

/** Removes a link from either side. An `EXIT` that is already in the mailbox stays there (fact 21). */
export function unlink(self: Process, to: Pid): true {
  const other = to.process;
  if (other === undefined) return true;
  separate(self, other);
  return true;
}

/** Removes a link between two processes, also between a dead one and one that was not told yet. */
export function separate(a: Process, b: Process): void {
  a.links.delete(b);
  b.links.delete(a);
}

/**
 * Watches a process. One that is dead already is reported at once with `noproc` (fact 25).
 *
 * @param from what the `DOWN` names: the pid, or the name that it was looked up by
 */
export function monitor(
  self: Process,
  target: Process | undefined,
  from: Pid | string,
  options: MonitorOptions = {},
): Reference {
  const down = (reason: Reason) => {
    ref.alias = undefined;
    self.deliver({ type: 'DOWN', ref, from, reason } satisfies DownMessage);
  };
  const ref = new Monitor(self, target, down);
  if (options.alias) ref.alias = (message) => self.deliver(message);
  if (target === undefined) down('noproc');
  else if (target !== self) addMonitor(ref, target);
  return ref;
}

/** Ends a monitor of one's own (fact 27). Another process's is left alone. */
export function demonitor(self: Process, ref: Reference, options: DemonitorOptions = {}): boolean {
  const own = ref instanceof Monitor && ref.watcher === self;
  if (own) ref.alias = undefined;
  const active = own && self.monitors.delete(ref);
  if (active) ref.target?.monitoredBy.delete(ref);
  // A monitor that was still active has sent nothing: no need to search the mailbox.
  else if (options.flush) self.discard((message) => isDown(message) && message.ref === ref);
  return options.info ? active : true;
}

/**
 * Calls `notify` when `target` ends, past every mailbox: how calls and starts learn of a death.
 * The answer withdraws it.
 */
export function watch(watcher: Process | undefined, target: Process, notify: (reason: Reason) => void): () => void {
  const entry = new Monitor(watcher, target, notify);
  addMonitor(entry, target);
  return () => {
    watcher?.monitors.delete(entry);
    target.monitoredBy.delete(entry);
  };
}

/** `exit(Pid, Reason)`: an exit signal from `from`, which may be nobody in particular (facts 10 to 17). */
export function sendExit(from: Pid, to: Pid, reason: Reason): true {
  const target = to.process;
  if (target === undefined) return true;
  if (reason === 'kill') end(target, 'killed');
  else if (target.trapExit) target.deliver({ type: 'EXIT', from, reason } satisfies ExitMessage);
  else if (reason !== 'normal' || from === to) end(target, reason);
  return true;
}

/** Ends a process with its reason, and every process that this brings down with it. */
export function end(process: Process, reason: Reason): void {
  const falling: [Process, Reason][] = [[process, reason]];
  for (let next = falling.pop(); next; next = falling.pop()) {
    const [fallen, why] = next;
    if (!fallen.alive) continue;
    for (const linked of endOne(fallen, why)) {
      if (linked.trapExit) linked.deliver({ type: 'EXIT', from: fallen.pid, reason: why } satisfies ExitMessage);
      else if (why !== 'normal') falling.push([linked, why]);
    }
  }
}

/** Ends one process, tells its monitors, and gives back those that were linked to it. */
function endOne(process: Process, reason: Reason): Process[] {
  process.end();
  process.kernel.ended(process);
  for (const owned of process.owned.takeAll()) letGo(owned, process);
  for (const timer of process.timers.takeAll()) process.kernel.cancelTimer(timer);
  for (const held of process.monitors.takeAll()) held.target?.monitoredBy.delete(held);
  for (const monitor of process.monitoredBy.takeAll()) {
    monitor.watcher?.monitors.delete(monitor);
    notify(monitor, reason, process);
  }
  const linked = [...process.links.takeAll()];
  for (const other of linked) other.links.delete(process);
  return linked;
}

/** As nobody, since its owner is dead; and what it throws must not stop the others from being told. */
function letGo(owned: Owned, owner: Process): void {
  try {
    runAs(undefined, () => owned.ownerEnded());
  } catch (thrown) {
    owner.kernel.reportUncaught(owner, reasonOf(thrown));
  }
}

/** The same: links and later monitors have to be told whatever one of them does. */
function notify(monitor: Monitor, reason: Reason, ended: Process): void {
  try {
    monitor.notify(reason);
  } catch (thrown) {
    ended.kernel.reportUncaught(ended, reasonOf(thrown));
  }
}

function addMonitor(entry: Monitor, target: Process): void {
  entry.watcher?.monitors.add(entry);
  target.monitoredBy.add(entry);
}

/** Whether a message is an `EXIT`. It goes by the tag, which no message of a program may use. */
export function isExit(message: unknown): message is ExitMessage {
  return hasType(message, 'EXIT');
}

/** Whether a message is a `DOWN`; compare its `ref` to know which monitor it is of. */
export function isDown(message: unknown): message is DownMessage {
  return hasType(message, 'DOWN');
}

function hasType(message: unknown, type: string): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === type;
}
