/**
 * The demo of phase 4 holds, and each of its checks notices when something does not: demos/phase4.ts. Its nodes are
 * processes of the compiled program; `make test` compiles it first.
 */
import { copiesProblem, copiesText, locationProblem } from '../../demos/copies';
import { foundProblem, refusedProblem, run, wrongValue } from '../../demos/phase4';
import { unsettledProblem } from '../../demos/ring-under-show';
import type { KeyInfo, LocateInfo } from '../../src/admin/replica-answers';
import { walkRing } from '../../src/admin/ring-walk';
import { keyId } from '../../src/chord/id';
import type { ClientError } from '../../src/client';
import { fromUtf8 } from '../../src/octets';
import { err, ok } from '../../src/result';
import { countsIn, ShownRing } from '../support/shown-ring';
import { PATIENCE, shown } from './shown';

test('run() shows what it claims', async () => {
  const lines = await shown((out) => run(out, undefined, PATIENCE));
  expect(lines.filter((line) => line.includes('does not find it'))).toHaveLength(6);
}, 180_000);

const failed = (code: ClientError['code']) => err({ code, message: 'Cannot do it', definite: true });

test('the checks of answers notice a wrong value, a missing one, and one that should not be', () => {
  expect(wrongValue(ok(Buffer.from('1')), '1')).toBeUndefined();
  expect(wrongValue(ok(Buffer.from('1')), '2')).toBe('the value is "1", not "2"');
  expect(wrongValue(failed('not_found'), '2')).toBe('Cannot do it');
  expect(foundProblem(failed('not_found'))).toBeUndefined();
  expect(foundProblem(failed('timeout'))).toBe('Cannot do it');
  expect(foundProblem(ok(Buffer.from('1')))).toBe('it is there, as "1"');
});

test('refusedProblem() wants a request to be refused, or not answered', () => {
  for (const code of ['timeout', 'server_error', 'not_responsible'] as const) {
    expect(refusedProblem(failed(code), true)).toBeUndefined();
  }
  expect(refusedProblem(ok(undefined), true)).toBe('it was');
  expect(refusedProblem(failed('not_found'), false)).toBe('it was answered with: Cannot do it');
});

describe('copies', () => {
  const id = keyId(fromUtf8('k'));
  const copy: KeyInfo = { key: 'k', id, version: '01', ms: 1, kind: 'value', bytes: 2, role: 'replica' };
  const of = (...copies: readonly KeyInfo[]) => new Map([[id, copies]]);

  test('copiesProblem() notices one too few, one too many, and one of another version or kind', () => {
    expect(copiesProblem(of(copy, copy), ['k'], 2)).toBeUndefined();
    expect(copiesProblem(of(copy), ['k'], 2)).toBe(
      '1 keys do not have 2 equal copies; the first, "k", has 1 of 1 versions',
    );
    expect(copiesProblem(of(copy, copy, copy), ['k'], 2)).toContain('has 3 of 1 versions');
    expect(copiesProblem(of(copy, { ...copy, version: '02' }), ['k'], 2)).toContain('has 2 of 2 versions');
    expect(copiesProblem(of(copy, { ...copy, kind: 'tombstone' }), ['k'], 2)).toContain('"k"');
    expect(copiesProblem(new Map(), ['k'], 2)).toContain('has 0 of 0 versions');
  });

  test('copiesText() counts keys by their copies', () => {
    expect(copiesText(of(copy, copy), ['k', 'l'])).toBe('1 keys with 0 copies, 1 keys with 2 copies');
  });

  test('locationProblem() notices a copy that is missing, silent, another, or of the wrong kind', () => {
    const at = {
      id: '',
      addr: '',
      role: 'voter',
      state: 'answered',
      kind: 'value',
      version: null,
      bytes: null,
    } as const;
    const located: LocateInfo = {
      key64: '',
      keyId: id,
      arc: { lo: id, hi: id },
      epoch: { n: 1, by: '1' },
      copies: [at, at],
      agreed: true,
    };
    expect(locationProblem(located, 2, 'value')).toBeUndefined();
    expect(locationProblem(located, 2, 'tombstone')).toBe('its copies are: value, value');
    expect(locationProblem(located, 3, 'value')).toBe('its copies are: value, value');
    expect(locationProblem({ ...located, agreed: false }, 2, 'value')).toContain('not all the same');
    const silent = { ...at, state: 'silent', kind: null } as const;
    expect(locationProblem({ ...located, copies: [at, silent], agreed: false }, 2, 'value')).toContain('value, silent');
  });
});

test('unsettledProblem() notices who leads another arc than its own, and what is kept by too few or not yet', async () => {
  const ring = new ShownRing(4);
  const look = async () => {
    const seen = await walkRing(ring.viewFrom(0));
    return seen && unsettledProblem(seen, 3);
  };
  expect(await look()).toBeUndefined();
  const counts = countsIn(4, 1);
  for (const copies of [
    { ...counts, least: 2 },
    { ...counts, learner: 1 },
    { ...counts, unsettled: 1 },
    { ...counts, newcomers: 1 },
    { ...counts, fetching: 1 },
  ]) {
    ring.bend(1, { copies });
    expect(await look()).toContain(ring.at(1).addr);
  }
  ring.bend(1, { copies: counts, arcs: [{ lo: ring.at(3).id, hi: ring.at(1).id }] });
  expect(await look()).toContain(ring.at(1).addr);
});
