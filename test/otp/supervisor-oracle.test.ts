/**
 * A supervisor and a naive one are told the same, at random: whatever children die, fail to start,
 * are added or stopped, and however much of that comes at the same time, they must agree on the
 * children, their processes, the answers, the reports, and when to give up.
 */
import * as fc from 'fast-check';
import { type ChildSpec, type Reason, supervisor } from '../../src/otp';
import { type Flags, NaiveSupervisor, type Request, type RestartType } from '../support/naive-supervisor';
import { type Family, inFamily } from '../support/supervision';

const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'] as const;

type Command =
  | Request
  | { readonly type: 'die'; readonly id: string; readonly reason: Reason }
  | { readonly type: 'fail'; readonly id: string; readonly times: number };

/** What comes in before the supervisor has a turn, and how much time passes then. */
interface Batch {
  readonly commands: readonly Command[];
  readonly advanceMs: number;
}

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const restart = fc.constantFrom<RestartType>('permanent', 'transient', 'temporary');
const reason = fc.constantFrom<Reason>('normal', 'shutdown', ['shutdown', 'why'], 'killed', new Error('crash'));
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('die' as const), id, reason }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('fail' as const), id, times: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('start' as const), id, restart, significant: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('terminate', 'restart', 'delete'), id }) },
  { weight: 1, arbitrary: fc.constant({ type: 'count' as const }) },
);
const batch: fc.Arbitrary<Batch> = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 6 }),
  advanceMs: fc.oneof(fc.constant(0), fc.nat(3000)),
});
const flagsOf = (strategy: Flags['strategy']): fc.Arbitrary<Flags> =>
  fc.record({
    strategy: fc.constant(strategy),
    intensity: fc.nat(8),
    periodMs: fc.constantFrom(1000, 3000),
    autoShutdown:
      strategy === 'simple_one_for_one'
        ? fc.constant('never' as const)
        : fc.constantFrom('never', 'never', 'any_significant', 'all_significant'),
  });

/** Whether a child can be significant under these flags. */
const canBeSignificant = ({ autoShutdown }: Flags, restart: RestartType) =>
  autoShutdown !== 'never' && restart !== 'permanent';

class Pair {
  private readonly naive: NaiveSupervisor;

  constructor(
    private readonly family: Family,
    private readonly flags: Flags,
    private readonly template: RestartType,
  ) {
    this.naive = new NaiveSupervisor(flags);
  }

  async begin(): Promise<void> {
    await this.family.start(this.flags, this.naive.isSimple ? [this.templateSpec()] : []);
  }

  /** Tells both; they must agree afterwards. */
  async tell({ commands, advanceMs }: Batch): Promise<void> {
    const { family, naive } = this;
    naive.answers = [];
    const pending: Promise<string>[] = [];
    const begun = new Set(naive.children.map((child) => child.id));
    for (const command of commands) {
      if (command.type === 'die') this.die(command.id, command.reason);
      else if (command.type === 'fail') this.fail(command.id, command.times);
      else if (this.isPossible(command, begun)) {
        naive.call(this.adapted(command));
        pending.push(this.request(this.adapted(command)));
      }
    }
    await family.world.idle();
    naive.run(family.world.scheduler.clock.nowMs());
    expect(await Promise.all(pending)).toEqual(naive.answers);
    expect(family.end.ended).toBe(naive.ended);
    expect(this.sorted(family.complaints())).toEqual(this.sorted(naive.complaints));
    expect(this.generations()).toEqual(Object.fromEntries(naive.generations));
    if (!naive.ended) expect(await this.snapshot()).toEqual(this.sorted(naive.snapshot()));
    await family.world.advance(advanceMs);
  }

  get ended(): boolean {
    return this.naive.ended;
  }

  private die(id: string, reason: Reason): void {
    this.naive.die(id, reason);
    if (this.family.pids.has(id)) this.family.die(reason, id);
  }

  private fail(id: string, times: number): void {
    this.naive.fail(id, times);
    this.family.fail(id, times);
  }

  /** Instances are told apart by what they were started with, so there is one of each at a time. */
  private isPossible(request: Request, begun: Set<string>): boolean {
    if (!this.naive.isSimple || request.type === 'count') return true;
    if (request.type === 'terminate') return this.family.pids.has(request.id);
    if (request.type !== 'start') return true;
    if (begun.has(request.id)) return false;
    begun.add(request.id);
    return true;
  }

  private adapted(request: Request): Request {
    if (request.type !== 'start') return request;
    const restart = this.naive.isSimple ? this.template : request.restart;
    return { ...request, restart, significant: request.significant && canBeSignificant(this.flags, restart) };
  }

  private templateSpec(): ChildSpec {
    return { id: 'x', start: (id: string) => this.family.startWorker(id), restart: this.template };
  }

  private async request(request: Request): Promise<string> {
    try {
      return await this.family.request((sup) => this.perform(sup, request));
    } catch {
      return 'exit';
    }
  }

  private async perform(sup: supervisor.SupervisorRef, request: Request): Promise<string> {
    switch (request.type) {
      case 'count': {
        const { specs, active, supervisors, workers } = await supervisor.countChildren(sup);
        return `${specs} ${active} ${supervisors + workers}`;
      }
      case 'start': {
        const { id, restart, significant } = request;
        const spec = this.naive.isSimple ? [id] : this.family.child(id, { restart, significant });
        return told(await supervisor.startChild(sup, spec));
      }
      case 'terminate':
        return told(
          await supervisor.terminateChild(sup, this.naive.isSimple ? this.family.pidOf(request.id) : request.id),
        );
      case 'restart':
        return told(await supervisor.restartChild(sup, request.id));
      case 'delete':
        return told(await supervisor.deleteChild(sup, request.id));
    }
  }

  private async snapshot(): Promise<string[]> {
    const rows = await this.family.ask((sup) => supervisor.whichChildren(sup));
    const named = rows.toReversed().map(({ id, pid }) => {
      for (const [name, pids] of this.family.pids) {
        const index = pids.findIndex((one) => one === pid);
        if (index >= 0) return `${name}#${index + 1}`;
      }
      return `${id}:${pid === undefined ? 'down' : String(pid)}`;
    });
    return this.sorted(named);
  }

  /** Instances have no order. */
  private sorted(names: readonly string[]): string[] {
    return this.naive.isSimple ? names.toSorted() : [...names];
  }

  private generations(): Record<string, number> {
    return Object.fromEntries([...this.family.pids].map(([id, pids]) => [id, pids.length]));
  }
}

const told = (result: { readonly ok: true } | { readonly ok: false; readonly error: Reason }): string => {
  if (result.ok) return 'ok';
  return String(Array.isArray(result.error) ? result.error[0] : result.error);
};

describe.each(STRATEGIES)('a %s supervisor and a naive one', (strategy) => {
  it('agree on everything, whatever happens and however much at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        flagsOf(strategy),
        restart,
        fc.array(batch, { maxLength: 12 }),
        fc.nat(1000),
        async (flags, template, batches, seed) => {
          await inFamily(
            async (family) => {
              const pair = new Pair(family, flags, template);
              await pair.begin();
              const all = 'abcde'.split('').map((id, index): Command => {
                const restart = (['permanent', 'transient', 'temporary'] as const)[(seed + index) % 3] ?? 'permanent';
                return { type: 'start', id, restart, significant: index % 2 === 0 };
              });
              await pair.tell({ commands: all, advanceMs: 0 });
              for (const batch of batches) {
                if (pair.ended) return;
                await pair.tell(batch);
              }
            },
            { seeds: 1 },
          )();
        },
      ),
      { numRuns: 150 },
    );
  });
});
