/** A node whose clock is wrong, among others whose clocks agree: it orders no writes, says so, and goes on with everything else. */
import * as health from '../../actors/health';
import { EMPTY, fromUtf8, toBuffer } from '../../src/octets';
import type { KeyRequest } from '../../actors/errand';
import { closeAll, type TestNode, until } from '../support/node';
import { startMember, startRing, untilOwned, untilWhole } from '../support/ring';

const OFFSET_MS = 5000;

afterEach(closeAll);

const requestOf = (op: 'get' | 'put', key: string, value = ''): KeyRequest => ({
  type: 'request',
  version: 2,
  op,
  key: fromUtf8(key),
  value: value === '' ? EMPTY : fromUtf8(value),
  requestId: 1,
  consistency: 'quorum',
  direct: false,
  wantsMeta: false,
});

async function ask({ node }: TestNode, request: KeyRequest): Promise<readonly [status: string, text: string]> {
  const { status, value } = await node.request(request);
  return [status, toBuffer(value).toString()];
}

describe('a node whose clock is wrong', () => {
  it('notices, refuses to order writes, and passes on and reads as before', async () => {
    const wrong = await startMember([], { clockOffsetMs: OFFSET_MS });
    // They do not mind, so that they come in at all.
    const others = [
      await startMember([wrong], { maxDriftMs: 2 * OFFSET_MS }),
      await startMember([wrong], { maxDriftMs: 2 * OFFSET_MS }),
    ];
    await untilWhole([wrong, ...others]);
    await until('it notices', () => wrong.runtime.run(health.isSkewed), 10_000);
    expect(others.map((other) => other.runtime.run(health.isSkewed))).toEqual([false, false]);
    expect(Math.abs(wrong.runtime.run(health.clockReading).offsetMs ?? 0)).toBeGreaterThan(OFFSET_MS - 500);

    const keys = Array.from({ length: 24 }, (_none, n) => `k${n}`);
    const put = await Promise.all(keys.map((key) => ask(wrong, requestOf('put', key, 'v'))));
    const refused = keys.filter((_key, n) => put[n]?.[0] === 'server_error');
    const done = keys.filter((_key, n) => put[n]?.[0] === 'success');
    expect(refused.length + done.length).toBe(keys.length);
    for (const list of [refused, done]) expect(list.length).toBeGreaterThan(0);
    expect(put.find(([status]) => status === 'server_error')?.[1]).toMatch(/clock is too far from the clocks/);
    // A refusal is definite: nothing was written, here or elsewhere.
    for (const node of [wrong, ...others]) {
      const read = await Promise.all(keys.map((key) => ask(node, requestOf('get', key))));
      expect(read.map(([status]) => status)).toEqual(
        keys.map((key) => (refused.includes(key) ? 'not_found' : 'success')),
      );
    }
  });

  it('keeps its place free for itself: with the right clock it is let in at once, and is a member like any other', async () => {
    const ring = await startRing(3);
    await untilOwned(ring);
    const first = await startMember(ring.slice(0, 1));
    const { port } = first;
    await untilOwned([...ring, first]);
    first.crash();
    await untilOwned(ring);
    // So it would be later, by its own account, than it is when it comes with the right clock.
    const ahead = startMember(ring.slice(0, 1), { port, clockOffsetMs: 3_600_000 });
    await expect(ahead).rejects.toThrow(/this node's clock is 3\d{3}\.\d s ahead of the clock there/);
    const again = await startMember(ring.slice(0, 1), { port });
    await untilOwned([...ring, again]);
  });
});
