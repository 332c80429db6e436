/** What the program asks a node about views and copies, and has it do about them. */
import {
  KeysDocument,
  type KeysInfo,
  LocateDocument,
  type LocateInfo,
  RepairDocument,
  type RepairInfo,
  StopDocument,
  type StopVerdict,
  ViewsDocument,
  type ViewsInfo,
} from '../admin/replica-answers';
import type { AdminQuestion } from './admin-request';
import { readerOf } from './ring-questions';

/** The views that a node knows. */
export const VIEWS_QUESTION: AdminQuestion<ViewsInfo> = {
  what: 'views',
  path: '/api/views',
  read: readerOf(ViewsDocument),
};

/** Whether a node can stop without anything being lost or standing still. */
export const STOP_QUESTION: AdminQuestion<StopVerdict> = {
  what: 'whether it is safe to stop',
  path: '/api/safe-to-stop',
  // "No" is an answer too.
  statuses: [200, 503],
  read: readerOf(StopDocument),
};

/** How long to wait for a repair: longer than a node goes on with it while somebody waits. */
export const REPAIR_MS = 70_000;

/** That a node compare all copies of what it leads, and mend what differs. */
export const REPAIR_QUESTION: AdminQuestion<RepairInfo> = {
  what: 'repair',
  method: 'POST',
  path: '/api/repair',
  read: readerOf(RepairDocument),
};

/** Who keeps a key, and what each of them has of it. */
export function locateQuestion(key: Buffer): AdminQuestion<LocateInfo> {
  const path = `/api/locate?key64=${encodeURIComponent(key.toString('base64'))}`;
  return { what: 'location', path, read: readerOf(LocateDocument) };
}

/** What a node has, the keys behind this identifier; undefined: from the first one on. */
export function keysQuestion(from: string | undefined, limit: number): AdminQuestion<KeysInfo> {
  const path = `/api/keys?limit=${limit}${from === undefined ? '' : `&from=${from}`}`;
  return { what: 'keys', path, read: readerOf(KeysDocument) };
}
