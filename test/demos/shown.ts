/** A demo that a test has run to its end. */
import type { Out } from '../../demos/stage';

/** The machine may have other things to do than this test: how many times the time that a demo claims it is given. */
export const PATIENCE = 5;

/** The lines of a demo, in which everything has to hold. */
export async function shown(run: (out: Out) => Promise<boolean>): Promise<readonly string[]> {
  const lines: string[] = [];
  const held = await run((line) => lines.push(line));
  expect(lines.filter((line) => line.includes('✗'))).toEqual([]);
  expect(held).toBe(true);
  return lines;
}
