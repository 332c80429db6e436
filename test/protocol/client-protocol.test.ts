/** The limits of a decoder: which it can keep, which are refused, and what follows from them. By values. */
import { DEFAULT_LIMITS, REQUEST_HEAD_BYTES_MAX, validateLimits } from '../../src/protocol/client-protocol';
import { hex } from './fixtures';

describe('validateLimits()', () => {
  it('validateLimits() gives back limits that a decoder can keep', () => {
    expect(validateLimits(DEFAULT_LIMITS)).toEqual({ ok: true, value: DEFAULT_LIMITS });
  });

  it.each([
    ['keyBytesMax', 0],
    ['keyBytesMax', 1.5],
    ['valueBytesMax', -1],
    ['valueBytesMax', 2 ** 32],
    ['requestBytesMax', Number.NaN],
    ['requestBytesMax', DEFAULT_LIMITS.valueBytesMax],
  ])('validateLimits() names %s when it is %d', (name, bytes) => {
    const refused = validateLimits({ ...DEFAULT_LIMITS, [name]: bytes });
    expect(refused).toEqual({ ok: false, error: expect.stringContaining(`Cannot use limits: ${name} is ${bytes}`) });
  });

  it('REQUEST_HEAD_BYTES_MAX is all of a version 2 PUT with a deadline but its key and value', () => {
    expect(REQUEST_HEAD_BYTES_MAX).toBe(hex('4b565302 02 10 00000001 00000000 00000000 00000000').length);
  });
});
