/**
 * What the admin server says about views and copies, as documents: the one place that both who writes them and who
 * reads them go by. As in answers.ts, a reader passes over what it does not know.
 */
import * as v from 'valibot';
import type { Range } from '../chord/range';
import { ArcDocument, Count, PeerDocument } from './answers';

/** A 64-bit number, which JSON has no word for. */
const Uint64 = v.pipe(v.string(), v.regex(/^\d+$/));

const EpochDocument = v.pipe(v.object({ n: Count, by: Uint64 }), v.readonly());

const MemberDocument = v.pipe(v.object({ id: v.string(), addr: v.string(), inc: Uint64 }), v.readonly());

const RoleDocument = v.picklist(['voter', 'learner', 'none']);

/** One piece of the ring, as a node knows it. */
export interface PieceInfo extends v.InferOutput<typeof PieceDocument> {}

const PieceDocument = v.pipe(
  v.object({
    arc: ArcDocument,
    epoch: EpochDocument,
    /** Who gets every write, in ring order. */
    members: v.pipe(v.array(MemberDocument), v.readonly()),
    primary: PeerDocument,
    /** Identifiers of the members that also answer quorum reads. */
    voters: v.pipe(v.array(v.string()), v.readonly()),
    /** How many of them have to be asked to know everything that was completed before this view. */
    syncs: Count,
    /** What this node is in it. */
    role: RoleDocument,
    /** Somebody is making a newer view: this one serves nothing any more. */
    sealed: v.boolean(),
    /** All members vote, and were found to have the same; null where that is for its primary to know. */
    settled: v.nullable(v.boolean()),
    /** Who is to become a member; those who are fetching or ready get copies of writes. */
    newcomers: v.pipe(
      v.array(
        v.pipe(
          v.object({
            id: v.string(),
            addr: v.string(),
            state: v.picklist(['invited', 'fetching', 'ready', 'absent']),
          }),
          v.readonly(),
        ),
      ),
      v.readonly(),
    ),
  }),
  v.readonly(),
);

/** The answer to `GET /api/views`. */
export interface ViewsInfo extends v.InferOutput<typeof ViewsDocument> {}

/** Reads a {@link ViewsInfo}. */
export const ViewsDocument = v.pipe(
  v.object({
    id: v.string(),
    addr: v.string(),
    inc: Uint64,
    state: v.picklist(['joining', 'active', 'leaving']),
    /** On how many nodes each key should be kept. */
    replicas: Count,
    views: v.pipe(v.array(PieceDocument), v.readonly()),
    /** What it is fetching: as somebody who is to become a member, so as to vote, or to save what is left. */
    lessons: v.pipe(
      v.array(
        v.pipe(
          v.object({
            arc: ArcDocument,
            kind: v.picklist(['listen', 'learn', 'rescue']),
            source: v.nullable(v.string()),
          }),
          v.readonly(),
        ),
      ),
      v.readonly(),
    ),
    /** Arcs of which it still has copies that it need not keep. */
    surplus: v.pipe(v.array(ArcDocument), v.readonly()),
  }),
  v.readonly(),
);

/** A version, for people and for comparing. */
export interface VersionInfo extends v.InferOutput<typeof VersionDocument> {}

const VersionDocument = v.pipe(
  v.object({
    /** Its 16 bytes in hexadecimal: of two, the larger text is the newer version. */
    version: v.string(),
    /** When it was written, by its writer's clock. */
    ms: Count,
  }),
  v.readonly(),
);

/** What a node has of one key. */
export interface KeyInfo extends v.InferOutput<typeof KeyDocument> {}

const KeyDocument = v.pipe(
  v.object({
    /** A text, or bytes where they are no UTF-8. */
    key: v.union([v.string(), v.pipe(v.object({ base64: v.string() }), v.readonly())]),
    id: v.string(),
    ...VersionDocument.pipe[0].entries,
    kind: v.picklist(['value', 'tombstone']),
    /** Of key and value. */
    bytes: Count,
    role: v.picklist(['primary', 'replica', 'surplus']),
  }),
  v.readonly(),
);

/** The answer to `GET /api/keys`. */
export interface KeysInfo extends v.InferOutput<typeof KeysDocument> {}

/** Reads a {@link KeysInfo}. */
export const KeysDocument = v.pipe(
  v.object({
    /** In the order of their identifiers. */
    keys: v.pipe(v.array(KeyDocument), v.readonly()),
    /** From where to go on; null: that was all. */
    next: v.nullable(v.string()),
  }),
  v.readonly(),
);

/** What one member of a key's view has of it. */
export interface CopyInfo extends v.InferOutput<typeof CopyDocument> {}

const CopyDocument = v.pipe(
  v.object({
    id: v.string(),
    addr: v.string(),
    role: v.picklist(['primary', 'voter', 'learner']),
    /** `answered`: what it has follows. `stale`: it has another view. `silent`: no answer. */
    state: v.picklist(['answered', 'stale', 'silent']),
    kind: v.nullable(v.picklist(['value', 'tombstone', 'absent'])),
    version: v.nullable(VersionDocument),
    bytes: v.nullable(Count),
  }),
  v.readonly(),
);

/** The answer to `GET /api/locate`. */
export interface LocateInfo extends v.InferOutput<typeof LocateDocument> {}

/** Reads a {@link LocateInfo}. */
export const LocateDocument = v.pipe(
  v.object({
    /** The key in base 64. */
    key64: v.string(),
    keyId: v.string(),
    arc: ArcDocument,
    epoch: EpochDocument,
    copies: v.pipe(v.array(CopyDocument), v.readonly()),
    /** All members have answered, and have the same. */
    agreed: v.boolean(),
  }),
  v.readonly(),
);

/** An arc that a node is fetching. */
const JobDocument = v.pipe(
  v.object({
    arc: ArcDocument,
    source: v.string(),
    purpose: v.picklist(['listen', 'learn', 'rescue']),
    fetched: Count,
    /** 0 until the source has said. */
    total: Count,
  }),
  v.readonly(),
);

/** What a node does to bring copies in line. */
export interface RepairsInfo extends v.InferOutput<typeof RepairsDocument> {}

const RepairsDocument = v.pipe(
  v.object({
    jobs: v.pipe(v.array(JobDocument), v.readonly()),
    /** Records that others have missed, and that they will be given. */
    hintsPending: Count,
    hintsReplayed: Count,
    hintsDropped: Count,
    /** Old records of nodes that were away: their deletion may have been forgotten. */
    forgottenDropped: Count,
    /** How long ago the copy was found to agree that has gone without it for longest; null: one has yet to be. */
    agreedMsAgo: v.nullable(v.number()),
    /** Since the views began. */
    differences: Count,
    repaired: Count,
  }),
  v.readonly(),
);

/** What is read off the table in which repairs are published. */
export interface RepairsSeen {
  readonly jobs: readonly {
    readonly arc: Range;
    readonly source: string;
    readonly purpose: 'listen' | 'learn' | 'rescue';
    readonly fetched: number;
    readonly total: number;
  }[];
  readonly members: readonly {
    readonly agreedAtMs: number | undefined;
    readonly differences: number;
    readonly repaired: number;
  }[];
  readonly hintsPending: number;
  readonly hintsReplayed: number;
  readonly hintsDropped: number;
  readonly forgottenDropped: number;
}

/** The answer to `POST /api/repair`. */
export interface RepairInfo extends v.InferOutput<typeof RepairDocument> {}

/** Reads a {@link RepairInfo}. */
export const RepairDocument = v.pipe(
  v.object({
    /** Other members of arcs that this node leads, counted for each arc, whose copies were compared with its own. */
    compared: Count,
    /** Records in which they differed, and records that were mended. */
    differences: Count,
    repaired: Count,
    /** Copies that could not be compared, or not to the end. */
    failed: Count,
    tookMs: v.number(),
  }),
  v.readonly(),
);

/** The answer to `GET /api/safe-to-stop`: whether as many as decide would still have everything if this node stopped. */
export interface StopVerdict extends v.InferOutput<typeof StopDocument> {}

/** Reads a {@link StopVerdict}. */
export const StopDocument = v.pipe(v.object({ safe: v.boolean(), reason: v.nullable(v.string()) }), v.readonly());

/** The answer to `POST /api/keys/damage`. */
export interface DamageInfo extends v.InferOutput<typeof DamageDocument> {}

/** Reads a {@link DamageInfo}. */
export const DamageDocument = v.pipe(v.object({ dropped: Count, replicas: Count }), v.readonly());
