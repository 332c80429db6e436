/**
 * Membership: how a whole node comes into a ring and goes out of it.
 *
 * For the program that runs the node, which is no process of it: each function enters the runtime
 * for every step. Whatever fails is a value with a sentence.
 */
import type { Peer } from '../src/chord/peer';
import type { NodeSettings } from '../src/config';
import { isAlone } from '../src/chord/ring-member';
import type { Runtime } from '../src/otp';
import { err, ok, type Result } from '../src/result';
import * as handoff from './handoff';
import { join, type JoinError } from './joiner';
import * as kvStore from './kv-store';
import * as ringState from './ring-state';

// API

/** A node as seen by the program that runs it. */
export interface Host {
  readonly runtime: Runtime;
  readonly self: Peer;
  readonly settings: Pick<NodeSettings, 'maxDriftMs'>;
}

/** Makes the node the first of a new ring. That it is already alone in one is as good. */
export async function create({ runtime }: Host): Promise<Result<undefined, JoinError>> {
  const isCreated = await runtime.run(ringState.create).catch(() => false);
  const member = runtime.run(ringState.read);
  const isFirst = isCreated || (member?.phase === 'member' && isAlone(member));
  // The first view of a ring is made when a ring is made, and never because nobody else can be seen.
  if (isFirst) await runtime.run(handoff.create).catch(() => undefined);
  return isFirst ? ok(undefined) : err({ code: 'in_a_ring', message: `Cannot create a ring: ${whyNot(member)}` });
}

/** Brings the node into the ring of one of the contacts, `host:port` each. It must be alone, and hold no data. */
export async function enter(
  { runtime, self, settings: { maxDriftMs } }: Host,
  contacts: readonly string[],
): Promise<Result<undefined, JoinError>> {
  const member = runtime.run(ringState.read);
  const isFree = member?.phase === 'outside' || (member?.phase === 'member' && isAlone(member));
  if (!isFree) return err({ code: 'in_a_ring', message: `Cannot join a ring: ${whyNot(member)}` });
  const keys = runtime.run(kvStore.open)?.table.stats().keys ?? 0;
  if (member?.phase === 'member' && keys > 0) {
    const message = `Cannot join a ring: this node holds ${keys} keys of its own, which would come under the other ring's`;
    return err({ code: 'has_data', message });
  }
  if (member?.phase !== 'member') return runtime.run(() => join(contacts, { self, maxDriftMs }));
  // The ring of its own that it is alone in ends with this, or is made anew.
  await runtime.run(() => handoff.moveOut(MOVE_MS)).catch(() => undefined);
  const joined = await runtime.run(() => join(contacts, { self, maxDriftMs }));
  if (!joined.ok) await runtime.run(() => handoff.moveOut(0)).catch(() => undefined);
  return joined;
}

/** Hands over what the node has and takes it out of its ring; it goes on running and answers that it is in none. */
export async function leave({ runtime }: Host): Promise<void> {
  if (runtime.isStopped) return;
  await runtime.run(() => handoff.leave()).catch(() => undefined);
  await runtime.run(ringState.leave).catch(() => undefined);
}

/** Whether others of its ring would miss the node. */
export function isWithOthers({ runtime }: Host): boolean {
  const member = runtime.isStopped ? undefined : runtime.run(ringState.read);
  return member?.phase === 'member' && !isAlone(member);
}

// Internal

/** Longer than joining takes. */
const MOVE_MS = 60_000;

function whyNot(member: ReturnType<typeof ringState.read>): string {
  switch (member?.phase) {
    case 'left':
      return 'this node has left its ring; only a newly started one can join';
    case 'member':
      return 'this node is in a ring with others already';
    default:
      return 'its part of the node is just being restarted';
  }
}
