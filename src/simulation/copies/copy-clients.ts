/**
 * Copy clients: ask the nodes of a simulated ring for a few keys, one thing after the other each, and write down what
 * came of it and when.
 */
import { fromUtf8, toBuffer } from '../../octets';
import type { Done, NotOwner } from '../../protocol/rpc-data';
import type { Operation, Outcome } from '../operation';
import type { Random } from '../random';
import type { Consistency } from './copy-errand';
import type { CopyKeeper } from './copy-keeper';

/** What clients need of the world. */
export interface ClientWorld {
  nowMs(): number;
  after(ms: number, action: () => void): void;
  /** The nodes that take connections. */
  nodes(): readonly CopyKeeper[];
}

/** How a key is asked for. */
export type KeyKind = Consistency | 'mixed';

/** How they behave. */
export interface ClientOptions {
  readonly clients: number;
  /** Keys for which a majority is asked, keys for which any copy will do, and keys asked for in both ways. */
  readonly keys: { readonly [kind in KeyKind]: number };
  /** Mean time between two requests of one. */
  readonly pauseMs: number;
  /** How long values are at least. @default as short as can be */
  readonly valueBytes?: number | undefined;
}

const KEY_KINDS: readonly KeyKind[] = ['quorum', 'eventual', 'mixed'];

/** As long as a client waits: longer than a node does. */
const PATIENCE_MS = 6000;

/** A request that has not come back. */
interface Waiting {
  readonly node: CopyKeeper;
  end(outcome: Outcome, value: string | undefined, said?: string): void;
}

/** Clients of a simulated ring. */
export class CopyClients {
  readonly operations: Operation[] = [];
  private readonly waiting = new Set<Waiting>();
  private values = 0;
  private isOver = false;

  constructor(
    private readonly world: ClientWorld,
    private readonly random: Random,
    private readonly options: ClientOptions,
  ) {}

  /** Begins. */
  begin(): void {
    for (let client = 0; client < this.options.clients; client += 1) this.pause();
  }

  /** Lets nobody ask anything more. */
  stop(): void {
    this.isOver = true;
  }

  /** Whether everybody has had an answer. */
  get isIdle(): boolean {
    return this.waiting.size === 0;
  }

  /** A process has ended: whoever waits for it learns that the connection is gone. */
  lost(node: CopyKeeper): void {
    for (const each of this.waiting) if (each.node === node) each.end('unknown', undefined, 'connection lost');
  }

  /** The keys that are asked for. */
  get keys(): readonly string[] {
    return KEY_KINDS.flatMap((kind) => this.keysOf(kind));
  }

  /** Those that are asked for in one way. */
  keysOf(kind: KeyKind): readonly string[] {
    return Array.from({ length: this.options.keys[kind] }, (_none, n) => `${kind}-${n}`);
  }

  /** Has one node asked for one key. */
  ask(
    node: CopyKeeper,
    op: Operation['op'],
    key: string,
    {
      isFinal = false,
      isEventual = !key.startsWith('quorum'),
      done = () => {},
    }: {
      readonly isFinal?: boolean;
      readonly isEventual?: boolean;
      readonly done?: (outcome: Outcome) => void;
    } = {},
  ): void {
    const invokedMs = this.world.nowMs();
    this.values += 1;
    const put = op === 'put' ? `v${this.values}`.padEnd(this.options.valueBytes ?? 0, '.') : undefined;
    const entry: Waiting = {
      node,
      end: (outcome, value, said) => {
        if (!this.waiting.delete(entry)) return;
        const times = { invokedMs, returnedMs: this.world.nowMs() };
        const about = { op, key, value: put ?? value, outcome, node: node.host.self.addr, ...times };
        const how = isEventual ? { isEventual } : {};
        this.operations.push({
          ...about,
          ...how,
          ...(said === undefined ? {} : { said }),
          ...(isFinal ? { isFinal } : {}),
        });
        done(outcome);
      },
    };
    this.waiting.add(entry);
    this.world.after(PATIENCE_MS, () => entry.end('unknown', undefined, 'no answer'));
    const consistency = isEventual ? 'eventual' : 'quorum';
    const request = { op, key: fromUtf8(key), value: fromUtf8(put ?? ''), consistency } as const;
    node.requests.serve(request, (answer) => entry.end(...endOf(answer)));
  }

  // Internal

  private pause(): void {
    this.world.after(this.random.exponential(this.options.pauseMs), () => this.askAnything());
  }

  private askAnything(): void {
    if (this.isOver) return;
    const node = this.random.pick(this.world.nodes());
    const key = this.random.pick(this.keys);
    if (node === undefined || key === undefined) return this.pause();
    const dice = this.random.next();
    const op = dice < 0.45 ? 'put' : dice < 0.6 ? 'delete' : 'get';
    const isEventual = key.startsWith('mixed') ? this.random.chance(0.5) : key.startsWith('eventual');
    this.ask(node, op, key, { isEventual, done: () => this.pause() });
  }
}

function endOf(answer: Done | NotOwner): [Outcome, string | undefined, string?] {
  if (answer.type === 'not_owner') return ['refused', undefined, 'not the owner'];
  const text = toBuffer(answer.value).toString();
  switch (answer.status) {
    case 'success':
      return ['ok', text];
    case 'not_found':
      return ['not_found', undefined];
    case 'timeout':
      return ['unknown', undefined, text];
    default:
      return ['refused', undefined, text];
  }
}
