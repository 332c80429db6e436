/**
 * Admin relay: makes a node's admin server, which is on loopback only, reachable from outside its network namespace.
 *
 * It is loaded into the node's process before the program, so that it stops and ends with the node.
 */
import { connect, createServer } from 'node:net';

const { CHAOS_RELAY_FROM: from = '', CHAOS_RELAY_TO: to = '' } = process.env;
const [host = '', port = ''] = from.split(':');
const [adminHost = '', adminPort = ''] = to.split(':');

createServer((outside) => {
  const inside = connect(Number(adminPort), adminHost);
  outside.pipe(inside).pipe(outside);
  outside.on('error', () => inside.destroy());
  inside.on('error', () => outside.destroy());
})
  .listen(Number(port), host)
  .unref();
