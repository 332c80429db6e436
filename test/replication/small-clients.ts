/**
 * Clients of nodes in memory: they write and read with majorities, as a coordinator would, and every read has to
 * return at least what was acknowledged before it began.
 */
import { type KeyId, keyId, nodeId } from '../../src/chord/id';
import type { Peer } from '../../src/chord/peer';
import { inRange, type Range } from '../../src/chord/range';
import { type BinaryString, fromUtf8 } from '../../src/octets';
import { compareEpochs } from '../../src/replication/epoch';
import { compareVersions, type VersionWords, Writers, writerId } from '../../src/replication/version';
import { isMember, quorumOf, type View } from '../../src/replication/view';
import { replicaStanding, standingOf } from '../../src/replication/views';
import { Record } from '../../src/store/record';
import type { SmallNetwork, ViewNode } from './small-network';
import { drawViews, name } from './views-drawing';

const KEYS = Array.from({ length: 40 }, (_none, n) => fromUtf8(`key-${n}`));
const IDS = new Map(KEYS.map((key) => [key, keyId(key)]));
const idOf = (key: BinaryString): KeyId => IDS.get(key) ?? keyId(key);

export class SmallClients {
  readonly problems: string[] = [];
  written = 0;
  writesFailed = 0;
  reads = 0;
  /** How often something may have been lost with the last one who had it. */
  losses = 0;
  /** The latest acknowledged or read record of each key. */
  private readonly acked = new Map<string, VersionWords>();

  constructor(private readonly world: SmallNetwork) {}

  /** A client that writes or reads every so often. */
  keepBusy(everyMs: number, ms: number): void {
    const endMs = this.world.nowMs + ms;
    const go = () => {
      if (this.world.chance(0.6)) this.write();
      else this.read();
      if (this.world.nowMs < endMs) this.world.after(everyMs, go);
    };
    go();
  }

  /** Acknowledged writes that the majority of their view has not. */
  lost(): readonly string[] {
    return [...this.acked].flatMap(([key, version]) => {
      const id = idOf(key as BinaryString);
      const primary = this.world.alive.find(({ views }) => standingOf(views, id).type === 'primary');
      const standing = primary && standingOf(primary.views, id);
      if (standing?.type !== 'primary') return [`${key} is served by nobody`];
      const holders = standing.view.members.filter((peer) => {
        const record = this.world.at(peer)?.table.get(key as BinaryString);
        return record && compareVersions(record, version) >= 0;
      });
      return holders.length >= quorumOf(standing.view.members.length)
        ? []
        : [`${key} is at ${holders.map(name).join()} only`];
    });
  }

  private write(): void {
    const key = this.world.pick(KEYS);
    if (key !== undefined) this.operate(key, 0, (node, view, listeners) => this.put(node, view, listeners, key));
  }

  private read(): void {
    const key = this.world.pick(KEYS);
    if (key === undefined) return;
    const floor = this.acked.get(key);
    const { losses } = this;
    this.operate(key, 0, (node, view) =>
      this.get(node, view, key, (found) => {
        this.reads += 1;
        const isOld = floor !== undefined && (found === undefined || compareVersions(found, floor) < 0);
        if (isOld && losses === this.losses) {
          this.problem(`${name(node.self)} read an old ${key} (${idOf(key).slice(0, 4)}) under e${view.epoch.n}`);
        }
        if (found && losses === this.losses) this.acknowledge(found);
      }),
    );
  }

  private operate(
    key: BinaryString,
    tries: number,
    run: (node: ViewNode, view: View, listeners: readonly Peer[]) => void,
  ): void {
    const id = idOf(key);
    for (const node of this.world.alive) {
      const standing = standingOf(node.views, id);
      // Whoever thinks that it is the primary may be asked, however wrong it is.
      if (standing.type === 'primary' && !node.isPaused && this.world.chance(0.9)) {
        run(node, standing.view, standing.listeners);
        return;
      }
    }
    if (tries < 50) this.world.after(50, () => this.operate(key, tries + 1, run));
    else this.writesFailed += 1;
  }

  private put(node: ViewNode, view: View, listeners: readonly Peer[], key: BinaryString): void {
    const minted = node.clock.mint(node.table.get(key) ?? ZERO, this.world.wall());
    if (!minted.ok) throw new Error('The clock is wrong');
    this.written += 1;
    const record = new Record(idOf(key), key, minted.value, fromUtf8(`value ${this.written}`), undefined, false);
    node.table.merge(record);
    const { losses } = this;
    this.replicate(node, view, listeners, record, () => {
      if (losses === this.losses) this.acknowledge(record);
    });
  }

  private acknowledge(record: Record): void {
    const before = this.acked.get(record.key);
    if (before === undefined || compareVersions(record, before) > 0) this.acked.set(record.key, record);
  }

  /** Calls back once a majority has it. */
  private replicate(node: ViewNode, view: View, listeners: readonly Peer[], record: Record, then: () => void): void {
    let acks = 1;
    const count = () => {
      if (acks === quorumOf(view.members.length)) then();
    };
    count();
    for (const to of [...view.members, ...listeners]) {
      if (to.id === node.self.id) continue;
      this.world.exchange(
        node,
        to,
        (other) => {
          const standing = replicaStanding(other.views, record.keyId, view.epoch);
          if (standing.type !== 'stale') other.table.merge(record);
          return standing;
        },
        (standing) => {
          if (standing?.type === 'member') {
            acks += 1;
            count();
          }
          if (standing?.type === 'stale') this.staleAt(node, to, view, standing.view);
        },
      );
    }
  }

  private staleAt(node: ViewNode, to: Peer, view: View, known: View | undefined): void {
    if (known && compareEpochs(known.epoch, view.epoch) > 0) this.world.tell(node, { type: 'heard_of', view: known });
    else if (isMember(view, to)) this.world.tell(node, { type: 'unaware', peer: to, arc: view.arc });
  }

  private get(node: ViewNode, view: View, key: BinaryString, then: (found: Record | undefined) => void): void {
    const id = idOf(key);
    const answers: (Record | undefined)[] = [];
    const add = (record: Record | undefined) => {
      answers.push(record);
      if (answers.length === quorumOf(view.members.length)) this.decideRead(node, view, answers, then);
    };
    add(copyOf(node, key));
    for (const to of view.members) {
      if (to.id === node.self.id) continue;
      this.world.exchange(
        node,
        to,
        (other) => ({ standing: replicaStanding(other.views, id, view.epoch), record: copyOf(other, key) }),
        (answer) => {
          if (answer?.standing.type === 'member' && answer.standing.isVoter) add(answer.record);
          if (answer?.standing.type === 'stale') this.staleAt(node, to, view, answer.standing.view);
        },
      );
    }
  }

  /** The newest of them; where they differ, only after a majority has it. */
  private decideRead(
    node: ViewNode,
    view: View,
    answers: readonly (Record | undefined)[],
    then: (found: Record | undefined) => void,
  ): void {
    const winner = answers.reduce((a, b) => (a === undefined || (b && compareVersions(a, b) < 0) ? b : a), undefined);
    if (winner === undefined || answers.every((record) => record && compareVersions(record, winner) === 0)) {
      then(winner);
      return;
    }
    node.table.merge(winner);
    this.replicate(node, view, [], winner, () => then(winner));
  }

  /** Whatever was acknowledged in an arc may be gone. */
  lose(arc: Range): void {
    this.losses += 1;
    for (const key of KEYS) if (inRange(idOf(key), arc)) this.acked.delete(key);
  }

  private problem(text: string): void {
    if (this.problems.length < 5)
      this.problems.push(`${this.world.nowMs.toFixed(0)} ms: ${text}\n${drawViews(this.world)}`);
  }
}

const ZERO = { word0: 0, word1: 0, writer: new Writers().intern(writerId(nodeId('0', 0), 0)) };

function copyOf({ table }: ViewNode, key: BinaryString): Record | undefined {
  const record = table.get(key);
  return record && copied(record);
}

export function copied(
  record: Pick<Record, 'keyId' | 'key' | 'word0' | 'word1' | 'writer' | 'value' | 'expireAtMs' | 'ev'>,
): Record {
  return new Record(record.keyId, record.key, record, record.value, record.expireAtMs, record.ev);
}
