/** The client library: a connection to nodes over TCP, for programs and for the command line. */
export { type Address, formatAddress, parseAddress } from './address';
export { type AnswerMeta } from './answer-meta';
export { type Answer, type Bytes, Client, connect, connectAny } from './client';
export { type ClientError } from './client-error';
export {
  type ClientOptions,
  type ConnectionEvent,
  DEFAULT_CLIENT_SETTINGS,
  type RequestOptions,
  type WriteOptions,
} from './options';
export { formatStats, type Stats } from './stats';
