/** A node in a process of its own, on ports that the system chooses, for benchmarks. */
import { nodeSettings } from '../src/config';
import { stderrHandler } from '../src/logging';
import { readyLine, startNode } from '../src/node';
import { answer, SERVER_ANSWERS } from './answering';

async function main(): Promise<void> {
  const settings = nodeSettings({ port: 0 });
  if (!settings.ok) throw new Error(settings.error.join('; '));
  const node = await startNode(settings.value, stderrHandler(settings.value));
  if (!node.ok) throw new Error(node.error);
  if (process.send) answer(node.value.settings.port, SERVER_ANSWERS);
  else process.stdout.write(`${readyLine(node.value)}\n`);
}

void main();
