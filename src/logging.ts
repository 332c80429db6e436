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

/** What a program may want to filter by. Never a state or a message. */
function fieldsOf(report: Report): Record<string, unknown> {
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
      return { event: report.event, ...report.fields };
    case 'unexpected_message':
      return { report: report.type, actor: report.name };
    case 'application_started':
    case 'application_exit':
    case 'long_step':
      return { ...report };
  }
}

function errorOf(reason: unknown): Record<string, unknown> {
  return reason instanceof Error ? { err: reason } : { reason: formatTerm(reason) };
}
