/**
 * What the compiler refuses: each line that must not compile says so, and is one that did not run. A
 * line that compiles after all is an error of its own.
 */
import {
  type AnswerOf,
  type AnyAsk,
  answerTo,
  type Ask,
  type GenServer,
  genServer,
  nameOf,
  noReply,
  type Pid,
  reply,
  type ServerRef,
  serverNamed,
  type StartResult,
  started,
  supervisor,
} from '../../src/otp';

type Find = Ask<'find', string | undefined, { readonly key: string }>;
type Call = Find | Ask<'count', number>;
type Cast = 'reset';

/** Takes code that is only compiled. */
const compiled = (_never: () => unknown): void => {};

/** Whether two types are the same. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;

describe('a pid that says nothing of what it understands', () => {
  it('takes no call and no cast; a server and its name do', () => {
    compiled(async () => {
      const plain = {} as Pid;
      // @ts-expect-error a plain pid
      await genServer.call(plain, { type: 'count' });
      // @ts-expect-error a plain pid
      genServer.cast(plain, 'reset');
      // @ts-expect-error a name of which only the messages are known
      genServer.cast(nameOf<string>('server'), 'reset');
      const known = {} as ServerRef<Call, Cast>;
      const count: number = await genServer.call(known, { type: 'count' });
      genServer.cast(known, 'reset');
      genServer.cast(serverNamed<Call, Cast>('server'), 'reset');
      // @ts-expect-error an unknown request
      await genServer.call(known, { type: 'sum' });
      // @ts-expect-error an unknown cast
      genServer.cast(known, 'restart');
      return count;
    });
    expect(serverNamed('server')).toBe('server');
  });

  it('is good enough for a supervisor, as starts and trees give it', () => {
    compiled(async () => {
      const result = {} as StartResult;
      if (result === 'ignore' || !result.ok) return [];
      const counts: supervisor.ChildCounts = await supervisor.countChildren(result.value);
      return [counts, await supervisor.whichChildren(nameOf('a-sup'))];
    });
  });
});

describe('an answer', () => {
  it('may be undefined', () => {
    const same: Same<AnswerOf<Find>, string | undefined> = true;
    const never: Same<AnswerOf<Ask<'stop', never>>, never> = true;
    const any: Find extends AnyAsk ? true : false = true;
    expect([same, never, any]).toEqual([true, true, true]);
  });

  it('is checked against its own request by answerTo(), against all of them by reply()', () => {
    const server: GenServer<undefined, number, Call> = {
      init: () => started(0),
      handleCall(request, _from, state) {
        switch (request.type) {
          case 'find':
            return answerTo(request, undefined, state);
          case 'count':
            // @ts-expect-error the answer to another request
            if (state > 1) return answerTo(request, 'many', state);
            return reply(state, state);
        }
      },
    };
    const wrong: GenServer<undefined, number, Call> = {
      init: () => started(0),
      // @ts-expect-error the answer to no request
      handleCall: (_request, _from, state) => reply(true, state),
    };
    expect([server, wrong].map(Object.keys)).toEqual([
      ['init', 'handleCall'],
      ['init', 'handleCall'],
    ]);
  });
});

describe('a server', () => {
  it('that can be called has handleCall, one that takes casts handleCast', () => {
    const silent: GenServer<undefined, number> = { init: () => started(0) };
    // @ts-expect-error no handleCall
    const deaf: GenServer<undefined, number, Call> = { init: () => started(0) };
    // @ts-expect-error no handleCast
    const blind: GenServer<undefined, number, never, Cast> = { init: () => started(0) };
    const whole: GenServer<undefined, number, Call, Cast> = {
      init: () => started(0),
      handleCall: (_request, _from, state) => reply(state, state),
      handleCast: () => noReply(0),
    };
    expect([silent, deaf, blind, whole]).toHaveLength(4);
  });

  it('that is written where it is started takes what its callbacks take', () => {
    compiled(async () => {
      const result = await genServer.start({ init: () => started(0) }, undefined);
      if (result === 'ignore' || !result.ok) return;
      // @ts-expect-error it has no handleCast
      genServer.cast(result.value, 'reset');
    });
  });
});
