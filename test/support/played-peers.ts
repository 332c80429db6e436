/**
 * Other nodes, played by a test on moved time: what a process asks them and tells them lies on the desks of the
 * links, where the test takes it and answers, late, or not at all. There are no links and no sockets.
 */
import { addressId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import type { RpcAnswer } from '../../src/protocol/rpc-messages';
import { type Ask, LinkDesks, type Tell } from '../../actors/link-desk';
import type { RpcFailure } from '../../actors/peer-link';
import { idler, type World } from './runtime';

/** A peer at a port of this machine. */
export function peerAt(port: number, inc = 1n): Peer {
  const addr = `127.0.0.1:${port}`;
  return { id: addressId(addr), addr, inc };
}

/** Several peers in ring order, beginning with the one whose identifier is the smallest. */
export const peersInOrder = (count: number): readonly Peer[] =>
  Array.from({ length: count }, (_none, index) => peerAt(index + 1)).sort((a, b) => (a.id < b.id ? -1 : 1));

export class PlayedPeers {
  constructor(
    private readonly world: World,
    private readonly peers: readonly Peer[],
  ) {
    const desks = LinkDesks.of(world.runtime);
    for (const { addr } of peers) desks.add(addr).link = world.spawn(idler);
  }

  /** What was asked and told since the last time, oldest first for each peer. */
  take(): readonly (Ask | Tell)[] {
    const desks = LinkDesks.of(this.world.runtime);
    return this.peers.flatMap(({ addr }) => desks.find(addr)?.waiting.splice(0) ?? []);
  }

  /** The only question that was asked since the last time. */
  question(): Ask {
    const asks = this.take().filter((item) => item.type === 'ask');
    const [ask] = asks;
    if (ask === undefined || asks.length > 1) throw new Error(`${asks.length} questions were asked`);
    return ask;
  }

  async answer(ask: Ask, answer: RpcAnswer): Promise<void> {
    const outcome = { type: 'rpc_answered', tag: ask.tag, from: ask.to, answer, rttMs: 1 } as const;
    this.world.runtime.send(ask.replyTo, outcome);
    await this.world.idle();
  }

  async fail(ask: Ask, code: RpcFailure['code']): Promise<void> {
    const failure = { code, wasSent: true, message: `as played: ${code}` };
    this.world.runtime.send(ask.replyTo, { type: 'rpc_failed', tag: ask.tag, to: ask.to, failure });
    await this.world.idle();
  }
}

/** What was asked and told, in short. */
export const inWords = (items: readonly (Ask | Tell)[]): readonly string[] =>
  items.map((item) => `${item.type === 'ask' ? item.question.type : item.tale.type} ${item.to.addr}`);
