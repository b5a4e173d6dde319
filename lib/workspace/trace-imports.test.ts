import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dialectOf, dialectOfScript, loadParser, readImports } from './trace-imports.ts';
import type { Dialect, ImportSite, Parse } from './trace-imports.ts';

let parse: Parse;
beforeAll(async () => {
  parse = await loadParser();
});

function sites(source: string, dialect: Dialect = 'ts'): readonly ImportSite[] {
  const read = readImports(parse, source, dialect);
  if (!read.ok) throw new Error(`${read.error.line}:${read.error.column}: ${read.error.message}`);
  return read.value;
}

/** `mode specifier`, with `?` where the program can do without, `types` where only types are imported. */
function show(source: string, dialect?: Dialect): string[] {
  return sites(source, dialect).map(
    ({ mode, specifier, optional, typesOnly }) =>
      `${mode} ${specifier}${optional ? ' ?' : ''}${typesOnly ? ' types' : ''}`,
  );
}

describe('imports that are followed', () => {
  it.each([
    ['a default import', `import a from './a'`, ['import ./a']],
    ['a side-effect import', `import './a'`, ['import ./a']],
    ['a namespace import', `import * as a from './a'`, ['import ./a']],
    ['an import of nothing', `import {} from './a'`, ['import ./a']],
    ['a JSON import with attributes', `import a from './a.json' with { type: 'json' }`, ['import ./a.json']],
    ['the old spelling of attributes', `import a from './a.json' assert { type: 'json' }`, ['import ./a.json']],
    ['a re-export', `export { a } from './a'`, ['import ./a']],
    ['export * from', `export * from './a'; export * as b from './b'`, ['import ./a', 'import ./b']],
    [
      'import = require()',
      `import a = require('./a'); export import b = require('./b')`,
      ['require ./a', 'require ./b'],
    ],
    ['a dynamic import', `async () => { await import('./a') }`, ['import ./a']],
    ['a dynamic import of a plain template', 'import(`./a`)', ['import ./a']],
    ['a dynamic import with attributes', `import('./a.json', { with: { type: 'json' } })`, ['import ./a.json']],
    ['require()', `const { a } = require('./a')`, ['require ./a']],
    ['require?.()', `require?.('./a')`, ['require ./a']],
    ['module.require()', `module.require('./a')`, ['require ./a']],
    ['require.resolve()', `require.resolve('./a')`, ['require ./a']],
    ['import.meta.resolve(), which asks for nothing to exist', `import.meta.resolve('./a')`, ['import ./a ?']],
    ['new URL() next to the module', `new URL('./a.wasm', import.meta.url)`, ['url ./a.wasm ?']],
    ['new Worker(new URL())', `new Worker(new URL('./w.ts', import.meta.url), { type: 'module' })`, ['url ./w.ts ?']],
    [
      'createRequire() under another name',
      `const load = createRequire(import.meta.url); load('./a'); load.resolve('./b')`,
      ['require ./a', 'require ./b'],
    ],
    ['createRequire() called at once', `module.createRequire(__filename)('./a')`, ['require ./a']],
    ['an import mixed of values and types', `import { type A, b } from './a'`, ['import ./a']],
    ['a deferred import', `import defer * as a from './a'`, ['import ./a']],
    ['escapes in the specifier', `import '\\x2e/a'`, ['import ./a']],
  ])('%s', (_title, source, expected) => expect(show(source)).toEqual(expected));

  it('in the order in which they stand, each once', () => {
    expect(show(`require('./b'); import './a'; require('./b')`)).toEqual(['require ./b', 'import ./a']);
  });

  it('with line and column counting from 1', () => {
    expect(sites(`\n  import './a'`)[0]).toMatchObject({ line: 2, column: 10 });
  });
});

describe('imports that vanish at run time', () => {
  it.each([
    ['import type', `import type { A } from './a'; import type B from './b'`],
    ['export type', `export type { A } from './a'; export type * from './b'`],
    ['import type = require()', `import type A = require('./a')`],
    ['import() in a type', `let a: import('./a').A; type B = typeof import('./b')`],
    ['declared modules', `declare module './a' { import b from './b'; }`],
    ['an alias of a namespace', `import A = B.C`],
  ])('%s', (_title, source) => expect(show(source)).toEqual([]));

  it('nothing but inline types is left to the tsconfig', () => {
    expect(show(`import { type A, type B } from './a'; export { type C } from './c'`)).toEqual([
      'import ./a types',
      'import ./c types',
    ]);
  });
});

describe('what cannot be followed', () => {
  it.each([
    ['a computed import', 'import(`./${name}.ts`); import(name); require(name); require("./" + name)'],
    ['a URL with another base', `new URL('./a', base); new URL('https://example.com')`],
    ['text and comments', `// import './a'\nconst a = "require('./b')"; /x import('.')/`],
    ['a method of the same name', `loader.require('./a'); loader.import('./b'); path.resolve('./c')`],
    ['a require that is a parameter', `(function (require, module) { require('./a') })(load, {})`],
    ['a tagged template', 'require(String.raw`./a`)'],
  ])('%s', (_title, source) => expect(show(source)).toEqual([]));
});

describe('imports that the program can do without', () => {
  it.each([
    ['in try', `try { require('./a'); await import('./b') } catch {}`, ['require ./a ?', 'import ./b ?']],
    ['not in the handler', `try {} catch { require('./a') }`, ['require ./a']],
    ['not where nothing catches', `try { require('./a') } finally {}`, ['require ./a']],
    ['with .catch()', `import('./a').then((m) => m.b).catch(() => null)`, ['import ./a ?']],
    ['with a second argument of .then()', `import('./a').then(f, () => null)`, ['import ./a ?']],
    ['not with .then() alone', `import('./a').then(f)`, ['import ./a']],
  ])('%s', (_title, source, expected) => expect(show(source)).toEqual(expected));
});

describe('languages', () => {
  it('BOM, shebang and CRLF', () => {
    expect(show(`\uFEFF#!/usr/bin/env node\r\nimport './a'\r\nimport './b'\r\n`)).toEqual(['import ./a', 'import ./b']);
  });

  it('JSX in JavaScript and TSX', () => {
    expect(show(`import A from './a'; export default <A b={require('./b')} />`, 'js')).toEqual([
      'import ./a',
      'require ./b',
    ]);
    expect(show(`import A from './a'; const f = <T,>(x: T) => <A<T> b={x as T} />`, 'tsx')).toEqual(['import ./a']);
  });

  it('type assertions in angle brackets', () =>
    expect(show(`import a from './a'; const b = <string>a`)).toEqual(['import ./a']));

  it.each([
    ['on parameters', `import d from './d'; class A { constructor(@d private readonly b: string) {} }`],
    ['on an exported class, before and after export', `import d from './d'; export @d class A {}`],
    ['with accessors', `import d from './d'; @d class A { @d accessor b = 1 }`],
  ])('decorators %s', (_title, source) => expect(show(source)).toEqual(['import ./d']));

  it('newer and older syntax', () => {
    expect(show(`import './a'; using x = y(); class A { static { require('./b') } #c = 1 }`)).toEqual([
      'import ./a',
      'require ./b',
    ]);
    expect(show(`with (a) { b = 010 } require('./a'); return`, 'js')).toEqual(['require ./a']);
    expect(show(`enum E { A = require('./a').length } namespace N { export const b = require('./b') }`)).toEqual([
      'require ./a',
      'require ./b',
    ]);
  });

  it('mistakes that do not hide imports are not the business of tracing', () => {
    expect(show(`let a; let a; import './a'`)).toEqual(['import ./a']);
  });

  it('are told by extension, and without one by the first line', () => {
    const paths = [
      'a.ts',
      'a.mts',
      'a.cts',
      'a.tsx',
      'a.js',
      'a.mjs',
      'a.cjs',
      'a.jsx',
      'a.d.ts',
      'a.d.mts',
      'a.json',
      'a.py',
      'ts',
      'a.mjsx',
    ];
    expect(paths.map(dialectOf)).toEqual([
      'ts',
      'ts',
      'ts',
      'tsx',
      'js',
      'js',
      'js',
      'js',
      ...Array<undefined>(6).fill(undefined),
    ]);
    const lines = ['#!/usr/bin/env node\n', '#!/usr/bin/env -S npx tsx\n', '#!/bin/sh\nnode x', 'text', ''];
    expect(lines.map(dialectOfScript)).toEqual(['js', 'ts', undefined, undefined, undefined]);
  });
});

describe('a syntax error', () => {
  it('names line and column', () => {
    expect(readImports(parse, `import './a';\nlet x = ;`, 'ts')).toEqual({
      ok: false,
      error: { message: 'Unexpected token', line: 2, column: 9 },
    });
  });

  it('is what any text gives, or imports: never a crash', () => {
    const word = fc.constantFrom(
      'import',
      'export',
      'from',
      'require',
      '(',
      ')',
      '{',
      '}',
      "'./a'",
      '`',
      '*',
      'type',
      '=',
      '<A>',
      '@d',
      '\n',
      'try',
      'class',
      ';',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(word, { maxLength: 20 }).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom<Dialect>('ts', 'tsx', 'js'), (source, dialect) => {
        const read = readImports(parse, source, dialect);
        if (!read.ok) expect(read.error.line).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  it('thousands of nested expressions do not overflow', () => {
    const source = `${'[].concat('.repeat(300)}require('./a')${')'.repeat(300)}; a${'.c()'.repeat(3000)}`;
    expect(show(source)).toEqual(['require ./a']);
  });
});
