/**
 * What the runtime is measured with: the same work once through src/otp and once in raw nact.
 *
 * nact has no links, monitors, selective receive or supervision of OTP's kind; the comparison says
 * what those cost on top of the scheduler below them, or what batching saves.
 */
import * as nactModule from 'nact';
import {
  type Ask,
  type GenServer,
  genServer,
  noReply,
  type Pid,
  reply,
  Runtime,
  type Self,
  type ServerRef,
  spawn,
  started,
} from '../src/otp';

/** Some work that can be done again and again. */
export interface Workload {
  /** How many operations one run is. */
  readonly operations: number;
  run(): Promise<void>;
  /** Puts away what a run has left behind; not measured. */
  tidyUp?(): void;
}

/** The same work on both sides. */
export interface Contest {
  readonly what: string;
  readonly unit: string;
  readonly against: string;
  ours(): Promise<Workload> | Workload;
  yardstick(): Promise<Workload> | Workload;
}

const BURST = 10_000;
const CALLS = 1000;
const HOPS = 2000;
const SPAWNS = 5000;
const MANY = 100;

/** All contests, in the order of the table. */
export const CONTESTS: readonly Contest[] = [
  {
    what: 'one way to 1 process',
    unit: 'messages/s',
    against: 'nact dispatch',
    ours: () => sends(1),
    yardstick: () => dispatches(1),
  },
  {
    what: 'one way to 100 processes in turn',
    unit: 'messages/s',
    against: 'nact dispatch',
    ours: () => sends(MANY),
    yardstick: () => dispatches(MANY),
  },
  {
    what: 'cast to a gen_server',
    unit: 'messages/s',
    against: 'nact dispatch',
    ours: casts,
    yardstick: () => dispatches(1),
  },
  {
    what: 'call to a gen_server from outside',
    unit: 'round trips/s',
    against: 'nact query',
    ours: callsFromOutside,
    yardstick: queriesFromOutside,
  },
  {
    what: 'call to a gen_server from a process',
    unit: 'round trips/s',
    against: 'nact query in an actor',
    ours: callsFromInside,
    yardstick: queriesFromInside,
  },
  {
    what: 'token round a ring of 100 processes',
    unit: 'hops/s',
    against: 'nact dispatch',
    ours: ringOfProcesses,
    yardstick: ringOfActors,
  },
  {
    what: 'spawn a process that runs once',
    unit: 'processes/s',
    against: 'nact spawn, dispatch',
    ours: spawns,
    yardstick: actorSpawns,
  },
  {
    what: 'start a gen_server',
    unit: 'servers/s',
    against: 'nact spawn, dispatch',
    ours: serverStarts,
    yardstick: actorSpawns,
  },
];

/** Counts what has come, and settles when all that was sent is there. */
class Countdown {
  private left = 0;
  private finish = () => {};

  start(count: number): Promise<void> {
    this.left = count;
    return new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  readonly tick = (): void => {
    this.left -= 1;
    if (this.left === 0) this.finish();
  };
}

/** A server that counts. */
function ticking(tick: () => void): GenServer<undefined, number, Ask<'next', number>, 'tick'> {
  return {
    init: () => started(0),
    handleCall: (_next, _from, count) => reply(count, count + 1),
    handleCast: (_tick, count) => {
      tick();
      return noReply(count + 1);
    },
  };
}

async function startCounter(runtime: Runtime, tick: () => void = () => {}): Promise<Counter> {
  const result = await runtime.run(() => genServer.start(ticking(tick), undefined));
  if (result === 'ignore' || !result.ok) throw new Error('Cannot start a server');
  return result.value;
}

type Counter = ServerRef<Ask<'next', number>, 'tick'>;

// Ours

function sends(processes: number): Workload {
  const runtime = new Runtime();
  const countdown = new Countdown();
  const pids = Array.from({ length: processes }, () => spawn<'tick'>(runtime, (self) => self.serve(countdown.tick)));
  return {
    operations: BURST,
    run() {
      const finished = countdown.start(BURST);
      for (let count = 0; count < BURST; count += processes) {
        for (const pid of pids) runtime.send(pid, 'tick');
      }
      return finished;
    },
  };
}

async function casts(): Promise<Workload> {
  const runtime = new Runtime();
  const countdown = new Countdown();
  const server = await startCounter(runtime, countdown.tick);
  return {
    operations: BURST,
    run() {
      const finished = countdown.start(BURST);
      for (let count = 0; count < BURST; count += 1) genServer.cast(server, 'tick');
      return finished;
    },
  };
}

async function callsFromOutside(): Promise<Workload> {
  const runtime = new Runtime();
  const server = await startCounter(runtime);
  return {
    operations: CALLS,
    async run() {
      for (let count = 0; count < CALLS; count += 1) await runtime.run(() => genServer.call(server, { type: 'next' }));
    },
  };
}

async function callsFromInside(): Promise<Workload> {
  const runtime = new Runtime();
  const server = await startCounter(runtime);
  const callAll = async (self: Self, finish: () => void) => {
    for (let count = 0; count < CALLS; count += 1) await self.run(() => genServer.call(server, { type: 'next' }));
    finish();
  };
  return {
    operations: CALLS,
    run: () =>
      new Promise((resolve) => {
        spawn(runtime, (self) => callAll(self, resolve));
      }),
  };
}

function ringOfProcesses(): Workload {
  const runtime = new Runtime();
  let finish = () => {};
  const pids: Pid<number>[] = [];
  for (let index = 0; index < MANY; index += 1) {
    pids.push(
      spawn<number>(runtime, (self) =>
        self.serve((hops) => {
          const next = pids[(index + 1) % MANY];
          if (hops === 0) finish();
          else if (next) runtime.send(next, (hops as number) - 1);
        }),
      ),
    );
  }
  return {
    operations: HOPS,
    run: () =>
      new Promise((resolve) => {
        finish = resolve;
        const [first] = pids;
        if (first) runtime.send(first, HOPS);
      }),
  };
}

function spawns(): Workload {
  let runtime = new Runtime();
  const countdown = new Countdown();
  return {
    operations: SPAWNS,
    run() {
      const finished = countdown.start(SPAWNS);
      for (let count = 0; count < SPAWNS; count += 1) {
        spawn(runtime, (self) => {
          self.serve(() => {});
          countdown.tick();
        });
      }
      return finished;
    },
    tidyUp() {
      runtime.stop();
      runtime = new Runtime();
    },
  };
}

function serverStarts(): Workload {
  let runtime = new Runtime();
  return {
    operations: SPAWNS,
    async run() {
      await Promise.all(Array.from({ length: SPAWNS }, () => startCounter(runtime)));
    },
    tidyUp() {
      runtime.stop();
      runtime = new Runtime();
    },
  };
}

// nact's

declare const accepts: unique symbol;

interface Actor<in Message> {
  readonly [accepts]: (message: Message) => void;
}

type System = Actor<never>;

/** What is used of nact. Its own typings leave out a system's name, and their references are the empty type. */
interface Nact {
  start(options: { readonly name: string }): System;
  spawn<State, Message>(
    parent: System,
    handle: (state: State, message: Message) => State | Promise<State>,
    name: string,
    options?: { readonly initialState: State },
  ): Actor<Message>;
  dispatch<Message>(actor: Actor<Message>, message: Message): void;
  query<Message, Answer>(
    actor: Actor<Message>,
    ask: (asker: Actor<Answer>) => Message,
    timeoutMs: number,
  ): Promise<Answer>;
  stop(actor: Actor<never>): void;
}

const nact = nactModule as unknown as Nact;

interface Query {
  readonly asker: Actor<number>;
}

let systems = 0;

function newSystem(): System {
  systems += 1;
  return nact.start({ name: `bench-${systems}` });
}

function dispatches(actors: number): Workload {
  const system = newSystem();
  const countdown = new Countdown();
  const refs = Array.from({ length: actors }, (_none, index) =>
    nact.spawn(system, (_state: undefined, _message: 'tick') => countdown.tick() as undefined, `actor-${index}`),
  );
  return {
    operations: BURST,
    run() {
      const finished = countdown.start(BURST);
      for (let count = 0; count < BURST; count += actors) {
        for (const ref of refs) nact.dispatch(ref, 'tick');
      }
      return finished;
    },
  };
}

function counterActor(system: System): Actor<Query> {
  const answer = (count: number, { asker }: Query) => {
    nact.dispatch(asker, count);
    return count + 1;
  };
  return nact.spawn(system, answer, 'counter', { initialState: 0 });
}

const QUERY_TIMEOUT_MS = 5000;

const next = (actor: Actor<Query>): Promise<number> =>
  nact.query(actor, (asker: Actor<number>): Query => ({ asker }), QUERY_TIMEOUT_MS);

function queriesFromOutside(): Workload {
  const actor = counterActor(newSystem());
  return {
    operations: CALLS,
    async run() {
      for (let count = 0; count < CALLS; count += 1) await next(actor);
    },
  };
}

function queriesFromInside(): Workload {
  const system = newSystem();
  const actor = counterActor(system);
  let finish = () => {};
  const askAll = async (_state: undefined, _message: 'go') => {
    for (let count = 0; count < CALLS; count += 1) await next(actor);
    finish();
  };
  const asker = nact.spawn(system, askAll as (state: undefined, message: 'go') => Promise<undefined>, 'asker');
  return {
    operations: CALLS,
    run: () =>
      new Promise((resolve) => {
        finish = resolve;
        nact.dispatch(asker, 'go');
      }),
  };
}

function ringOfActors(): Workload {
  const system = newSystem();
  let finish = () => {};
  const refs: Actor<number>[] = [];
  const pass = (index: number) => (_state: undefined, hops: number) => {
    const following = refs[(index + 1) % MANY];
    if (hops === 0) finish();
    else if (following) nact.dispatch(following, hops - 1);
    return undefined;
  };
  for (let index = 0; index < MANY; index += 1) refs.push(nact.spawn(system, pass(index), `actor-${index}`));
  return {
    operations: HOPS,
    run: () =>
      new Promise((resolve) => {
        finish = resolve;
        const [first] = refs;
        if (first) nact.dispatch(first, HOPS);
      }),
  };
}

function actorSpawns(): Workload {
  let system = newSystem();
  const countdown = new Countdown();
  return {
    operations: SPAWNS,
    run() {
      const finished = countdown.start(SPAWNS);
      for (let count = 0; count < SPAWNS; count += 1) {
        const tick = (_state: undefined, _message: 'tick') => countdown.tick() as undefined;
        nact.dispatch(nact.spawn(system, tick, `actor-${count}`), 'tick');
      }
      return finished;
    },
    tidyUp() {
      nact.stop(system);
      system = newSystem();
    },
  };
}

// Idle processes

/** Kinds of idle processes whose memory is measured. */
export type IdleKind = 'process' | 'gen_server' | 'nact actor';

/** Makes so many of a kind; the answer keeps them alive. */
export async function makeIdle(kind: IdleKind, count: number): Promise<unknown> {
  if (kind === 'nact actor') {
    const system = newSystem();
    const refs = Array.from({ length: count }, (_none, index) =>
      nact.spawn(system, (state: undefined, _message: 'tick') => state, `actor-${index}`),
    );
    return [system, refs];
  }
  const runtime = new Runtime();
  if (kind === 'process') {
    for (let index = 0; index < count; index += 1) spawn(runtime, (self) => self.serve(() => {}));
  } else {
    const callbacks = ticking(() => {});
    for (let index = 0; index < count; index += 1) await runtime.run(() => genServer.start(callbacks, undefined));
  }
  return runtime;
}
