/** Constant load: clients that read, all the time, what is known to be stored, and remember every read that failed. */
import type { Client } from '../src/client';
import { open } from './clients';
import type { NodeUnderShow } from './node-under-show';
import type { Problem } from './stage';

/** Reads through these nodes until it is told to stop. */
export class ConstantLoad {
  reads = 0;
  private readonly failures: string[] = [];
  private over = false;
  private clients: readonly Client[] = [];
  private readers: readonly Promise<void>[] = [];

  private constructor(private readonly stored: readonly (readonly [string, string])[]) {}

  /** One reader for each node; each begins somewhere else. */
  static async start(nodes: readonly NodeUnderShow[], stored: ReadonlyMap<string, string>): Promise<ConstantLoad> {
    const load = new ConstantLoad([...stored]);
    load.clients = await Promise.all(nodes.map((node) => open(node)));
    load.readers = load.clients.map((client, index) =>
      load.read(client, Math.floor((index * stored.size) / nodes.length)),
    );
    return load;
  }

  /** Why not every read so far has found what was stored. */
  get problem(): Problem {
    const [first] = this.failures;
    if (this.reads === 0) return 'nothing was read';
    return first && `${this.failures.length} of ${this.reads} reads failed, the first with: ${first}`;
  }

  async stop(): Promise<void> {
    this.over = true;
    await Promise.all(this.readers);
    for (const client of this.clients) client.disconnect();
  }

  private async read(client: Client, from: number): Promise<void> {
    for (let at = from; !this.over; at += 1) {
      const [key, value] = this.stored[at % this.stored.length] ?? ['', ''];
      const found = await client.get(key);
      this.reads += 1;
      if (!found.ok) this.failures.push(`${key}: ${found.error.message}`);
      else if (found.value.toString('utf8') !== value) this.failures.push(`${key}: another value`);
    }
  }
}
