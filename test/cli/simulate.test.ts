/** `funnelkvs simulate`: what it prints, what it refuses, and what its exit code says. */
import { run } from '../support/cli';

describe('simulate', () => {
  it('prints the table of an experiment beside the published figures, and says that it is inside', async () => {
    const { exitCode, stdout } = await run(['simulate', '--experiment', 'distribution', '--quick', '--count', '3000']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^Distribution of path lengths among 4096 nodes \(distribution, seed 1\)\n {2}Published: SIGCOMM/,
    );
    expect(stdout).toMatch(/\n +hops +measured +published\n/);
    expect(stdout).toMatch(/\n +mode +6 +6 +inside\n/);
    expect(stdout).toMatch(/\nAll rows lie inside their bands\.\n$/);
  });

  it('prints the same as one JSON document, and the same again from the same seed', async () => {
    const args = ['simulate', '--experiment', 'schedules', '--count', '4', '--seed', '10', '--json'];
    const { exitCode, stdout } = await run(args);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, reports: [{ experiment: 'schedules', seed: 10 }] });
    expect((await run(args)).stdout).toBe(stdout);
  });

  it('ends with an exit code of its own when a row lies outside', async () => {
    // So few lookups cannot come near the published shape.
    const args = ['simulate', '--experiment', 'distribution', '--quick', '--count', '5'];
    const { exitCode, stdout } = await run(args);
    expect(exitCode).toBe(6);
    expect(stdout).toContain('OUTSIDE: the distributions are too far apart');
    expect(stdout).toMatch(/\nSome rows lie outside their bands\.\n$/);
  });

  it('answers what would become of a ring, in words and as JSON', async () => {
    const args = ['simulate', '--nodes', '12', '--failures-per-s', '0.1', '--joins-per-s', '0.1', '--minutes', '1'];
    const { exitCode, stdout } = await run(args);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^A ring of 12 nodes with successor lists of 8, for 1 min/);
    expect(stdout).toMatch(
      /\n {2}The ring serves: \d+(\.\d+)? % of all lookups found the owner\.\n {2}It mends itself: /,
    );
    const json = JSON.parse((await run([...args, '--json'])).stdout) as { prospect: { lookups: { made: number } } };
    expect(json).toMatchObject({ question: { nodes: 12, loss: 0 }, prospect: { isWell: true } });
    expect(json.prospect.lookups.made).toBeGreaterThan(900);
  });

  it('says of a network that loses half of everything that a ring on it does not serve', async () => {
    const { exitCode, stdout } = await run(['simulate', '--nodes', '12', '--loss', '60', '--minutes', '1']);
    expect(exitCode).toBe(6);
    expect(stdout).toContain('The ring does not serve well: ');
  });

  it.each([
    [['--experiment', 'schedule'], 'Cannot simulate: there is no experiment "schedule"; did you mean "schedules"?'],
    [['--seed', 'x'], 'Cannot use seed "x": it is not a whole number from 0 to 4503599627370496'],
    [['--loss', '91'], 'Cannot use loss "91": it is not a number from 0 to 90'],
    [['--nodes', '0'], 'Cannot use nodes "0": it is not a whole number from 1 to 10000'],
    [['--joins-per-s', '-1'], 'Cannot use joins-per-s "-1": it is not a number from 0 to 100'],
    [['--count', '5'], 'Cannot simulate: a count is for one experiment; say which'],
    [['--nodes', '5', '--quick'], 'Cannot simulate: a what-if has no experiment, count or quick form'],
  ])('refuses %j', async (flags, message) => {
    const { exitCode, stdout, stderr } = await run(['simulate', ...flags]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: `${message}\n` });
  });
});
