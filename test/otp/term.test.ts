/** Terms: equality by structure, and how they are shown. */
import * as fc from 'fast-check';
import { equalTerms, Exit, formatTerm, isExpectedExit, Pid, Reference } from '../../src/otp';
import { reasonOf } from '../../src/otp/errors';

const term = fc.letrec<{ term: unknown }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constantFrom(null, undefined, Number.NaN, 0)),
    fc.array(tie('term'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('term'), { maxKeys: 4 }),
  ),
})).term;

/** Something within something, `depth` times. */
function nest(depth: number, bottom: unknown, around: (inner: unknown) => unknown): unknown {
  let term = bottom;
  for (let level = 0; level < depth; level += 1) term = around(term);
  return term;
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, copyOf(field)]));
}

describe('equalTerms()', () => {
  it('equalTerms() holds between a term and its copy, and is symmetric (property)', () => {
    fc.assert(
      fc.property(term, term, (a, b) => {
        expect(equalTerms(a, copyOf(a))).toBe(true);
        expect(equalTerms(a, b)).toBe(equalTerms(b, a));
      }),
    );
  });

  it('equalTerms() tells apart what differs in kind, length, key or value', () => {
    const different: [unknown, unknown][] = [
      ['normal', ['normal']],
      [['a'], ['a', undefined]],
      [{ a: 1 }, { b: 1 }],
      [{ a: undefined }, { b: undefined }],
      [{ a: 1 }, { a: 1, b: 2 }],
      [['a'], { 0: 'a' }],
      [[], {}],
      [null, undefined],
      [null, {}],
      [0, '0'],
      [0, false],
      [new Error('a'), new Error('b')],
      [new Error('a'), new TypeError('a')],
      [new Error('a'), { name: 'Error', message: 'a' }],
      [new Pid(1), new Pid(1)],
      [new Reference(), new Reference()],
      [new Map(), new Map()],
    ];
    for (const [a, b] of different) {
      expect([a, b, equalTerms(a, b), equalTerms(b, a)]).toEqual([a, b, false, false]);
    }
  });

  it('equalTerms() takes errors by name and message, and 0 for 0 whatever its sign', () => {
    expect(equalTerms(new Error('a'), new Error('a'))).toBe(true);
    expect(equalTerms(['x', new TypeError('a')], ['x', new TypeError('a')])).toBe(true);
    expect(equalTerms([0], [-0])).toBe(true);
    expect(equalTerms(Number.NaN, Number.NaN)).toBe(true);
  });

  it('equalTerms() has an answer for cyclic terms, for very deep ones and for those that are shared a lot', () => {
    const ring = (value: unknown) => {
      const cyclic: unknown[] = [value];
      cyclic.push(cyclic, { cyclic });
      return cyclic;
    };
    expect(equalTerms(ring(1), ring(1))).toBe(true);
    expect(equalTerms(ring(1), ring(2))).toBe(false);
    const nested = (bottom: unknown) => nest(100_000, bottom, (inner) => [inner]);
    expect(equalTerms(nested(1), nested(1))).toBe(true);
    expect(equalTerms(nested(1), nested(2))).toBe(false);
    const shared = (bottom: unknown) => nest(100, bottom, (inner) => [inner, inner]);
    expect(equalTerms(shared(1), shared(1))).toBe(true);
    expect(equalTerms(shared(1), shared(2))).toBe(false);
  });
});

describe('reasons', () => {
  it('isExpectedExit() holds for normal, shutdown and a shutdown with a reason', () => {
    for (const reason of ['normal', 'shutdown', ['shutdown', 'why']]) expect(isExpectedExit(reason)).toBe(true);
    for (const reason of ['killed', 'kill', ['shutdown'], ['shutdown', 1, 2], undefined, new Error('normal')]) {
      expect(isExpectedExit(reason)).toBe(false);
    }
  });

  it('reasonOf() unwraps an exit, keeps an error, and marks anything else as not caught', () => {
    const error = new Error('broken');
    expect([reasonOf(new Exit(['a', 1])), reasonOf(error), reasonOf('ball')]).toEqual([
      ['a', 1],
      error,
      ['nocatch', 'ball'],
    ]);
  });

  it('formatTerm() shows atoms bare, tuples in braces and errors without their stack', () => {
    expect(formatTerm(['shutdown', ['failed', 7, null], new TypeError('no')])).toBe(
      '{shutdown,{failed,7,null},TypeError: no}',
    );
    expect(formatTerm({ deep: { er: [1] } })).toBe('{ deep: { er: [ 1 ] } }');
  });

  it('formatTerm() has a short answer for whatever cannot be shown, and shows the rest', () => {
    const cyclic: unknown[] = ['a'];
    cyclic.push(cyclic);
    const mute = new (class Mute {
      toString() {
        throw new Error('mute');
      }
    })();
    const silent = Object.assign(new Error('x'), { message: Symbol('silent') });
    const bare = Object.assign(new Error('x'), { message: Object.create(null) as string });
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const terms = [cyclic, nest(20_000, 'x', (inner) => [inner]), mute, silent, bare, revoked.proxy];
    for (const term of terms) expect(formatTerm(['down', term, 'after'])).toMatch(/^\{down,.{1,400},after\}$/);
    expect(formatTerm(silent)).toBe('Error: Symbol(silent)');
    expect(formatTerm(mute)).toBe('[unprintable]');
  });

  it('formatTerm() takes no words from data: a field "toString" is a field', () => {
    expect(formatTerm(JSON.parse('{"toString":"x"}'))).toBe("{ toString: 'x' }");
    const data = {
      toString: () => 'words of data',
      get now() {
        throw new Error('no getter is run');
      },
    };
    expect(formatTerm(data)).toBe('{ toString: [Function: toString], now: [Getter] }');
    expect(formatTerm(new Pid(7))).toBe('<0.7.0>');
  });

  it('formatTerm() is short however long, wide, deep or bushy the term is', () => {
    const long = 'x'.repeat(1_000_000);
    const wide = Array.from({ length: 100_000 }, (_, index) => index);
    const bushy = nest(40, 'x', (inner) => Array.from({ length: 15 }, () => inner));
    const keys = Object.fromEntries(wide.map((index) => [`${long.slice(0, 300)}${index}`, long]));
    for (const term of [long, wide, bushy, keys, new Error(long), [[long, wide], bushy], new Map([[long, long]])]) {
      expect(formatTerm(term).length).toBeLessThan(4100);
      expect(formatTerm({ field: term }).length).toBeLessThan(4100);
    }
    expect(formatTerm('x'.repeat(203))).toBe(`${'x'.repeat(200)}... 3 more characters`);
    expect(formatTerm(wide)).toMatch(/^\{0,1,2,.*,19,\.\.\. 99980 more\}$/);
    expect(formatTerm(['a', { list: wide }])).toMatch(/ 19, \.\.\. 99980 more \]/);
  });

  it('formatTerm() never shows bytes, and of calls and bad returns the type only', () => {
    const secret = Buffer.from('SECRET');
    expect(formatTerm(secret)).toBe('[6 bytes]');
    expect(formatTerm({ value: new Uint16Array(3), raw: new ArrayBuffer(5) })).toBe(
      '{ value: [6 bytes], raw: [5 bytes] }',
    );
    const request = { type: 'put', key: 'SECRET', value: secret };
    expect(formatTerm(['timeout', ['gen_server', 'call', [new Pid(1), request, 10]]])).toBe(
      '{timeout,{gen_server,call,{<0.1.0>,put,10}}}',
    );
    expect(formatTerm(['noproc', ['gen_server', 'call', ['kv', { key: 'SECRET' }]]])).toBe(
      '{noproc,{gen_server,call,{kv,...}}}',
    );
    expect(formatTerm(['bad_return_value', { type: 'reply', state: 'SECRET' }])).toBe('{bad_return_value,reply}');
    expect(formatTerm(['bad_return_value', 'oops'])).toBe('{bad_return_value,oops}');
  });

  it('Exit makes its message when it is read, from any reason', () => {
    const cyclic: unknown[] = [];
    const exit = new Exit(cyclic);
    cyclic.push('around', exit, exit);
    expect(exit.message).toBe('Exit with reason {around,Exit: Exit,Exit: Exit}');
    expect(exit.stack).toContain('Exit with reason');
    let inner = new Exit('bottom');
    for (let level = 0; level < 20_000; level += 1) inner = new Exit(['up', inner]);
    expect(inner.message.length).toBeLessThan(4100);
    expect(new Exit(JSON.parse('{"toString":"x"}')).message).toBe("Exit with reason { toString: 'x' }");
  });
});
