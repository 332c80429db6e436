/**
 * The examples in the headers of the main modules compile, each taken from there and given what it
 * leaves out; so does the one in the runtime's README, which leaves nothing out and imports nothing in vain.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';

const ROOT = join(__dirname, '../..');

/** What each example takes for granted. */
const GIVEN: Readonly<Record<string, string>> = {
  'src/otp/gen-server.ts': `import { type Ask, type GenServer, noReply, reply, started } from '../../src/otp';`,
  'src/otp/supervisor.ts': `
    import type { StartResult, Supervisor } from '../../src/otp';
    declare const counter: { startLink(): Promise<StartResult> };`,
  'src/otp/ets.ts': `import { ets } from '../../src/otp';`,
  'src/otp/application.ts': `
    import { type Application, application, type StartResult } from '../../src/otp';
    interface Options { readonly port: number }
    declare const options: Options;
    declare const nodeSup: { startLink(options: Options): Promise<StartResult> };`,
  'src/client/client.ts': `import { connect } from '../../src/client';`,
  'src/index.ts': `import { put, startNode, stopNode } from '../../src';`,
};

/** The lines of a header that stand further in than its text. */
function exampleOf(path: string): string {
  const [header = ''] = readFileSync(join(ROOT, path), 'utf8').split('*/');
  const lines = header.split('\n').flatMap((line) => /^ \* {3}(.*)$/.exec(line)?.[1] ?? []);
  return lines.join('\n');
}

const HEADERS: ReadonlyMap<string, string> = new Map(
  Object.entries(GIVEN).map(([path, given]) => [
    join(__dirname, `example-${path.replaceAll('/', '-')}`),
    `${given}\nexport async function example() {\n${exampleOf(path)}\n}\n`,
  ]),
);

/** The README's example as a file of this folder. */
function readmeExample(): ReadonlyMap<string, string> {
  const readme = readFileSync(join(ROOT, 'src/otp/README.md'), 'utf8');
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  return new Map([[join(__dirname, 'example-readme.ts'), code.replace("'funnelkvs/otp'", "'../../src/otp'")]]);
}

/** What the compiler has to say about each program, with the settings of this project but for those given. */
function complaints(programs: ReadonlyMap<string, string>, changed: ts.CompilerOptions = {}): readonly string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const settings: ts.CompilerOptions = { ...options, types: ['node'], noEmit: true, ...changed };
  const host = ts.createCompilerHost(settings);
  const disk = ts.createCompilerHost(settings);
  host.readFile = (path) => programs.get(path) ?? disk.readFile(path);
  host.fileExists = (path) => programs.has(path) || disk.fileExists(path);
  const program = ts.createProgram([...programs.keys()], settings, host);
  return [...programs.keys()]
    .flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
}

it.each(Object.keys(GIVEN))('the header of %s has an example', (path) => {
  expect(exampleOf(path).split('\n').length).toBeGreaterThan(3);
});

it('the examples in headers compile', () => {
  expect(complaints(HEADERS, { noUnusedLocals: false })).toEqual([]);
});

it("the README's example compiles, and uses all that it imports", () => {
  expect(complaints(readmeExample())).toEqual([]);
});
