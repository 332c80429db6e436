/** A node as a process of its own, for tests of what only a process has: descriptors, stderr. */
import { stderrHandler } from '../../src/logging';
import { readyLine, startNode } from '../../src/node';
import { testSettings } from './node';

const [, , logLevel, through] = process.argv;
const settings = testSettings({ logLevel: logLevel === 'debug' ? 'debug' : 'info', join: through ?? '' });
void startNode(settings, stderrHandler(settings)).then((started) => {
  process.stdout.write(`${started.ok ? readyLine(started.value) : started.error}\n`);
  if (started.ok) process.once('SIGTERM', () => void started.value.stop());
});
