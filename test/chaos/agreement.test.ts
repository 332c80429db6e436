/** Agreement: what of eventual writes may be gone in the end, and what may not. */
import { type Losses, problemOf } from '../../chaos/agreement';
import type { Operation } from '../../chaos/history';
import { found, foundNothing, put, refused, unknown } from './played-register';

const NOTHING: Losses = { areAllowed: false, clockErrorMs: 10 };
const MEMORY: Losses = { ...NOTHING, areAllowed: true };
const everywhere = (read: Operation) => ['n1', 'n2', 'n3'].map((node) => ({ ...read, node }));
const gone = everywhere(foundNothing(900, 901));
const all = (value: string) => everywhere(found(value, 900, 901));

describe('problemOf()', () => {
  it.each<[string, readonly Operation[], readonly Operation[], Losses]>([
    ['a value that all nodes have', [put('a', 1, 2)], all('a'), NOTHING],
    ['a later value in the place of an earlier one', [put('a', 1, 2), put('b', 3, 4)], all('b'), NOTHING],
    ['an earlier value within the error of clocks', [put('a', 1, 2), put('b', 8, 9)], all('a'), NOTHING],
    ['either of two values that were put at a time', [put('a', 1, 90), put('b', 50, 60)], all('a'), NOTHING],
    ['an earlier value whose put has no known end', [unknown(put('a', 1, 2)), put('b', 80, 90)], all('a'), NOTHING],
    ['nothing where nothing was acknowledged', [unknown(put('a', 1, 2)), refused(put('b', 3, 4))], gone, NOTHING],
    ['nothing where a node has lost its memory', [put('a', 1, 2)], gone, MEMORY],
    ['an earlier value where a node has lost its memory', [put('a', 1, 2), put('b', 80, 90)], all('a'), MEMORY],
  ])('takes %s', (_name, operations, reads, losses) => {
    expect(problemOf('k', operations, reads, losses)).toBeUndefined();
  });

  it.each<[string, readonly Operation[], readonly Operation[], string]>([
    ['nothing in the place of what was acknowledged', [put('a', 1, 2)], gone, 'k has lost the acknowledged'],
    ['an earlier value', [put('a', 1, 2), put('b', 80, 90)], all('a'), 'k has lost the acknowledged eventual put of b'],
    ['different answers', [put('a', 1, 2), put('b', 1, 2)], [...all('a'), ...all('b')], 'nodes do not agree on k'],
    ['a value of nobody', [put('a', 1, 2)], all('x'), 'k has a value that nobody has put'],
    ['a value that was refused', [refused(put('a', 1, 2))], all('a'), 'k has a value whose put was refused'],
    ['no answer', [put('a', 1, 2)], everywhere(refused(found('a', 9, 9))), 'nodes do not agree on k'],
  ])('does not take %s', (_name, operations, reads, problem) => {
    expect(problemOf('k', operations, reads, NOTHING)).toMatch(problem);
  });

  it.each<[string, readonly Operation[], string]>([
    ['different answers', [...all('a'), ...all('b')], 'nodes do not agree on k'],
    ['a value of nobody', all('x'), 'k has a value that nobody has put'],
  ])('does not take %s either where a node has lost its memory', (_name, reads, problem) => {
    expect(problemOf('k', [put('a', 1, 2), put('b', 1, 2)], reads, MEMORY)).toMatch(problem);
  });
});
