/** The client library. */
export { type Address, formatAddress, parseAddress } from './address';
export { type Answer, type Bytes, Client, connect, connectAny } from './client';
export { type ClientError } from './client-error';
export {
  type ClientOptions,
  type ClientSettings,
  type ConnectionEvent,
  DEFAULT_CLIENT_SETTINGS,
  type RequestOptions,
  validateClientOptions,
  type WriteOptions,
} from './options';
export { formatStats, parseStats, type Stats } from './stats';
