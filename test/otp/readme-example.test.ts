/** The example in src/otp/README.md is a program: it is taken from there, compiled and run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import * as otp from '../../src/otp';

const readme = readFileSync(join(__dirname, '../../src/otp/README.md'), 'utf8');

function exampleOf(markdown: string): string {
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(markdown) ?? [];
  return code;
}

function load(code: string): { main(runtime: otp.Runtime): Promise<number[]> } {
  const compiled = transformSync(code, { jsc: { parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } });
  const exported = {};
  new Function('require', 'exports', compiled.code)(() => otp, exported);
  return exported as ReturnType<typeof load>;
}

it("the README's counter is restarted and begins again", async () => {
  const runtime = new otp.Runtime();
  await expect(load(exampleOf(readme)).main(runtime)).resolves.toEqual([40, 41, 40]);
  runtime.stop();
});

it("the README's example fits on a screen", () => {
  expect(exampleOf(readme).split('\n').length).toBeLessThan(50);
});
