/** What the tests of supervisors have in common: strategies, restart types, ways to end, and a family to begin with. */
import type { ChildSpec, Reason, SupervisorFlags } from '../../src/otp';
import { failed } from './runtime';
import type { Family } from './supervision';

export type RestartType = NonNullable<ChildSpec['restart']>;
export type Strategy = NonNullable<SupervisorFlags['strategy']>;

/** What nobody can have meant to happen. */
export const CRASH = new Error('crash');
/** More restarts than any test has. */
export const PLENTY: SupervisorFlags = { intensity: 100, periodMs: 1000 };
/** The strategies under which the end of one child concerns others. */
export const GROUPS = ['one_for_all', 'rest_for_one'] as const;

export const STRATEGIES = ['one_for_one', ...GROUPS] as const;

/** What a start gives whose child has failed to. */
export const failedChild = (id: string, reason: Reason) => failed(['shutdown', ['failed_to_start_child', id, reason]]);

/** Starts a family with these children, all alike. */
export const begin = (family: Family, flags: SupervisorFlags, ids: string, spec: Partial<ChildSpec> = {}) =>
  family.start(
    flags,
    ids.split('').map((id) => family.child(id, spec)),
  );

/** The ways in which a child can end. */
export const ENDINGS = {
  normal: 'normal',
  shutdown: 'shutdown',
  shutdown_with_a_term: ['shutdown', 'why'],
  killed: 'kill',
  abnormal: CRASH,
} as const satisfies Record<string, Reason>;

export type EndingName = keyof typeof ENDINGS;

/** Whether it ends a transient child for good. */
export const isExpected = (ending: EndingName) => ending !== 'killed' && ending !== 'abnormal';

export const RESTART_TYPES = ['permanent', 'transient', 'temporary'] as const;

/** What becomes of a child that has ended. */
export const afterwards = (restart: RestartType, ending: EndingName): 'restarted' | 'kept' | 'removed' => {
  if (restart === 'permanent' || (restart === 'transient' && !isExpected(ending))) return 'restarted';
  return restart === 'transient' ? 'kept' : 'removed';
};

/** All restart types with all endings, and what becomes of the child. */
export const TABLE = RESTART_TYPES.flatMap((restart) =>
  (Object.keys(ENDINGS) as EndingName[]).map((ending) => [restart, ending, afterwards(restart, ending)] as const),
);
