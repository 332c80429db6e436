/**
 * A program that looks like a node to whoever starts it: its ready line, its admin server, its end. It finds the
 * other nodes of its ring by the files that each leaves in a folder.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes the program into `folder`, where the ring's files go too; gives its path. */
export function writeFakeNode(folder: string): string {
  const path = join(folder, 'fake-node.cjs');
  writeFileSync(path, SOURCE);
  return path;
}

const SOURCE = String.raw`
const { mkdirSync, readdirSync, readFileSync, writeFileSync, unlinkSync, existsSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');
const flag = (name) => process.argv[process.argv.indexOf('--' + name) + 1];
const [number, port] = [Number(flag('node-id')), Number(flag('port'))];
const ring = join(__dirname, 'ring');
const own = join(ring, flag('node-id'));
mkdirSync(ring, { recursive: true });
if (existsSync(join(__dirname, 'taken-' + number))) {
  console.error('{"level":"info","event":"something"}');
  console.error('Cannot listen on 127.0.0.1:' + port + ': the port is in use');
  process.exit(1);
}
if (process.argv.includes('silly')) {
  console.error('Cannot use logLevel "silly" (flag --log-level): it is none');
  process.exit(2);
}
const addr = '127.0.0.1:' + (port || 9000 + number);
const lives = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };
const node = (name) => {
  const { pid, addr, id } = JSON.parse(readFileSync(join(ring, name), 'utf8'));
  const state = lives(pid) ? 'active' : 'unreachable';
  const names = ['records', 'led', 'member', 'learner', 'newcomers', 'least', 'most', 'unsettled', 'fetching', 'hints'];
  const copies = Object.fromEntries(names.map((name) => [name, 0]));
  return { id, addr, state, predecessor: null, successorList: [], arcs: [], keys: 0, bytes: 0, tombstones: 0, copies };
};
const server = createServer((_request, response) => {
  const nodes = readdirSync(ring).map(node);
  response.end(JSON.stringify({ nodes, consistent: true, covered: true, problems: [] }));
});
server.listen(0, '127.0.0.1', () => {
  const id = String(number).repeat(40).slice(0, 40);
  writeFileSync(own, JSON.stringify({ pid: process.pid, addr, id, args: process.argv.slice(2) }));
  console.error('early ' + number);
  console.log('ready node=' + number + ' addr=' + addr + ' id=' + id + ' admin=http://127.0.0.1:' + server.address().port);
});
process.on('SIGTERM', () => {
  if (existsSync(join(__dirname, 'stubborn'))) return;
  unlinkSync(own);
  console.error('left ' + number);
  process.exit(0);
});
process.on('disconnect', () => process.exit(0));
`;
