/** Errors: whatever was thrown becomes a reason, and nothing that fails later is nobody's. */
import { Exit } from '../../src/otp';
import { catchLater, isExitThrown, reasonOf } from '../../src/otp/errors';

describe('what was thrown', () => {
  it('reasonOf() and isExitThrown() answer also for what cannot be asked what it is', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(reasonOf(revoked.proxy)).toEqual(['nocatch', '[unprintable]']);
    expect([isExitThrown(revoked.proxy), isExitThrown(new Exit('a'))]).toEqual([false, true]);
  });
});

describe('catchLater()', () => {
  it('catchLater() hears of what a callback fails with later, and of nothing else', async () => {
    const failures: unknown[] = [];
    for (const result of [undefined, null, 7, 'then', {}, Promise.resolve(1), Promise.reject(new Error('late'))])
      catchLater(result, (thrown) => void failures.push(thrown));
    await new Promise((resolve) => void setImmediate(resolve));
    expect(failures).toEqual([new Error('late')]);
  });
});
