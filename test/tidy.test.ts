/**
 * The rules of style that a program can check: what a linter, a formatter or the compiler does
 * not know of this house. A failure names the file and the rule.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as ts from 'typescript';

const ROOT = join(__dirname, '..');
const CODE = ['src', 'actors', 'supervisors'];
const EVERYTHING = [...CODE, 'test', 'demos', 'bench', 'chaos'];

/** A file that is longer wants to be two. */
const LINES_MAX = 400;
/**
 * One of tests may be longer, for it is a list: whoever looks for a test reads its name and that test alone. Beyond this
 * nobody sees any more which cases there are, and adds one that was there already.
 */
const TEST_LINES_MAX = 650;
/** A function that is longer does not fit on a screen. */
const FUNCTION_LINES_MAX = 50;

interface File {
  readonly path: string;
  readonly text: string;
}

function filesIn(folders: readonly string[]): readonly File[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => {
        const path = join(ROOT, folder, name);
        return { path: relative(ROOT, path), text: readFileSync(path, 'utf8') };
      }),
  );
}

const code = filesIn(CODE);
const everything = filesIn(EVERYTHING);

/** The paths of the files that break a rule: what a test expects to be empty. */
const offenders = (files: readonly File[], breaks: (file: File) => boolean) =>
  files.filter(breaks).map(({ path }) => path);

describe('every file', () => {
  it('is named as a kebab-case noun that says its role', () => {
    const isBadName = ({ path }: File) =>
      !/^[a-z0-9-]+(\.test)?\.ts$/.test(path.split('/').at(-1) ?? '') || /\b(utils?|helpers?|misc|common)\b/.test(path);
    expect(offenders(everything, isBadName)).toEqual([]);
  });

  it('begins by saying what room this is', () => {
    expect(offenders(everything, ({ text }) => !text.startsWith('/**'))).toEqual([]);
  });

  it(`of the code has at most ${LINES_MAX} lines`, () => {
    expect(offenders(code, ({ text }) => text.split('\n').length > LINES_MAX)).toEqual([]);
  });

  it(`of the tests and what goes with them has at most ${TEST_LINES_MAX} lines`, () => {
    expect(offenders(everything, ({ text }) => text.split('\n').length > TEST_LINES_MAX)).toEqual([]);
  });

  it('leaves nothing for later', () => {
    const marks = new RegExp(['TO', 'DO|FIX', 'ME|X', 'XX'].join(''));
    expect(offenders(everything, ({ text }) => marks.test(text))).toEqual([]);
  });

  it('switches no check off', () => {
    const switches = new RegExp(['@ts-(ignore|no', 'check)|(eslint|oxlint|biome)-(dis', 'able|ig', 'nore)'].join(''));
    expect(offenders(everything, ({ text }) => switches.test(text))).toEqual([]);
  });
});

describe('every export of the code', () => {
  it('of src says in a comment what it is', () => {
    const undocumented = code.filter(({ path }) => path.startsWith('src/')).flatMap(undocumentedExports);
    expect(undocumented).toEqual([]);
  });
});

describe('every function of the code', () => {
  it(`has at most ${FUNCTION_LINES_MAX} lines`, () => {
    expect(code.flatMap(longFunctions)).toEqual([]);
  });
});

function parse({ path, text }: File): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}

function undocumentedExports(file: File): string[] {
  return parse(file)
    .statements.filter((statement) => isExported(statement) && !ts.isExportDeclaration(statement))
    .filter((statement) => ts.getJSDocCommentsAndTags(statement).length === 0)
    .map((statement) => `${file.path}: ${statement.getText().split('\n')[0] ?? ''}`);
}

const isExported = (statement: ts.Statement) =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

function longFunctions(file: File): string[] {
  const source = parse(file);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const [first, last] = [node.getStart(), node.getEnd()].map((at) => source.getLineAndCharacterOfPosition(at).line);
      const lines = (last ?? 0) - (first ?? 0) + 1;
      if (lines > FUNCTION_LINES_MAX) found.push(`${file.path}:${(first ?? 0) + 1} has ${lines} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
