/**
 * What if: an operator's ring before there is one. So many nodes, which come and die so often, on a network
 * that is so slow and loses so much: does the ring hold, and what does a client notice?
 *
 * The nodes are real ones with their real settings, in virtual time. Every second lookups are made from
 * everywhere; a client tries again, as long as it waits, when nobody was found or the one named is not the owner.
 */
import { IdealRing, randomId } from './ideal-ring';
import { idealWorld } from './ideal-world';
import { type NodeSettings, REAL_NODE } from './node-settings';
import { round } from './report';
import { RingWatch } from './ring-watch';
import { Tally } from './tally';
import type { VirtualNode } from './virtual-node';
import type { World } from './world';

/** What an operator asks about. */
export interface Question {
  readonly seed: number;
  readonly nodes: number;
  readonly joinsPerS: number;
  readonly failuresPerS: number;
  /** The share of messages that are lost, 0 to 1. */
  readonly loss: number;
  /** Mean time of a message on its way. */
  readonly latencyMs: number;
  readonly minutes: number;
  readonly successors: number;
}

/** What came of it. */
export interface Prospect {
  readonly joins: number;
  readonly failures: number;
  readonly nodesAtEnd: number;
  readonly lookups: {
    readonly made: number;
    /** Found the owner at the first attempt. */
    readonly rightAtOnce: number;
    /** … and those that needed others. */
    readonly rightLater: number;
    readonly wrong: number;
    readonly notFound: number;
    readonly hops: number;
    readonly medianMs: number;
    readonly p99Ms: number;
  };
  /** Messages that each node sent per second, on average. */
  readonly messagesPerNodePerS: number;
  /** After the last change, how long until every pointer was right; undefined: not within two minutes. */
  readonly wholeAfterMs: number | undefined;
  readonly verdict: readonly string[];
  readonly isWell: boolean;
}

const LOOKUPS_PER_S = 20;
const CLIENT_MAX_MS = 5000;
const RETRY_MS = 100;
const HEAL_MAX_MS = 120_000;
/** Below this a ring counts as one that serves. */
const FOUND_SHARE_MIN = 0.999;

/** Runs such a ring for so long, then leaves it alone until it is whole. */
export function whatIf(question: Question, progress: (text: string) => void): Prospect {
  const { seed, nodes, loss, latencyMs, minutes, joinsPerS, failuresPerS, successors } = question;
  const settings: NodeSettings = { ...REAL_NODE, successorsMax: successors };
  const conditions = { delay: { type: 'exponential', meanMs: latencyMs }, loss, duplication: 0 } as const;
  const { world } = idealWorld({ seed, settings, conditions }, nodes);
  const life = new Life(world);
  const endMs = minutes * 60_000;
  life.repeat(joinsPerS, endMs, () => life.join());
  life.repeat(failuresPerS, endMs, () => life.fail());
  life.repeat(LOOKUPS_PER_S, endMs, () => life.lookUp());
  for (let percent = 5; percent <= 100; percent += 5) {
    world.runUntil((endMs * percent) / 100);
    progress(`${percent} % of ${minutes} min, ${world.nodes.length} nodes`);
  }
  const { sent } = world.network;
  progress('waiting until the ring is whole');
  const wholeAfterMs = new RingWatch(world, Number.POSITIVE_INFINITY).runUntilIdeal(HEAL_MAX_MS, 100);
  world.run(CLIENT_MAX_MS);
  return life.prospect(sent / life.nodeSeconds, wholeAfterMs);
}

/** A lookup until its client has waited long enough. */
interface Asking {
  readonly key: ReturnType<typeof randomId>;
  readonly sinceMs: number;
  tries: number;
}

class Life {
  private joins = 0;
  private failures = 0;
  private readonly hops = new Tally();
  private readonly tookMs = new Tally();
  private made = 0;
  private rightAtOnce = 0;
  private rightLater = 0;
  private wrong = 0;
  private notFound = 0;
  /** Seconds that nodes have lived, all together, as the lookups have sampled them. */
  nodeSeconds = 0;

  constructor(private readonly world: World) {}

  /** Does something so often per second, at random moments, until then. */
  repeat(perS: number, endMs: number, action: () => void): void {
    if (perS <= 0) return;
    const { world } = this;
    world.after(world.random.exponential(1000 / perS), () => {
      if (world.nowMs >= endMs) return;
      action();
      this.repeat(perS, endMs, action);
    });
  }

  join(): void {
    const { world } = this;
    this.joins += 1;
    world.start(world.freshPeer()).join(() => this.members.map(({ self }) => self));
  }

  /** The last two stay: there would be no ring left to ask about. */
  fail(): void {
    const node = this.world.random.pick(this.world.nodes);
    if (node === undefined || this.members.length < 3) return;
    this.failures += 1;
    this.world.crash(node, this.world.random.chance(0.5) ? 'silent' : 'refusing');
  }

  lookUp(): void {
    const { world } = this;
    this.nodeSeconds += world.nodes.length / LOOKUPS_PER_S;
    const node = world.random.pick(this.members);
    if (node) this.ask(node, { key: randomId(world.random), sinceMs: world.nowMs, tries: 0 });
  }

  private ask(node: VirtualNode, asking: Asking): void {
    const { world } = this;
    asking.tries += 1;
    node.find(asking.key, ({ owners: [owner], path }) => {
      const waitedMs = world.nowMs - asking.sinceMs;
      const isRight = owner?.id === this.ownerOf(asking.key);
      // Whoever is named wrongly has died, or says that the key is not its own.
      if (!isRight && waitedMs < CLIENT_MAX_MS) {
        world.after(RETRY_MS, () => this.askAgain(node, asking));
        return;
      }
      this.made += 1;
      this.hops.add(path.length - 1);
      this.tookMs.add(Math.round(waitedMs));
      if (owner === undefined) this.notFound += 1;
      else if (!isRight) this.wrong += 1;
      else if (asking.tries === 1) this.rightAtOnce += 1;
      else this.rightLater += 1;
    });
  }

  /** A client whose node has died goes to another. */
  private askAgain(node: VirtualNode, asking: Asking): void {
    const isThere = this.world.at(node.self.addr) === node;
    const other = isThere ? node : this.world.random.pick(this.members);
    if (other) this.ask(other, asking);
  }

  private get members(): readonly VirtualNode[] {
    return this.world.nodes.filter(({ member }) => member.phase === 'member');
  }

  private ownerOf(key: Asking['key']): string {
    return new IdealRing(this.members.map(({ self }) => self)).ownerOf(key).id;
  }

  prospect(messagesPerNodePerS: number, wholeAfterMs: number | undefined): Prospect {
    const { made, rightAtOnce, rightLater, wrong, notFound } = this;
    const found = made === 0 ? 1 : (rightAtOnce + rightLater) / made;
    const isServing = found >= FOUND_SHARE_MIN;
    const isWhole = wholeAfterMs !== undefined;
    const verdict = [
      isServing
        ? `The ring serves: ${percent(found)} of all lookups found the owner.`
        : `The ring does not serve well: ${percent(1 - found)} of all lookups did not find the owner.`,
      isWhole
        ? `It mends itself: ${round(wholeAfterMs / 1000, 1)} s after the last change every pointer was right.`
        : 'It does not mend itself: two minutes after the last change some pointers were still wrong.',
    ];
    return {
      joins: this.joins,
      failures: this.failures,
      nodesAtEnd: this.world.nodes.length,
      lookups: {
        made,
        rightAtOnce,
        rightLater,
        wrong,
        notFound,
        hops: round(this.hops.mean),
        medianMs: this.tookMs.percentile(50),
        p99Ms: this.tookMs.percentile(99),
      },
      messagesPerNodePerS: round(messagesPerNodePerS, 1),
      wholeAfterMs,
      verdict,
      isWell: isServing && isWhole,
    };
  }
}

const percent = (share: number) => `${round(share * 100)} %`;
