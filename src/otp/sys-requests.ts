/**
 * System requests: what sys.ts sends to a server, and the machinery of a behaviour answers (fact 56).
 */
import type { From } from './call';
import type { DebugFunction } from './sys-debug';
import type { Reason } from './term';

/** A request to the machinery of a server, not to its callbacks. */
export class SystemMessage {
  constructor(
    /** Undefined when nobody waits for an answer. */
    readonly from: From | undefined,
    readonly request: SystemRequest,
  ) {}
}

/** What can be asked; each is the function of that name in sys.ts. */
export type SystemRequest =
  | { readonly type: 'get_state' | 'get_status' | 'resume' }
  | { readonly type: 'suspend' }
  | { readonly type: 'replace_state'; readonly replace: (state: unknown) => unknown }
  | { readonly type: 'statistics' | 'log'; readonly flag: boolean | 'get' }
  | { readonly type: 'install'; readonly name: string; readonly debugFunction: DebugFunction; readonly state: unknown }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'change_code'; readonly oldVersion: unknown; readonly extra: unknown }
  | { readonly type: 'terminate'; readonly reason: Reason };

/** A failed `replaceState` or `changeCode`: the server keeps its state and the caller gets this. */
export class CallbackFailed {
  constructor(
    readonly operation: string,
    readonly reason: Reason,
  ) {}
}
