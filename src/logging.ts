/**
 * Logging: what the runtime and the actors report, as JSON lines on stderr for machines and
 * readable lines for a terminal.
 *
 * A healthy node says nothing at level info. What users stored is never logged: of a crash the
 * reason is told, not the state or the message that led to it.
 */
import pino, { type Logger as Pino } from 'pino';
import pretty from 'pino-pretty';
import type { NodeSettings } from './config';
import { formatReport, formatTerm, type Level, type Report, type ReportHandler } from './otp';

/** Reports into log lines on stderr. */
export function stderrHandler({ nodeId, logLevel }: Pick<NodeSettings, 'nodeId' | 'logLevel'>): ReportHandler {
  const base = { node: nodeId };
  const options = {
    level: logLevel,
    base,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: nameOfLevel },
  };
  const log = process.stderr.isTTY
    ? pino(
        options,
        pretty({ destination: 2, sync: true, ignore: 'node', singleLine: true, translateTime: 'HH:MM:ss.l' }),
      )
    : pino(options, pino.destination({ dest: 2, sync: true }));
  return (level, report) => write(log, level, report);
}

const nameOfLevel = (level: string) => ({ level });

/** Progress is worth a line only to someone who asked for it. */
function write(log: Pino, level: Level, report: Report): void {
  if (report.type === 'progress' || report.type === 'application_started')
    log.debug(fieldsOf(report), formatReport(report));
  else log[PINO_LEVELS[level]](fieldsOf(report), formatReport(report));
}

const PINO_LEVELS = { error: 'error', warning: 'warn', notice: 'info', info: 'info', debug: 'debug' } as const;

/** What a program may want to filter by. Never a state or a message, and nothing without a bound. */
export function fieldsOf(report: Report): Record<string, unknown> {
  switch (report.type) {
    case 'terminate':
      return { report: report.type, module: report.module, actor: report.name, ...errorOf(report.reason) };
    case 'crash':
      return {
        report: report.type,
        actor: report.name ?? report.pid,
        ancestors: report.ancestors,
        ...errorOf(report.reason),
      };
    case 'error':
      return { report: report.type, actor: report.pid, ...errorOf(report.reason) };
    case 'supervisor': {
      const { supervisor, context, offender, reason } = report;
      return { report: report.type, supervisor, context, offender, reason: formatTerm(reason) };
    }
    case 'progress':
      return { report: report.type, supervisor: report.supervisor, started: report.started };
    case 'event':
      return { event: report.event, ...mapValues(report.fields, loggable) };
    case 'unexpected_message':
      return { report: report.type, actor: report.name };
    case 'application_exit':
      return { report: report.type, application: report.application, ...errorOf(report.reason) };
    case 'application_started':
    case 'long_step': {
      const { type, ...fields } = report;
      return { report: type, ...fields };
    }
  }
}

function errorOf(reason: unknown): Record<string, unknown> {
  return reason instanceof Error ? { err: describe(reason) } : { reason: formatTerm(reason) };
}

/** An error as JSON. Its other fields stay out: whoever made it may have put anything there. */
function describe(error: Error): Record<string, unknown> {
  return { type: formatTerm(error.name), message: formatTerm(error), stack: framesOf(error) };
}

/** The stack without the message that stands above it, which has no bound. */
function framesOf({ stack }: Error): string {
  const lines: readonly string[] = typeof stack === 'string' ? stack.split('\n') : [];
  return lines
    .filter((line) => /^ {4}at /.test(line) && line.length <= FRAME_CHARACTERS_MAX)
    .slice(0, FRAMES_MAX)
    .join('\n');
}

const FRAMES_MAX = 20;
const FRAME_CHARACTERS_MAX = 300;

/** What JSON has, as it is; anything else in words. */
function loggable(value: unknown): unknown {
  if (value instanceof Error) return describe(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : formatTerm(value);
}

const mapValues = (fields: Readonly<Record<string, unknown>>, map: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, map(value)]));
