/**
 * What a server has switched on to be watched: statistics, a log of events, debug functions.
 *
 * Nothing here can harm the server: a function that throws, or fails later, is removed without a
 * word as in OTP, and the log has a bound.
 */
import { catchLater } from './errors';

/** What a server does, as debug functions see it. */
export type DebugEvent =
  | { readonly type: 'in'; readonly message: unknown }
  | { readonly type: 'out'; readonly message: unknown; readonly to: string | undefined }
  | { readonly type: 'noreply'; readonly state: unknown };

/** Gets its own state and an event, gives its next state, or `done` to be removed. */
export type DebugFunction = (state: unknown, event: DebugEvent, server: string) => unknown;

/** What went through a server since `statistics` was switched on; times are monotonic milliseconds. */
export interface Statistics {
  readonly startTimeMs: number;
  readonly currentTimeMs: number;
  /** Messages handled by the process since it began. */
  readonly reductions: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
}

interface Installed {
  readonly debugFunction: DebugFunction;
  state: unknown;
}

/** Events that `log` keeps. */
const LOG_EVENTS_MAX = 10;

/** The name under which sys.ts installs the listener of a trace. */
const TRACE = 'trace';

/** What a server has switched on; absent while nothing is, so that it costs nothing. */
export class Debug {
  private statistics: { startTimeMs: number; messagesIn: number; messagesOut: number } | undefined;
  private events: DebugEvent[] | undefined;
  private readonly functions = new Map<string, Installed>();

  get isIdle(): boolean {
    return this.statistics === undefined && this.events === undefined && this.functions.size === 0;
  }

  get log(): readonly DebugEvent[] {
    return this.events ?? [];
  }

  note(event: DebugEvent, server: string): void {
    if (this.statistics && event.type === 'in') this.statistics.messagesIn += 1;
    if (this.statistics && event.type === 'out') this.statistics.messagesOut += 1;
    this.events?.push(event);
    if (this.events && this.events.length > LOG_EVENTS_MAX) this.events.shift();
    for (const [name, entry] of this.functions) this.callFunction(name, entry, event, server);
  }

  /** `statistics(true | false | get)`: `ok`, or the figures, or `no_statistics` when off. */
  askStatistics(flag: boolean | 'get', nowMs: number, reductions: number): 'ok' | 'no_statistics' | Statistics {
    if (flag === 'get') {
      return this.statistics ? { ...this.statistics, currentTimeMs: nowMs, reductions } : 'no_statistics';
    }
    this.statistics = flag ? { startTimeMs: nowMs, messagesIn: 0, messagesOut: 0 } : undefined;
    return 'ok';
  }

  /** `log(true | false | get)`. */
  askLog(flag: boolean | 'get'): 'ok' | readonly DebugEvent[] {
    if (flag === 'get') return [...this.log];
    this.events = flag ? (this.events ?? []) : undefined;
    return 'ok';
  }

  /**
   * A name that is installed already keeps its function, and nobody is told: so it is in OTP. The
   * listener of a trace has no name of its own to be removed by, so a new one takes its place.
   */
  install(name: string, debugFunction: DebugFunction, state: unknown): void {
    if (name === TRACE || !this.functions.has(name)) this.functions.set(name, { debugFunction, state });
  }

  remove(name: string): void {
    this.functions.delete(name);
  }

  /** A debug function that throws is removed: it must not harm what it watches. */
  private callFunction(name: string, entry: Installed, event: DebugEvent, server: string): void {
    try {
      entry.state = entry.debugFunction(entry.state, event, server);
      if (entry.state === 'done') this.functions.delete(name);
      catchLater(entry.state, () => this.removeFailed(name, entry));
    } catch {
      this.removeFailed(name, entry);
    }
  }

  /** By now another one may have its name. */
  private removeFailed(name: string, failed: Installed): void {
    if (this.functions.get(name) === failed) this.functions.delete(name);
  }
}
