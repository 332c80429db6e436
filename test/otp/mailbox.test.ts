/** The mailbox against a plain array, which is slow and obviously right. */
import * as fc from 'fast-check';
import { Mailbox } from '../../src/otp/mailbox';

type Step =
  | { readonly type: 'push'; readonly count: number }
  | { readonly type: 'shift'; readonly count: number }
  | { readonly type: 'take' | 'at'; readonly where: number }
  | { readonly type: 'discard'; readonly divisor: number }
  | { readonly type: 'clear' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('push' as const), count: fc.nat({ max: 3000 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('shift' as const), count: fc.nat({ max: 3000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom('take' as const, 'at' as const),
      where: fc.double({ min: 0, max: 0.99, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('discard' as const), divisor: fc.integer({ min: 2, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'clear' as const }) },
);

describe('Mailbox', () => {
  it('Mailbox behaves as an array does, whatever is done to it (property)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const mailbox = new Mailbox();
        let array: unknown[] = [];
        let next = 0;
        for (const current of steps) {
          switch (current.type) {
            case 'push':
              for (let count = 0; count < current.count; count += 1) {
                next += 1;
                mailbox.push(next);
                array.push(next);
              }
              break;
            case 'shift':
              for (let count = 0; count < current.count && array.length > 0; count += 1) {
                expect(mailbox.shift()).toBe(array[count]);
                if (count === current.count - 1 || count === array.length - 1) {
                  array = array.slice(count + 1);
                  break;
                }
              }
              break;
            case 'take':
            case 'at': {
              const position = Math.floor(current.where * array.length);
              if (array.length === 0) break;
              expect(mailbox.at(position)).toBe(array[position]);
              if (current.type === 'take') expect(mailbox.take(position)).toBe(array.splice(position, 1)[0]);
              break;
            }
            case 'discard': {
              const drop = (message: unknown) => Number(message) % current.divisor === 0;
              const kept = array.filter((message) => !drop(message));
              expect(mailbox.discard(drop)).toBe(array.length - kept.length);
              array = kept;
              break;
            }
            case 'clear':
              mailbox.clear();
              array = [];
          }
          expect(mailbox.length).toBe(array.length);
        }
        expect(mailbox.toArray()).toEqual(array);
      }),
      { numRuns: 20 },
    );
  });

  it('Mailbox holds falsy messages like any other', () => {
    const mailbox = new Mailbox();
    const falsy = [undefined, null, 0, '', false];
    for (const message of falsy) mailbox.push(message);
    expect(mailbox.length).toBe(5);
    expect(falsy.map(() => mailbox.shift())).toEqual(falsy);
    expect(mailbox.length).toBe(0);
  });

  it('Mailbox lets go of what was taken', () => {
    const mailbox = new Mailbox();
    const slots = () => (mailbox as unknown as { items: unknown[] }).items.length;
    for (let count = 0; count < 100_000; count += 1) {
      mailbox.push(count);
      if (count > 10) mailbox.shift();
    }
    expect(mailbox.length).toBe(11);
    expect(slots()).toBeLessThan(5000);
  });
});
