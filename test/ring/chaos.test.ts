/**
 * Chaos, in short: rings of five processes under load while nodes are killed and while nodes hang. The long version,
 * with every kind of fault, is `make chaos`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledProgram } from '../../chaos/chaos-node';
import { runChaos, type RunKind } from '../../chaos/chaos-run';
import { failuresOf, reportOf } from '../../chaos/verdict';

const SEED = Number(process.env['SEED'] ?? 1);
const SECONDS = 8;

const dir = mkdtempSync(join(tmpdir(), 'funnelkvs-chaos-'));

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe(`a ring of five under load (SEED=${SEED})`, () => {
  it.each<RunKind>(['kill', 'pause'])(
    'keeps its promises through faults of kind %s',
    async (kind) => {
      const verdict = await runChaos({
        kind,
        seed: SEED,
        seconds: SECONDS,
        nodes: 5,
        perSecond: 200,
        hotKeys: 16,
        onceKeys: 500,
        isBeyond: false,
        canCut: false,
        program: compiledProgram(),
        flags: [],
        dir,
        tell: () => {},
      });
      const failures = failuresOf(verdict);
      expect({ failures, report: failures.length === 0 ? '' : reportOf(verdict) }).toEqual({
        failures: [],
        report: '',
      });
      expect(verdict.operations.length).toBeGreaterThan(500);
    },
    240_000,
  );
});
