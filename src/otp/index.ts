/**
 * The runtime: OTP's processes and behaviours for TypeScript, with nact as the scheduler.
 *
 * Behaviours are namespaces spelled as in Erlang (`genServer.call`, `supervisor.startChild`); what
 * callbacks give back are plain functions (`started`, `reply`, `noReply`, `stop`).
 */
export {
  type AnswerOf,
  type AnyAsk,
  type AnyServer,
  type Ask,
  From,
  RequestId,
  type Response,
  type ResponseMessage,
  replyTo,
  type ServerName,
  type ServerRef,
  type Speaks,
  serverNamed,
  serverVia,
} from './call';
export { type Clock, ManualClock, systemClock } from './clock';
export { BadArgument, DeadProcess, Exit } from './errors';
export * as application from './application';
export type { Application, ApplicationInfo } from './application';
export * as ets from './ets';
export * as genServer from './gen-server';
export {
  type Answered,
  answerTo,
  cannotStart,
  type GenServer,
  type Handled,
  type InitResult,
  ignore,
  type NoReply,
  type NotStarted,
  noReply,
  type Reply,
  reply,
  type Started,
  type Stop,
  type StopReply,
  started,
  startError,
  stop,
  stopReply,
  type Then,
} from './gen-server-callbacks';
export { formatReport, type Level, Logger, type Offender, type Report, type ReportHandler } from './logger';
export { Port } from './ports';
export * as procLib from './proc-lib';
export type { StartOptions, StartResult } from './proc-lib';
export { type Handler, Pid, type Status, TIMEOUT } from './process';
export { type TimeoutMessage, TimerRef } from './process-timers';
export { Reference } from './reference';
export { type Destination, type Name, nameOf, type Via, type ViaRegistry } from './registry';
export { currentRuntime, type ProcessInfo, Runtime, type RuntimeOptions, type SpawnOptions } from './runtime';
export { type Scheduler, type Wakeup } from './scheduler';
export {
  currentSelf,
  type ProcessBody,
  type ReceiveOptions,
  type ReceiveWithin,
  Self,
  type SignalMessage,
  spawn,
  type TimerAnswerOptions,
} from './self';
export {
  type DemonitorOptions,
  type DownMessage,
  type ExitMessage,
  isDown,
  isExit,
  type MonitorOptions,
} from './signals';
export * as supervisor from './supervisor';
export type { ChildSpec, Supervisor, SupervisorFlags, SupervisorRef } from './supervisor';
export * as sys from './sys';
export { equalTerms, formatTerm, isExpectedExit, type Reason } from './term';
export { randomFrom, TestScheduler } from './test-scheduler';
export { findInTree, type TreeNode, treeOf } from './tree';
export type { WaitOptions } from './wait';
