/** The children of a supervisor keep their order and are found by id and by pid. */
import { checkChildSpec } from '../../src/otp/child-spec';
import { Pid } from '../../src/otp';
import { Child, Children } from '../../src/otp/supervisor-children';

let pids = 0;
const newPid = () => new Pid((pids += 1));

function newChild(id: string, restart = 'permanent', args?: readonly unknown[]): Child {
  const spec = checkChildSpec({ id, restart, start: () => 'ignore' }, 'never');
  if (!spec.ok) throw new Error('Expected a specification');
  return new Child(spec.value, args);
}

const ids = (children: readonly Child[]) => children.map(({ spec }) => spec.id).join('');

describe('Children', () => {
  it('keeps them in the order in which they were added, whatever happens to their pids', () => {
    const children = new Children(false);
    const [a, b, c] = [newChild('a'), newChild('b'), newChild('c')];
    for (const child of [a, b, c]) children.add(child);
    children.setPid(b, newPid());
    children.setPid(a, newPid());
    children.setPid(b, undefined);
    expect(ids(children.list())).toBe('abc');
    expect(ids(children.from(b))).toBe('bc');
    children.remove(a);
    children.add(a);
    expect(ids(children.list())).toBe('bca');
    expect(ids(children.from(c))).toBe('ca');
    expect(children.size).toBe(3);
  });

  it('finds a child by id, and by the pid that it has now', () => {
    const children = new Children(false);
    const child = newChild('a');
    const [first, second] = [newPid(), newPid()];
    children.add(child);
    children.setPid(child, first);
    expect(children.find('a')).toBe(child);
    expect(children.findByPid(first)).toBe(child);
    children.setPid(child, second);
    expect(children.findByPid(first)).toBe(undefined);
    expect(children.findByPid(second)).toBe(child);
    children.setPid(child, undefined);
    expect(children.findByPid(second)).toBe(undefined);
    expect(child.pid).toBe(undefined);
  });

  it('finds a child that is restarting by the pid that it had, until it has another, none, or is gone', () => {
    for (const next of [newPid(), undefined, 'removed'] as const) {
      const children = new Children(true);
      const child = newChild('a');
      const last = newPid();
      children.add(child);
      children.setPid(child, last);
      children.setPid(child, 'restarting');
      expect(children.findByPid(last)).toBe(child);
      if (next === 'removed') children.remove(child);
      else children.setPid(child, next);
      expect(children.findByPid(last)).toBe(undefined);
    }
  });

  it('takes two instances of one specification apart, and a successor from its predecessor', () => {
    const simple = new Children(true);
    const [one, two] = [newChild('x'), newChild('x')];
    simple.add(one);
    simple.add(two);
    expect(simple.size).toBe(2);
    simple.remove(one);
    expect([simple.has(one), simple.has(two)]).toEqual([false, true]);
    const children = new Children(false);
    children.add(one);
    children.remove(one);
    children.add(two);
    expect([children.has(one), children.has(two)]).toEqual([false, true]);
  });
});

describe('Child', () => {
  it.each([
    ['permanent', [1]],
    ['transient', [1]],
    ['temporary', []],
  ])('%s: what it was started with is %j once it runs', (restart, args) => {
    const child = newChild('a', restart, [1]);
    child.dropArgs();
    expect(child.args).toEqual(args);
  });
});
