/**
 * What the admin server says about the ring, as documents: the one place that both who writes them
 * and who reads them go by.
 *
 * A reader passes over what it does not know, so that a node may say more than an older program
 * understands.
 */
import * as v from 'valibot';

/** A number of things. */
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A member of the ring, as others name it. */
export interface PeerInfo extends v.InferOutput<typeof PeerDocument> {}

/** Reads a {@link PeerInfo}. */
export const PeerDocument = v.pipe(v.object({ id: v.string(), addr: v.string() }), v.readonly());

const Peers = v.pipe(v.array(PeerDocument), v.readonly());

/** An arc of the circle: without `lo`, with `hi`; with `lo` = `hi`, all of it. */
export interface ArcInfo extends v.InferOutput<typeof ArcDocument> {}

/** Reads an {@link ArcInfo}. */
export const ArcDocument = v.pipe(v.object({ lo: v.string(), hi: v.string() }), v.readonly());

/** Where a node stands in its life. */
export type NodeState = 'joining' | 'active' | 'leaving';

/** What a node says of itself. `fetching`: it serves, and has yet to fetch some of what it is to keep. */
export type OwnState = NodeState | 'fetching';

/** How many copies there are of what, as far as one node knows: see `CopyCounts` in src/protocol/rpc-description.ts. */
const CopyCountsDocument = v.pipe(
  v.object({
    records: Count,
    led: Count,
    member: Count,
    learner: Count,
    newcomers: Count,
    least: Count,
    most: Count,
    unsettled: Count,
    fetching: Count,
    hints: Count,
  }),
  v.readonly(),
);

/** One node of the ring as it describes itself, or as others name it where it does not answer. */
export interface RingNode extends v.InferOutput<typeof RingNodeDocument> {}

const RingNodeDocument = v.pipe(
  v.object({
    id: v.string(),
    addr: v.string(),
    state: v.picklist(['joining', 'active', 'leaving', 'unreachable']),
    predecessor: v.nullable(PeerDocument),
    successorList: Peers,
    /** What it leads: whose quorum operations it serves. */
    arcs: v.pipe(v.array(ArcDocument), v.readonly()),
    /** Values that it leads. */
    keys: Count,
    /** Of everything that it holds. */
    bytes: Count,
    tombstones: Count,
    copies: CopyCountsDocument,
  }),
  v.readonly(),
);

/** The answer to `GET /api/ring`: the whole ring as one node can walk it, from itself onwards. */
export interface RingInfo extends v.InferOutput<typeof RingDocument> {}

/** Reads a {@link RingInfo}. */
export const RingDocument = v.pipe(
  v.object({
    nodes: v.pipe(v.array(RingNodeDocument), v.readonly()),
    /** Every pair of neighbours agrees, everybody answers, and the walk ends where it began. */
    consistent: v.boolean(),
    /** Every key has one primary. */
    covered: v.boolean(),
    /** Why it is not consistent, or not covered, a sentence each. */
    problems: v.pipe(v.array(v.string()), v.readonly()),
  }),
  v.readonly(),
);

/** Fingers that are the same peer. */
export interface FingerInfo extends v.InferOutput<typeof FingerDocument> {}

const FingerDocument = v.pipe(
  v.object({
    /** The first and the last of these fingers, of 0 to 159. */
    first: Count,
    last: Count,
    /** What the first of them aims at. */
    target: v.string(),
    peer: PeerDocument,
  }),
  v.readonly(),
);

/** The answer to `GET /api/ring/fingers`. */
export interface FingersInfo extends v.InferOutput<typeof FingersDocument> {}

/** Reads a {@link FingersInfo}. */
export const FingersDocument = v.pipe(
  v.object({
    id: v.string(),
    addr: v.string(),
    fingers: v.pipe(v.array(FingerDocument), v.readonly()),
    /** Everybody the node knows of, in ring order, where the ring is small enough for that. */
    members: Peers,
  }),
  v.readonly(),
);

/** One node on the way to a key. */
export interface HopInfo extends v.InferOutput<typeof HopDocument> {}

const HopDocument = v.pipe(
  v.object({
    id: v.string(),
    addr: v.string(),
    /** How long its answer took. */
    tookMs: v.pipe(v.number(), v.minValue(0)),
  }),
  v.readonly(),
);

/** The answer to `GET /api/ring/lookup`. */
export interface LookupInfo extends v.InferOutput<typeof LookupDocument> {}

/** Reads a {@link LookupInfo}. */
export const LookupDocument = v.pipe(
  v.object({
    /** The key in base 64. */
    key64: v.string(),
    keyId: v.string(),
    owner: PeerDocument,
    /** Whether the owner says so too: it may be about to take the key over. */
    confirmed: v.boolean(),
    /** From the node that was asked to the owner. */
    path: v.pipe(v.array(HopDocument), v.readonly()),
    /** Steps of the path. */
    hops: Count,
    tookMs: v.pipe(v.number(), v.minValue(0)),
  }),
  v.readonly(),
);
