/** The example in src/otp/README.md is a program: it is taken from there, written to a file and run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as otp from '../../src/otp';

const readme = readFileSync(join(__dirname, '../../src/otp/README.md'), 'utf8');

function exampleOf(markdown: string): string {
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(markdown) ?? [];
  return code;
}

/** Loads the program as the package's user would write it: with `funnelkvs/otp` for the runtime. */
function load(code: string): { main(runtime: otp.Runtime): Promise<number[]> } {
  const folder = mkdtempSync(join(tmpdir(), 'readme-example-'));
  const path = join(folder, 'counter.ts');
  writeFileSync(path, code);
  jest.doMock('funnelkvs/otp', () => otp, { virtual: true });
  try {
    return require(path) as ReturnType<typeof load>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it("the README's counter is restarted and begins again", async () => {
  const runtime = new otp.Runtime();
  await expect(load(exampleOf(readme)).main(runtime)).resolves.toEqual([40, 41, 40]);
  runtime.stop();
});

it("the README's example fits on a screen", () => {
  expect(exampleOf(readme).split('\n').length).toBeLessThan(50);
});
