/**
 * Ten nodes and a thousand keys: what the Erlang original was tested with. Three nodes are killed, one comes back empty
 * at once, and seven are killed as soon as each says that it may be. Every key stays readable through every node.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledProgram } from '../../chaos/chaos-node';
import { playTen } from '../../chaos/plays';

const dir = mkdtempSync(join(tmpdir(), 'funnelkvs-ten-'));

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a ring of ten', () => {
  it('loses nothing when three are killed, one is emptied, and seven are killed when they may be', async () => {
    const story: string[] = [];
    const tell = (line: string) => void story.push(line);
    const problems = await playTen({ program: compiledProgram(), flags: [], dir, tell });
    expect({ problems, story: problems.length === 0 ? [] : story }).toEqual({ problems: [], story: [] });
  }, 240_000);
});
