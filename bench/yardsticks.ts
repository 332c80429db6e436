/**
 * The two bare servers that a node is measured beside. The first is what is meant by a bare
 * `node:net` server with one Map; the second is the stricter one.
 */
export interface Yardstick {
  /** The module of this folder that is the server. */
  readonly module: string;
  /** What it is, for the table. */
  readonly name: string;
}

export const CUSTOMARY: Yardstick = { module: 'buffer-server.js', name: 'bare node:net, values as Buffers' };
export const TUNED: Yardstick = { module: 'bare-server.js', name: 'bare node:net, tuned: values as strings' };
