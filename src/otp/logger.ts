/**
 * Reports: what the runtime says about itself, and to whom.
 *
 * The runtime writes no text anywhere. It makes reports with OTP's fields (crash, supervisor,
 * progress and so on, facts 116 to 121) and hands them to whoever was put in. A handler runs
 * synchronously and can never throw into the process that is being reported on.
 */
import { catchLater } from './errors';
import { formatTerm, type Reason } from './term';

/** How much a report matters, most first: OTP's levels without the three above `error`, which nothing here would use. */
export type Level = 'error' | 'warning' | 'notice' | 'info' | 'debug';

/** A child as a supervisor's report names it. */
export interface Offender {
  readonly pid: string | undefined;
  readonly id: string | undefined;
  readonly restart: string;
  readonly significant: boolean;
  readonly shutdown: number | 'brutal_kill' | 'infinity';
  readonly type: string;
}

/** What a handler gets; `type` says which. Processes are named as text, since it may outlive them. */
export type Report =
  /** A gen_server ended for a reason that nobody expected (fact 116). */
  | {
      readonly type: 'terminate';
      readonly name: string;
      readonly module: string;
      readonly lastMessage: unknown;
      readonly state: unknown;
      readonly reason: Reason;
      readonly client: string | undefined;
      readonly log: readonly unknown[];
    }
  /** A process that a behaviour started ended by its own code (fact 117). */
  | {
      readonly type: 'crash';
      readonly pid: string;
      readonly name: string | undefined;
      readonly initialCall: string;
      readonly class: 'error' | 'throw' | 'exit';
      readonly reason: Reason;
      readonly ancestors: readonly string[];
      readonly messages: readonly unknown[];
      readonly links: readonly string[];
      readonly trapExit: boolean;
      /** Who falls with it: linked, directly or through each other, without trapping exits. */
      readonly neighbours: readonly string[];
    }
  /** A plain process threw (fact 118). */
  | { readonly type: 'error'; readonly pid: string; readonly initialCall: string; readonly reason: Reason }
  /** A supervisor lost, could not start or could not stop a child, or gave up (fact 119). */
  | {
      readonly type: 'supervisor';
      readonly supervisor: string;
      readonly context: 'child_terminated' | 'start_error' | 'shutdown_error' | 'shutdown';
      readonly reason: Reason;
      readonly offender: Offender;
    }
  /** A child or an application is up (fact 120). */
  | { readonly type: 'progress'; readonly supervisor: string; readonly started: Offender }
  | { readonly type: 'application_started'; readonly application: string }
  | { readonly type: 'application_exit'; readonly application: string; readonly reason: Reason }
  /** A message that nobody handles (fact 40), or that a supervisor cannot understand. */
  | { readonly type: 'unexpected_message'; readonly name: string; readonly message: unknown }
  /** What a program built on the runtime has to say: an event's name and what belongs to it. */
  | { readonly type: 'event'; readonly event: string; readonly fields: Readonly<Record<string, unknown>> }
  /** One wake-up kept the event loop longer than the budget. */
  | { readonly type: 'long_step'; readonly pid: string; readonly name: string; readonly durationMs: number };

/**
 * Takes reports, in the middle of what is being reported on: it must be quick. What it throws, or
 * fails with later, is counted in `Logger.lost`.
 */
export type ReportHandler = (level: Level, report: Report) => void;

/** The handlers of one runtime. There are none at first, and nobody then hears of a crash. */
export class Logger {
  private readonly handlers = new Map<string, ReportHandler>();
  /** Reports that a handler failed to take. */
  lost = 0;

  /** Puts a handler in under a name; the same name replaces it. */
  addHandler(name: string, handler: ReportHandler): void {
    this.handlers.set(name, handler);
  }

  /** False when there was none of this name. */
  removeHandler(name: string): boolean {
    return this.handlers.delete(name);
  }

  /** Says that something has happened, in a program's own words. */
  event(level: Level, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.report(level, { type: 'event', event, fields });
  }

  /** Hands a report to every handler in turn, at once. */
  report(level: Level, report: Report): void {
    for (const handler of this.handlers.values()) {
      try {
        catchLater(handler(level, report), this.countLost);
      } catch {
        this.countLost();
      }
    }
  }

  private readonly countLost = (): void => {
    this.lost += 1;
  };
}

/** A report on one line, for people. State and messages stay out: they may hold what users stored. */
export function formatReport(report: Report): string {
  switch (report.type) {
    case 'terminate':
      return `${report.name} terminated: ${formatTerm(report.reason)}`;
    case 'crash':
      return `${report.name ?? report.pid} (${report.initialCall}) crashed: ${formatTerm(report.reason)}`;
    case 'error':
      return `${report.pid} (${report.initialCall}) failed: ${formatTerm(report.reason)}`;
    case 'supervisor':
      return `${report.supervisor}: ${report.context} of ${nameOfChild(report.offender)}: ${formatTerm(report.reason)}`;
    case 'progress':
      return `${report.supervisor} started ${nameOfChild(report.started)}`;
    case 'application_started':
      return `application ${report.application} started`;
    case 'application_exit':
      return `application ${report.application} exited: ${formatTerm(report.reason)}`;
    case 'unexpected_message':
      return `${report.name} got a message that it does not handle`;
    case 'event':
      return [
        report.event,
        ...Object.entries(report.fields).map(([name, value]) => `${name}=${formatTerm(value)}`),
      ].join(' ');
    case 'long_step':
      return `${report.name} kept the event loop for ${Math.round(report.durationMs)} ms`;
  }
}

const nameOfChild = (child: Offender) => child.id ?? child.pid ?? 'a child';
