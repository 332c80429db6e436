/** To how many others a node gives whole arcs at a time: as its connections ask it, and its replica syncer keeps it. */
import * as outflowTable from '../../actors/outflow-table';
import { answerReplica } from '../../actors/peer-requests';
import type { Peer } from '../../src/chord/peer';
import type { Pid, Self } from '../../src/otp';
import { CHUNK_BYTES } from '../../src/protocol/rpc-sync';
import { HybridClock } from '../../src/replication/hybrid-clock';
import type { View } from '../../src/replication/view';
import type { Views } from '../../src/replication/views';
import { inWorld, type World } from '../support/runtime';
import {
  MEMBER,
  NOW_MS,
  peer,
  recordOf,
  SOURCE,
  SOURCE_WRITER,
  STRANGER,
  tableOf,
  VIEW,
  viewsOf,
  WHOLE,
} from '../replication/replicas';

const LAST = peer(4);
const FOUR: View = { ...VIEW, members: [SOURCE, MEMBER, STRANGER, LAST], voters: [SOURCE.id] };
const NEWER = { n: 9, by: LAST.inc };

/** SOURCE, which is asked for more of an arc. */
class Stage {
  private readonly cursors = new Map<string, string | undefined>();

  constructor(
    private readonly self: Self<unknown>,
    private readonly count: number,
    private readonly views: Views = viewsOf(SOURCE, [FOUR]),
  ) {}

  /** The next chunk, behind the last one that this peer has got. */
  ask(from: Peer, epoch = FOUR.epoch): string {
    const table = tableOf(Array.from({ length: this.count }, (_none, n) => recordOf(n, { value: 'v' })));
    const tables = {
      store: () => ({ table, clock: new HybridClock(SOURCE_WRITER) }),
      arcs: () => ({ views: this.views, beatMs: 0 }),
    };
    const after = this.cursors.get(from.id) as never;
    const question = { type: 'sync_next', arc: WHOLE, epoch, after, bytesMax: CHUNK_BYTES } as const;
    const answer = this.self.run(() => answerReplica(question, from, tables, NOW_MS));
    if (answer?.type !== 'chunk') return answer?.type ?? 'nothing';
    this.cursors.set(from.id, answer.after);
    return answer.after === undefined ? 'last' : 'chunk';
  }
}

/** A process that owns the table, in whose name all is asked. */
async function selfIn(world: World): Promise<Self<unknown>> {
  let found: Self<unknown> | undefined;
  world.spawn((self) => {
    self.run(() => outflowTable.create());
    found = self;
    self.serve(() => {});
  });
  await world.idle();
  if (found === undefined) throw new Error('It has not been started');
  return found;
}

const inProcess = (body: (self: Self<unknown>, world: World) => Promise<void> | void) =>
  inWorld(async (world) => body(await selfIn(world), world), { leaves: 1 });

describe('a source', () => {
  it(
    'gives whole arcs to two at a time, and to the third as soon as one has everything',
    inProcess((self) => {
      const stage = new Stage(self, 600);
      expect([MEMBER, STRANGER, LAST].map((each) => stage.ask(each))).toEqual(['chunk', 'chunk', 'busy']);
      expect([MEMBER, LAST, MEMBER, LAST].map((each) => stage.ask(each))).toEqual(['chunk', 'busy', 'last', 'chunk']);
    }),
  );

  it(
    'waits for nobody who does not come back',
    inProcess(async (self, world) => {
      const stage = new Stage(self, 600);
      expect([MEMBER, STRANGER, LAST].map((each) => stage.ask(each))).toEqual(['chunk', 'chunk', 'busy']);
      await world.advance(2001);
      expect(stage.ask(LAST)).toBe('chunk');
    }),
  );

  it(
    'gives what is given at once to everybody, and what has to be saved',
    inProcess((self) => {
      const small = new Stage(self, 200);
      expect([MEMBER, STRANGER, LAST].map((each) => small.ask(each))).toEqual(['last', 'last', 'last']);
      const stage = new Stage(self, 600);
      expect([MEMBER, STRANGER].map((each) => stage.ask(each))).toEqual(['chunk', 'chunk']);
      const views = viewsOf(SOURCE, [FOUR]);
      const sealed = { ...views, holdings: views.holdings.map((holding) => ({ ...holding, promised: NEWER })) };
      expect(new Stage(self, 600, sealed).ask(LAST, NEWER)).toBe('chunk');
    }),
  );

  it(
    'counts nobody whom it gives nothing',
    inProcess((self) => {
      const stage = new Stage(self, 600);
      expect([peer(7), peer(8)].map((each) => stage.ask(each))).toEqual(['stale', 'stale']);
      expect([MEMBER, STRANGER].map((each) => stage.ask(each))).toEqual(['chunk', 'chunk']);
    }),
  );

  it(
    'gives to everybody while nobody keeps count',
    inWorld(
      async (world) => {
        let found: Self<unknown> | undefined;
        const pid: Pid<unknown> = world.spawn((self) => {
          found = self;
          self.serve(() => {});
        });
        await world.idle();
        if (found === undefined) throw new Error(`${String(pid)} has not been started`);
        const stage = new Stage(found, 600);
        expect([MEMBER, STRANGER, LAST].map((each) => stage.ask(each))).toEqual(['chunk', 'chunk', 'chunk']);
      },
      { leaves: 1 },
    ),
  );
});
