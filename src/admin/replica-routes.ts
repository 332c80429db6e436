/** Replica routes: what an operator can ask a node about views and copies, and have it do about them. */
import * as v from 'valibot';
import { addressId, type Id, type KeyId, keyId } from '../chord/id';
import type { Peer } from '../chord/peer';
import { toBinaryString } from '../octets';
import { compareEpochs } from '../replication/epoch';
import type { Views } from '../replication/views';
import { lookUp } from './key-lookup';
import { locate } from './key-locate';
import { damage, keysPage } from './keys-page';
import type { NodeView, ReplicaView } from './node-view';
import type { LocateInfo, RepairInfo } from './replica-answers';
import { isInRing } from './ring-view';
import { type AdminRequest, type AdminResponse, fromPage, keyOf, parseJson, refusal, type Route } from './route-parts';
import { sharedViews, stopVerdict, viewsInfo } from './views-report';

/** The paths, and what is done there. */
export const REPLICA_ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/api/views': { GET: views },
  '/api/keys': { GET: keys },
  '/api/keys/damage': { POST: damageKeys },
  '/api/locate': { GET: locateKey },
  '/api/repair': { POST: repair },
  '/api/safe-to-stop': { GET: safeToStop },
};

const RESTARTING = refusal(503, 'unavailable', 'Cannot tell: what this node keeps copies of is being restarted');

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const ID = /^[0-9a-f]{40}$/;

function views({ replicas }: NodeView): AdminResponse {
  const known = replicas.views();
  return known ? { status: 200, body: viewsInfo(known) } : RESTARTING;
}

/** Nobody is counted on who does not answer at this moment, as one that knows the view: who has just died may be trusted still. */
async function safeToStop({ replicas }: NodeView): Promise<AdminResponse> {
  const before = replicas.views();
  const isSafe = before !== undefined && stopVerdict(before, () => true).safe;
  const silent = isSafe ? await silentIn(replicas, before) : [];
  const verdict = stopVerdict(replicas.views(), ({ id }) => !silent.includes(id));
  return { status: verdict.safe ? 200 : 503, body: verdict };
}

async function silentIn(replicas: ReplicaView, views: Views): Promise<readonly Id[]> {
  const answers = sharedViews(views).flatMap(({ view: { arc, epoch }, others }) =>
    others.map(async (peer) => {
      const said = await replicas.ask(peer, { type: 'view_get', arc });
      const isKnown = said?.type === 'views' && said.views.some((view) => compareEpochs(view.epoch, epoch) === 0);
      return isKnown ? [] : [peer.id];
    }),
  );
  return (await Promise.all(answers)).flat();
}

/** `from` is the identifier of the last key that was told, so that nobody sees one twice. */
function keys({ replicas }: NodeView, _request: AdminRequest, { searchParams }: URL): AdminResponse {
  const [from, limitText] = [searchParams.get('from') ?? undefined, searchParams.get('limit')];
  const limit = limitText === null ? LIMIT_DEFAULT : limitOf(limitText);
  if (from !== undefined && !ID.test(from)) {
    return refusal(400, 'invalid_request', 'Cannot list keys: from must be an identifier of 40 hexadecimal digits');
  }
  if (limit === undefined) {
    return refusal(400, 'invalid_request', `Cannot list keys: limit must be a whole number from 1 to ${LIMIT_MAX}`);
  }
  const [table, known] = [replicas.table(), replicas.views()];
  if (table === undefined || known === undefined) return RESTARTING;
  return { status: 200, body: keysPage(table, known, from as Id | undefined, limit) };
}

function limitOf(text: string): number | undefined {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= LIMIT_MAX ? limit : undefined;
}

async function locateKey(view: NodeView, _request: AdminRequest, url: URL): Promise<AdminResponse> {
  const bytes = keyOf(url.searchParams);
  if (bytes === undefined) {
    return refusal(400, 'invalid_request', 'Cannot locate: say which key, as ?key=TEXT or ?key64=BASE64');
  }
  const key = toBinaryString(bytes);
  const id = keyId(key);
  const found = await locate(view.replicas, key, id, await ownerOf(view, id));
  if (found === undefined) return refusal(503, 'no_route', 'Cannot locate: nobody who answers knows who keeps the key');
  const body: LocateInfo = { key64: bytes.toString('base64'), keyId: id, ...found };
  return { status: 200, body };
}

/** Who should lead a key as far as the ring's pointers go; undefined: nobody knows the way. */
async function ownerOf({ ring }: NodeView, id: KeyId): Promise<Peer | undefined> {
  const self = ring.describeSelf();
  if (self === undefined || !isInRing(self)) return undefined;
  const found = await lookUp(ring, self, id);
  if (!found.ok) return undefined;
  const { addr } = found.value.owner;
  // Whoever is there now: the way does not say in which life.
  return { id: addressId(addr), addr, inc: 0n };
}

async function repair({ replicas }: NodeView, request: AdminRequest): Promise<AdminResponse> {
  if (request.origin !== undefined) return fromPage('repair');
  const startMs = replicas.nowMs();
  const counts = await replicas.repair();
  if (counts === undefined) return refusal(503, 'unavailable', 'Cannot repair: it was not done in time; it goes on');
  const body: RepairInfo = { ...counts, tookMs: Math.round(replicas.nowMs() - startMs) };
  return { status: 200, body };
}

const DamageRequest = v.object({ share: v.pipe(v.number(), v.minValue(0), v.maxValue(1)) });

function damageKeys({ allowChaos, replicas }: NodeView, request: AdminRequest): AdminResponse {
  if (!allowChaos) return refusal(403, 'forbidden', 'Cannot damage: the node runs without --allow-chaos');
  if (request.origin !== undefined) return fromPage('damage');
  const wanted = v.safeParse(DamageRequest, parseJson(request.body));
  if (!wanted.success) {
    return refusal(400, 'invalid_request', 'Cannot damage: the body must be {"share": X} with X from 0 to 1');
  }
  const [table, known] = [replicas.table(), replicas.views()];
  if (table === undefined || known === undefined) return RESTARTING;
  return { status: 200, body: damage(table, known, wanted.output.share) };
}
