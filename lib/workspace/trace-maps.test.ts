import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resolveExports, resolveImports } from './trace-maps.ts';

/** Each field is tried against Node.js itself, by `import` and by `require`. */
const exportsCases: readonly (readonly [title: string, exports: unknown, subpaths: readonly string[]])[] = [
  ['a single string', './a.js', ['.', './a.js']],
  ['conditions without sub paths', { import: './a.js', require: './b.cjs' }, ['.']],
  ['the order of the keys decides', { default: './a.js', import: './b.js' }, ['.']],
  ['sub paths', { '.': './a.js', './x': './b.js' }, ['.', './x', './y']],
  ['a nested condition that does not apply falls through', { node: { browser: './a.js' }, default: './b.js' }, ['.']],
  ['nested conditions', { node: { import: './a.js', require: './b.cjs' }, default: './c.js' }, ['.']],
  ['a pattern', { './*': './lib/*.js' }, ['./a', './deep/b', '.']],
  ['a pattern with a tail', { './*.js': './lib/*.js' }, ['./a.js', './a']],
  [
    'the more specific pattern',
    { './*': './a/*.js', './x/*': './b/*.js', './x/y': './c.js' },
    ['./q', './x/q', './x/y'],
  ],
  ['the longer of two patterns with one base', { './x/*': './a/*', './x/*.js': './b/*.js' }, ['./x/q.js', './x/q']],
  ['null hides', { './*': './lib/*.js', './internal/*': null }, ['./a', './internal/a']],
  ['the first valid of an array', { '.': ['../bad.js', './a.js'] }, ['.']],
  ['an array of conditions', { '.': [{ browser: './b.js' }, { import: './a.js' }, './c.js'] }, ['.']],
  ['a target that climbs out', { '.': './../a.js' }, ['.']],
  ['a target in node_modules', { '.': './node_modules/a.js' }, ['.']],
  ['a target without dot', { '.': 'a.js' }, ['.']],
  ['a star in the name is no key', { './*': './lib/*.js' }, ['./*']],
];

const importsCases: readonly (readonly [title: string, imports: unknown, names: readonly string[]])[] = [
  ['a file', { '#a': './a.js' }, ['#a', '#b']],
  ['conditions', { '#a': { require: './a.cjs', default: './b.js' } }, ['#a']],
  ['a pattern', { '#lib/*': './lib/*.js' }, ['#lib/x', '#lib/x/y']],
  ['null hides', { '#lib/*': './lib/*.js', '#lib/secret/*': null }, ['#lib/x', '#lib/secret/x']],
];

const conditions = {
  import: new Set(['node', 'import', 'module-sync', 'node-addons']),
  require: new Set(['node', 'require', 'module-sync', 'node-addons']),
};
const targets = [
  'a.js',
  'b.js',
  'c.js',
  'a.cjs',
  'b.cjs',
  'lib/a.js',
  'lib/deep/b.js',
  'lib/x.js',
  'lib/x/y.js',
  'lib/*.js',
  'lib/internal/a.js',
  'lib/secret/x.js',
  'a/q.js',
  'b/q.js',
  'a/q',
];

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'dagrun-maps-')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What Node.js makes of the specifiers in a package with these fields: a path within it, or null. */
function askNode(
  name: string,
  fields: object,
  specifiers: readonly string[],
): Record<'import' | 'require', (string | null)[]> {
  const root = join(folder, name);
  for (const target of targets) {
    mkdirSync(join(root, target, '..'), { recursive: true });
    writeFileSync(join(root, target), '');
  }
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'self', ...fields }));
  writeFileSync(
    join(root, 'ask.mjs'),
    `import { createRequire } from 'node:module'; import { fileURLToPath } from 'node:url';
     const require = createRequire(import.meta.url), here = fileURLToPath(new URL('.', import.meta.url));
     const ask = (find) => (name) => { try { return './' + find(name).slice(here.length); } catch { return null; } };
     const names = ${JSON.stringify(specifiers)};
     console.log(JSON.stringify({ import: names.map(ask((n) => fileURLToPath(import.meta.resolve(n)))), require: names.map(ask((n) => require.resolve(n))) }));`,
  );
  return JSON.parse(execFileSync(process.execPath, [join(root, 'ask.mjs')], { encoding: 'utf8' })) as Record<
    'import' | 'require',
    (string | null)[]
  >;
}

describe('package.json "exports" lead where Node.js says', () => {
  it.each(exportsCases.map((one, at) => [...one, at] as const))('%s', (_title, exports, subpaths, at) => {
    const specifiers = subpaths.map((subpath) => (subpath === '.' ? 'self' : `self/${subpath.slice(2)}`));
    const node = askNode(`exports-${at}`, { exports }, specifiers);
    for (const mode of ['import', 'require'] as const) {
      expect(subpaths.map((subpath) => existing(resolveExports(exports, subpath, conditions[mode])))).toEqual(
        node[mode].map(existing),
      );
    }
    expect(node.import.length).toBe(subpaths.length);
  });
});

describe('package.json "imports" lead where Node.js says', () => {
  it.each(importsCases.map((one, at) => [...one, at] as const))('%s', (_title, imports, names, at) => {
    const node = askNode(`imports-${at}`, { imports }, names);
    for (const mode of ['import', 'require'] as const) {
      expect(names.map((name) => existing(resolveImports(imports, name, conditions[mode])))).toEqual(
        node[mode].map(existing),
      );
    }
  });

  it('may lead to another package', () => {
    expect(resolveImports({ '#fs': 'memfs' }, '#fs', conditions.import)).toBe('memfs');
    expect(resolveImports({ '#fs': '../x.js' }, '#fs', conditions.import)).toBeUndefined();
  });

  it('are not there where the field is no object', () => {
    for (const imports of [undefined, null, 'x', ['#a']])
      expect(resolveImports(imports, '#a', conditions.import)).toBeUndefined();
  });
});

/** import.meta.resolve() names targets that do not exist, require.resolve() does not. */
function existing(target: string | null | undefined): string | null {
  return typeof target === 'string' && targets.includes(target.slice(2)) ? target : null;
}
