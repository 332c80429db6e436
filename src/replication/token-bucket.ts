/**
 * Token bucket: how much may be done now, where so much may be done in a second.
 *
 * It fills steadily up to what a second brings, so a pause may be made up for once. What takes more than
 * is there leaves a debt: a single large thing is done whenever anything may be, and the next waits longer.
 */

/** What is in the bucket, and since when. Immutable. */
export interface TokenBucket {
  readonly perSecond: number;
  /** Below 0: a debt. */
  readonly tokens: number;
  /** When that was so (monotonic). */
  readonly atMs: number;
}

/** A full bucket. */
export function fullBucket(perSecond: number, nowMs: number): TokenBucket {
  return { perSecond, tokens: perSecond, atMs: nowMs };
}

/** How long to wait until something may be done; 0: now. */
export function waitMs(bucket: TokenBucket, nowMs: number): number {
  const { tokens, perSecond } = filled(bucket, nowMs);
  return tokens > 0 ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond);
}

/** How much may be done now without a debt; at least 0. */
export function allowance(bucket: TokenBucket, nowMs: number): number {
  return Math.max(0, Math.floor(filled(bucket, nowMs).tokens));
}

/** The bucket after so much has been done. */
export function taken(bucket: TokenBucket, amount: number, nowMs: number): TokenBucket {
  const now = filled(bucket, nowMs);
  return { ...now, tokens: now.tokens - amount };
}

/** The bucket as it fills from now on at another rate. */
export function atRate(bucket: TokenBucket, perSecond: number, nowMs: number): TokenBucket {
  const { tokens, atMs } = filled(bucket, nowMs);
  return { perSecond, tokens: Math.min(perSecond, tokens), atMs };
}

/** How fast records may travel. */
export interface RecordRate {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What may travel now, where both the number of records and their bytes are bounded. Immutable. */
export interface RecordBucket {
  readonly rate: RecordRate;
  readonly records: TokenBucket;
  readonly bytes: TokenBucket;
}

/** A second's worth of both. */
export function fullRecordBucket(rate: RecordRate, nowMs: number): RecordBucket {
  return { rate, records: fullBucket(rate.recordsPerSecond, nowMs), bytes: fullBucket(rate.bytesPerSecond, nowMs) };
}

/** How long to wait until records may travel; 0: now. */
export function recordsWaitMs({ records, bytes }: RecordBucket, nowMs: number): number {
  return Math.max(waitMs(records, nowMs), waitMs(bytes, nowMs));
}

/** The bucket after so many records with so many bytes. */
export function recordsTaken(
  bucket: RecordBucket,
  { records, bytes }: { readonly records: number; readonly bytes: number },
  nowMs: number,
): RecordBucket {
  return { ...bucket, records: taken(bucket.records, records, nowMs), bytes: taken(bucket.bytes, bytes, nowMs) };
}

/** The bucket as it fills from now on, with this part of its rate. */
export function recordsAtShare(bucket: RecordBucket, share: number, nowMs: number): RecordBucket {
  const { rate, records, bytes } = bucket;
  return {
    rate,
    records: atRate(records, rate.recordsPerSecond * share, nowMs),
    bytes: atRate(bytes, rate.bytesPerSecond * share, nowMs),
  };
}

function filled({ perSecond, tokens, atMs }: TokenBucket, nowMs: number): TokenBucket {
  const elapsedMs = Math.max(0, nowMs - atMs);
  return {
    perSecond,
    tokens: Math.min(perSecond, tokens + (elapsedMs * perSecond) / 1000),
    atMs: Math.max(atMs, nowMs),
  };
}
