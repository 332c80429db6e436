/**
 * Turn: what one turn of the event loop has found in the tables of its node.
 *
 * Whoever serves keys looks once, at the beginning of a turn, and goes by that until its end: what a
 * node leads and what it has stored belong to one moment.
 */
import type { KeyId } from '../src/chord/id';
import { type BinaryString, EMPTY } from '../src/octets';
import type { Self } from '../src/otp';
import type { Request } from '../src/protocol/client-protocol';
import { type Testimony, testimonyOf } from '../src/replication/testimony';
import type { Writer } from '../src/replication/version';
import { isMember } from '../src/replication/view';
import { standingOf, type Standing, type Views, waitedMs } from '../src/replication/views';
import { type Copies, isEventual } from '../src/store/local-coordinator';
import type { Target } from '../src/store/local-write';
import { unreachable } from '../src/unreachable';
import { idOf } from './errand';

/** The tables of a node. */
export interface Tables {
  /** The key-value table; undefined while it is being restarted. */
  store(): Target | undefined;
  /** Which views this node knows; undefined while that is not known. */
  arcs(): Arcs | undefined;
}

/** What is known about views. */
export interface Arcs {
  readonly views: Views;
  /** When whoever looks after them has last looked at the clock. */
  readonly beatMs: number;
  /** Who mints for the table that has what they promise. @default whoever does */
  readonly writer?: Writer | undefined;
}

/** The table that has what these views promise; undefined where it was lost, and another has taken its place. */
export function storeOf(target: Target | undefined, { writer }: Arcs): Target | undefined {
  return writer === undefined || target?.clock.writer.id === writer.id ? target : undefined;
}

/** Mutable: one for each connection. */
export class Turn {
  target: Target | undefined;
  views: Views | undefined;
  /** How long a write that is read now may have waited already. */
  waitedMs = 0;
  /** On the monotonic clock. */
  nowMs = 0;
  /** The time of day, in Unix milliseconds. */
  systemMs = 0;

  /** Every key is asked about more than once in a row, and looking it up is not for nothing. */
  private lastKey: BinaryString = EMPTY;
  private lastId: KeyId | undefined;

  constructor(
    private readonly self: Self<unknown>,
    private readonly tables: Tables,
  ) {}

  look(): void {
    const { self, tables } = this;
    const arcs = tables.arcs();
    const target = tables.store();
    this.target = arcs ? storeOf(target, arcs) : target;
    this.views = arcs?.views;
    this.nowMs = self.nowMs();
    this.systemMs = self.systemMs();
    this.waitedMs = arcs === undefined ? 0 : waitedMs(arcs.views, arcs.beatMs, this.nowMs);
  }

  /** The identifier of a key. */
  idOf(key: BinaryString): KeyId {
    if (this.lastId !== undefined && this.lastKey === key) return this.lastId;
    this.lastKey = key;
    this.lastId = idOf(key, this.target);
    return this.lastId;
  }

  /** What this node has to do with a key; undefined where it cannot serve any just now. */
  standingOf(key: KeyId): Standing | undefined {
    const { views, target } = this;
    return views === undefined || target === undefined ? undefined : standingOf(views, key);
  }

  /** What this node can say of a key that it has asked somebody else for. */
  testimonyOf({ key, keyId }: { readonly key: BinaryString; readonly keyId: KeyId }): Testimony | undefined {
    return testimonyOf(this.standingOf(keyId), this.target?.table.get(key));
  }

  /** How a key is kept whose view has so many members. */
  copiesOf(members: number): Copies {
    const replicas = this.views?.replicas ?? 1;
    return { copies: members, degraded: members < replicas };
  }
}

/** Whether this node has a copy that is all that the client wants. */
export function isCopyHere(request: Request, standing: Standing, { views }: Turn): boolean {
  if (!isEventual(request) || views === undefined) return false;
  switch (standing.type) {
    case 'primary':
      return true;
    case 'member':
      return request.op !== 'get' || standing.isVoter;
    case 'changing': {
      const { view } = standing;
      if (view === undefined || !isMember(view, views.self)) return false;
      return request.op !== 'get' || view.voters.includes(views.self.id);
    }
    case 'elsewhere':
      return false;
    default:
      return unreachable(standing);
  }
}
