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
});
