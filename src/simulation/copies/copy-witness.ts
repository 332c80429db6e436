/**
 * Copy witness: how a simulated node makes a majority with the one that has passed a request on to it, and how that one keeps
 * what has come of it. What a real node does in actors/witnessed.ts.
 */
import type { Peer } from '../../chord/peer';
import { EMPTY } from '../../octets';
import type { Done, Minted, RequestQuestion } from '../../protocol/rpc-data';
import { asksAll } from '../../replication/quorum-read';
import type { RouteEvent } from '../../replication/route';
import { isSameAs, type Testimony, testimonyOf, type Witness } from '../../replication/testimony';
import { standingOf } from '../../replication/views';
import {
  keepsMinted,
  leadsWith,
  type Maker,
  mayMint,
  notKept,
  othersOf,
  recordMinted,
} from '../../replication/witnessed';
import { foundLatest } from '../../store/local-coordinator';
import { spread } from './copy-alone';
import { doneOf, liveIn, writeHere } from './copy-answers';
import type { CopyErrand } from './copy-errand';
import type { KeptNode } from './copy-world';

/** What this node can say of a key of which it passes this question on. */
export function testimonyFor(keeper: KeptNode, errand: CopyErrand, asked: RequestQuestion): Testimony | undefined {
  const { request, keyId } = errand;
  // What counts as written in eventual mode has no witness, and a clock that is wrong must not say what may be kept.
  const { marksEventual } = keeper.world.settings;
  if (asked.consistency === 'eventual') return undefined;
  if (asked.type !== 'get' && (marksEventual || keeper.isSkewed)) return undefined;
  return testimonyOf(standingOf(keeper.views, keyId), keeper.target.table.get(request.key));
}

/** What can be answered at once to what was passed on; undefined: others must be asked, and nothing was done. */
export function answerWitness(keeper: KeptNode, errand: CopyErrand, witness: Witness): Done | Minted | undefined {
  return errand.request.op === 'get' ? confirm(keeper, errand, witness) : mint(keeper, errand, witness);
}

/** Keeps what the primary has made of a write that this node has passed on to it: then a majority has it. */
export function keepMinted(keeper: KeptNode, errand: CopyErrand, minted: Minted, from: Peer): RouteEvent {
  const { testimony } = errand;
  const record = recordMinted(errand, minted);
  const answer = doneOf({ status: 'success', value: EMPTY, record });
  const isLeftOut = keeper.world.settings.leftOut.includes('keeping_minted');
  const isKept = isLeftOut || (testimony !== undefined && keepsMinted(keeper, record, testimony, from));
  return isKept ? { type: 'answered', answer } : notKept(answer);
}

// Internal

function confirm(keeper: KeptNode, { request, keyId }: CopyErrand, witness: Witness): Done | undefined {
  const { target, views, world } = keeper;
  if (asksAll(world.random()) || leadsWith(witness, standingOf(views, keyId)) === undefined) return undefined;
  const stored = target.table.get(request.key);
  return isSameAs(witness, stored) ? doneOf(foundLatest(stored, liveIn(stored) !== undefined)) : undefined;
}

function mint(keeper: KeptNode, { request, keyId }: CopyErrand, witness: Witness): Done | Minted | undefined {
  const leading = leadsWith(witness, standingOf(keeper.views, keyId));
  if (leading === undefined || !mayMint(makerIn(keeper), keeper, leading.view, witness)) return undefined;
  const written = writeHere(keeper, request, false);
  if (!('record' in written)) return written;
  const { record } = written;
  spread(keeper, record, leading.view.epoch, othersOf(leading, keeper.host.self.id, witness));
  return { type: 'minted', version: record.version, copies: leading.view.members.length, degraded: false };
}

const makerIn = (keeper: KeptNode): Maker => ({
  self: keeper.host.self.id,
  isSkewed: () => keeper.isSkewed,
  isAlive: (peer) => keeper.host.isAlive(peer),
});
