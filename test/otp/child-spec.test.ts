/** Flags and child specifications: their defaults, and the complaint about each that cannot be used. */
import { type AutoShutdown, checkChildSpec, checkChildSpecs, checkFlags } from '../../src/otp/child-spec';

const start = () => 'ignore' as const;
const complaint = (error: unknown) => ({ ok: false, error });
const check = (spec: unknown, autoShutdown: AutoShutdown = 'never') => checkChildSpec(spec, autoShutdown);

describe('checkFlags()', () => {
  it('fills in the defaults', () => {
    expect(checkFlags({})).toEqual({
      ok: true,
      value: { strategy: 'one_for_one', intensity: 1, periodMs: 5000, autoShutdown: 'never' },
    });
  });

  it.each([0, 1, Number.MAX_SAFE_INTEGER])('accepts an intensity of %d', (intensity) => {
    expect(checkFlags({ intensity })).toMatchObject({ ok: true, value: { intensity } });
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', 2 ** 53])('refuses an intensity of %p', (intensity) => {
    expect(checkFlags({ intensity })).toEqual(complaint(['invalid_intensity', intensity]));
  });

  it.each([0, -1000, 999, 1001, Number.POSITIVE_INFINITY, '1000'])('refuses a period of %p ms', (periodMs) => {
    expect(checkFlags({ periodMs })).toEqual(complaint(['invalid_period', periodMs]));
  });

  it.each([null, 'flags', 7, [], ['one_for_one', 1, 5]])('refuses %p in place of the flags', (given) => {
    expect(checkFlags(given)).toEqual(complaint(['invalid_type', given]));
  });

  it.each(['any_significant', 'all_significant'])('refuses %s for simple_one_for_one', (autoShutdown) => {
    const strategy = 'simple_one_for_one';
    const combination = [
      ['auto_shutdown', autoShutdown],
      ['strategy', strategy],
    ];
    expect(checkFlags({ strategy, autoShutdown })).toEqual(complaint(['bad_combination', combination]));
  });

  it('names the first of several mistakes', () => {
    expect(checkFlags({ strategy: 's', intensity: -1, periodMs: 0 })).toEqual(complaint(['invalid_strategy', 's']));
    expect(checkFlags({ autoShutdown: 'a', intensity: -1, periodMs: 0 })).toEqual(complaint(['invalid_intensity', -1]));
    expect(checkFlags({ autoShutdown: 'a', periodMs: 0 })).toEqual(complaint(['invalid_period', 0]));
  });
});

describe('checkChildSpec()', () => {
  it('fills in the defaults, which for a supervisor are other ones', () => {
    const defaults = { restart: 'permanent', significant: false };
    expect(check({ id: 'w', start })).toEqual({
      ok: true,
      value: { ...defaults, id: 'w', start, type: 'worker', shutdown: 5000, modules: ['w'] },
    });
    expect(check({ id: 's', start, type: 'supervisor' })).toEqual({
      ok: true,
      value: { ...defaults, id: 's', start, type: 'supervisor', shutdown: 'infinity', modules: ['s'] },
    });
  });

  it.each([undefined, null, 'a', 7, [], [{ id: 'a', start }]])('refuses %p in place of a specification', (given) => {
    expect(check(given)).toEqual(complaint(['invalid_child_spec', given]));
  });

  it.each([0, 1, 'infinity', 'brutal_kill'])('accepts a shutdown of %p', (shutdown) => {
    expect(check({ id: 'a', start, shutdown })).toMatchObject({ ok: true, value: { shutdown } });
  });

  it.each([-1, 0.5, Number.POSITIVE_INFINITY, 'kill', '5000', null])('refuses a shutdown of %p', (shutdown) => {
    const result = check({ id: 'a', start, shutdown });
    // Null is as good as left out.
    if (shutdown === null) expect(result).toMatchObject({ ok: true });
    else expect(result).toEqual(complaint(['invalid_shutdown', shutdown]));
  });

  it.each([{}, 'm', [1], ['m', undefined]])('refuses modules of %p', (modules) => {
    expect(check({ id: 'a', start, modules })).toEqual(complaint(['invalid_modules', modules]));
  });

  it('names the first of several mistakes, in the order of the fields', () => {
    const wrong = { restart: 'r', significant: 1, type: 't', shutdown: 's', modules: 'm' };
    const { restart: _restart, ...wrongSignificant } = wrong;
    const { significant: _significant, ...wrongType } = wrongSignificant;
    const { type: _type, ...wrongShutdown } = wrongType;
    expect(check(wrong)).toEqual(complaint('missing_id'));
    expect(check({ ...wrong, id: 'a' })).toEqual(complaint('missing_start'));
    expect(check({ ...wrong, id: 'a', start: 'now' })).toEqual(complaint(['invalid_mfa', 'now']));
    expect(check({ ...wrong, id: 'a', start })).toEqual(complaint(['invalid_restart_type', 'r']));
    expect(check({ ...wrongSignificant, id: 'a', start })).toEqual(complaint(['invalid_significant', 1]));
    expect(check({ ...wrongType, id: 'a', start })).toEqual(complaint(['invalid_child_type', 't']));
    expect(check({ ...wrongShutdown, id: 'a', start })).toEqual(complaint(['invalid_shutdown', 's']));
  });

  const SIGNIFICANT = ['significant', true];
  it.each([
    ['permanent', 'never', ['auto_shutdown', 'never']],
    ['transient', 'never', ['auto_shutdown', 'never']],
    ['temporary', 'never', ['auto_shutdown', 'never']],
    ['permanent', 'any_significant', ['restart', 'permanent']],
    ['permanent', 'all_significant', ['restart', 'permanent']],
    ['transient', 'any_significant', undefined],
    ['temporary', 'any_significant', undefined],
    ['transient', 'all_significant', undefined],
    ['temporary', 'all_significant', undefined],
  ] as const)('significant, %s and auto_shutdown %s: the culprit is %p', (restart, autoShutdown, culprit) => {
    const result = check({ id: 'a', start, restart, significant: true }, autoShutdown);
    if (culprit) expect(result).toEqual(complaint(['bad_combination', [culprit, SIGNIFICANT]]));
    else expect(result).toMatchObject({ ok: true, value: { significant: true } });
  });
});

describe('checkChildSpecs()', () => {
  it('gives them in their order', () => {
    const result = checkChildSpecs([
      { id: 'b', start },
      { id: 'a', start },
    ]);
    expect(result).toMatchObject({ ok: true, value: [{ id: 'b' }, { id: 'a' }] });
  });

  it('gives the first complaint', () => {
    expect(checkChildSpecs([{ id: 'a', start }, { id: 'a', start }, 'junk'])).toEqual(
      complaint(['duplicate_child_name', 'a']),
    );
    expect(checkChildSpecs([{ id: 'a', start }, 'junk', { id: 'a', start }])).toEqual(
      complaint(['invalid_child_spec', 'junk']),
    );
  });
});
