import { describe, expect, it } from '@jest/globals';
import { around, makeRigs } from './trace-rig.ts';
import type { Tree } from './trace-rig.ts';

const rigOf = makeRigs();

describe('where a path leads', () => {
  it.each([
    ['.js to .ts', `import './a.js'`, { 'a.ts': '' }, ['a.ts']],
    ['.js to .tsx', `import './a.js'`, { 'a.tsx': '' }, ['a.tsx']],
    ['.jsx to .tsx', `import './a.jsx'`, { 'a.tsx': '' }, ['a.tsx']],
    ['.mjs to .mts', `import './a.mjs'`, { 'a.mts': '' }, ['a.mts']],
    ['.cjs to .cts', `import './a.cjs'`, { 'a.cts': '' }, ['a.cts']],
    ['both a compiled file and its source', `import './a.js'`, { 'a.js': '', 'a.ts': '' }, ['a.js', 'a.ts']],
    ['both a source and what it was compiled to', `import './a'`, { 'a.js': '', 'a.ts': '' }, ['a.js', 'a.ts']],
    ['a source by its own name alone', `import './a.ts'`, { 'a.js': '', 'a.ts': '' }, ['a.ts']],
    ['each extension', `import './a'`, { 'a.cjs': '' }, ['a.cjs']],
    ['.json without extension', `require('./a')`, { 'a.json': '{}' }, ['a.json']],
    ['a name with a dot', `import './a.config'`, { 'a.config.ts': '' }, ['a.config.ts']],
    ['a file before a folder of the same name', `import './a'`, { 'a.ts': '', 'a/index.ts': '' }, ['a.ts']],
    [
      'index files',
      `import './a'; import './b/'`,
      { 'a/index.tsx': '', 'b/index.mjs': '' },
      ['a/index.tsx', 'b/index.mjs'],
    ],
    ['a slash at the end to the folder', `import './a/'`, { 'a.ts': '', 'a/index.ts': '' }, ['a/index.ts']],
    ['. and ..', `import '.'; import './x/y'`, { 'index.ts': '', 'x/y.ts': `import '..'` }, ['index.ts', 'x/y.ts']],
    [
      'package.json main of a folder',
      `import './a'`,
      { 'a/package.json': '{"main":"lib/go"}', 'a/lib/go.js': '', 'a/index.js': '' },
      ['a/lib/go.js'],
    ],
    [
      'a folder as main',
      `import './a'`,
      { 'a/package.json': '{"main":"./lib/"}', 'a/lib/index.js': '' },
      ['a/lib/index.js'],
    ],
    [
      'index where main leads nowhere',
      `import './a'`,
      { 'a/package.json': '{"main":"no.js"}', 'a/index.js': '' },
      ['a/index.js'],
    ],
    [
      'index where package.json is damaged',
      `import './a'`,
      { 'a/package.json': '{"main', 'a/index.js': '' },
      ['a/index.js'],
    ],
    ['encoded characters', `import './a%20b.ts'`, { 'a b.ts': '' }, ['a b.ts']],
    ['the source behind a worker of the compiled name', `new URL('./w.js', import.meta.url)`, { 'w.ts': '' }, ['w.ts']],
  ])('%s', async (_title, source, tree, expected) => {
    const rig = rigOf({ 'main.ts': source, ...(tree as unknown as Tree) });
    expect(await rig.files('main.ts')).toEqual([...expected, 'main.ts'].sort());
  });

  it('a URL that is a folder, an address, or a file yet to be written leads nowhere', async () => {
    const rig = rigOf({
      'main.ts': `new URL('.', import.meta.url); new URL('./out.json', import.meta.url); new URL('https://a.org', import.meta.url)`,
    });
    expect(await rig.files('main.ts')).toEqual(['main.ts']);
  });

  it('links inside the root lead to the file itself, whose imports start from there', async () => {
    const rig = rigOf({ 'main.ts': `import './link.ts'`, 'deep/real.ts': `import './b.ts'`, 'deep/b.ts': '' });
    rig.link('link.ts', 'deep/real.ts');
    expect(await rig.files('main.ts')).toEqual(['deep/b.ts', 'deep/real.ts', 'main.ts']);
  });

  it('links out of the root keep their own name', async () => {
    const rig = rigOf({ 'main.ts': `import './link.ts'`, '../elsewhere/real.ts': '' });
    rig.link('link.ts', '../elsewhere/real.ts');
    const { files } = await around(rig, () => undefined);
    expect(files).toEqual(['link.ts', 'main.ts']);
    expect((await around(rig, () => rig.write({ '../elsewhere/real.ts': '2' }))).same).toBe(false);
  });

  it('a root that is a link itself makes no difference', async () => {
    const rig = rigOf({
      'main.ts': `import './a.ts'; import '../out/b.ts'; import 'p'`,
      'a.ts': '',
      '../out/b.ts': '',
    });
    rig.install('p', '1.0.0');
    const direct = await rig.traced('main.ts');
    rig.link('../links/deep/repo', rig.root);
    Object.assign(rig, { root: `${rig.folder}/links/deep/repo` });
    expect(await rig.traced('main.ts')).toEqual(direct);
  });
});

describe('tsconfig', () => {
  it('paths, with extends over several files and comments', async () => {
    const rig = rigOf({
      'tsconfig.json': `{ "extends": "./configs/app.json", /* a comment */ }`,
      'configs/app.json': `{ "extends": "./base.json" }`,
      'configs/base.json': `{ "compilerOptions": { "baseUrl": "..", "paths": { "@/*": ["src/*", "more/*"], "one": ["./src/one.ts"] } } }`,
      'main.ts': `import '@/a'; import '@/b.js'; import 'one'`,
      'src/a.ts': '',
      'more/b.ts': '',
      'src/one.ts': '',
    });
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'more/b.ts', 'src/a.ts', 'src/one.ts']);
  });

  it('an edit to any file that it extends is noticed', async () => {
    const rig = rigOf({
      'tsconfig.json': `{ "extends": "./base" }`,
      'base.json': `{ "compilerOptions": { "paths": { "x": ["./a.ts"] } } }`,
      'main.ts': `import 'x'`,
      'a.ts': '',
      'b.ts': '',
    });
    const change = () => rig.write({ 'base.json': `{ "compilerOptions": { "paths": { "x": ["./b.ts"] } } }` });
    expect((await around(rig, change)).files).toEqual(['b.ts', 'main.ts']);
  });

  it('a package that it extends, installed or upgraded, is noticed', async () => {
    const rig = rigOf({
      'tsconfig.json': `{ "extends": "base-config/a.json" }`,
      'main.ts': `try { require('x') } catch {}`,
      'b.ts': '',
    });
    expect(await rig.packages('main.ts')).toEqual({ x: 'missing' });
    rig.write({ 'node_modules/base-config/a.json': `{ "compilerOptions": { "paths": { "x": ["../../b.ts"] } } }` });
    expect(await rig.files('main.ts')).toEqual(['b.ts', 'main.ts']);
  });

  it('baseUrl, before packages', async () => {
    const rig = rigOf({
      'tsconfig.json': `{"compilerOptions":{"baseUrl":"src"}}`,
      'main.ts': `import 'util/a'; import 'p'`,
      'src/util/a.ts': '',
    });
    rig.install('p', '1.0.0');
    expect(await rig.traced('main.ts')).toMatchObject({ packages: { p: '1.0.0' } });
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'src/util/a.ts']);
  });

  it('the nearest above the importing file, and a closer one is noticed', async () => {
    const rig = rigOf({
      'tsconfig.json': `{"compilerOptions":{"paths":{"x":["./a.ts"]}}}`,
      'sub/main.ts': `import 'x'`,
      'a.ts': '',
      'sub/b.ts': '',
    });
    const change = () => rig.write({ 'sub/tsconfig.json': `{"compilerOptions":{"paths":{"x":["./b.ts"]}}}` });
    expect((await around(rig, change, 'sub/main.ts')).files).toEqual(['sub/b.ts', 'sub/main.ts']);
  });

  it('is not looked for above the root', async () => {
    const rig = rigOf({
      '../tsconfig.json': `{"compilerOptions":{"paths":{"x":["./a.ts"]}}}`,
      '../a.ts': '',
      'main.ts': `import 'x'`,
    });
    expect(await rig.files('main.ts')).toEqual(['main.ts']);
  });

  it('verbatimModuleSyntax keeps an import of nothing but inline types', async () => {
    const rig = rigOf({
      'main.ts': `import { type A } from './a.ts'; import type { B } from './b.ts'`,
      'a.ts': '',
      'b.ts': '',
    });
    expect(await rig.files('main.ts')).toEqual(['main.ts']);
    rig.write({ 'tsconfig.json': `{"compilerOptions":{"verbatimModuleSyntax":true}}` });
    expect(await rig.files('main.ts')).toEqual(['a.ts', 'main.ts']);
  });

  it('a pattern that leads nowhere is an error, unless a package has that name', async () => {
    const rig = rigOf({
      'tsconfig.json': `{"compilerOptions":{"paths":{"@/*":["./src/*"]}}}`,
      'main.ts': `import '@/a'`,
    });
    expect(await rig.problem('main.ts')).toBe('main.ts:1:8: cannot find "@/a" (tsconfig.json: tried src/a)');
    rig.install('@/a', '1.0.0');
    expect(await rig.packages('main.ts')).toEqual({ '@/a': '1.0.0' });
  });

  it('that cannot be read is an error only where it might matter', async () => {
    const rig = rigOf({ 'tsconfig.json': `{"extends":"./no.json"}`, 'main.ts': `import 'p'` });
    rig.install('p', '1.0.0');
    expect(await rig.packages('main.ts')).toEqual({ p: '1.0.0' });
    rig.write({ 'main.ts': `import '@/a'` });
    expect(await rig.problem('main.ts')).toMatch(
      /^main\.ts:1:8: cannot find "@\/a", and tsconfig\.json is unusable: File '\.\/no\.json' not found\.$/,
    );
  });
});

describe('errors', () => {
  it('a deleted helper, with what was tried', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': `\nimport { x } from './helper'`, 'helper.ts': '' });
    await rig.trace('main.ts');
    rig.remove('helper.ts');
    expect(await rig.problem('main.ts')).toBe(
      'a.ts:2:19: cannot find "./helper" (tried helper, helper.ts, helper.tsx, helper.mts, helper.cts and 6 more)',
    );
  });

  it('is remembered, and over once the helper is back', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'` });
    const first = await rig.problem('main.ts');
    expect(await rig.problem('main.ts')).toBe(first);
    expect(rig.work).toEqual([]);
    rig.write({ 'a.ts': '' });
    expect(await rig.files('main.ts')).toEqual(['a.ts', 'main.ts']);
  });

  it('a syntax error, wherever it is', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': 'let x =\n  ;' });
    expect(await rig.problem('main.ts')).toBe('a.ts:2:3: Unexpected token');
    expect(await rig.problem('main.ts')).toBe('a.ts:2:3: Unexpected token');
    expect(rig.work).toEqual([]);
    rig.write({ 'a.ts': 'let x = 1' });
    expect(await rig.files('main.ts')).toEqual(['a.ts', 'main.ts']);
  });

  it('all at once', async () => {
    const rig = rigOf({ 'main.ts': `import './a'; import './b.ts'; require('./c/')`, 'b.ts': '(' });
    expect((await rig.problem('main.ts')).split('\n').map((line) => line.split(' (')[0])).toEqual([
      'main.ts:1:8: cannot find "./a"',
      'main.ts:1:40: cannot find "./c/"',
      'b.ts:1:2: Unexpected token',
    ]);
  });

  it('an entry that is missing or a folder', async () => {
    const rig = rigOf({ 'src/a.ts': '' });
    expect(await rig.problem('main.ts')).toBe('main.ts: does not exist');
    expect(await rig.problem('src')).toMatch(/^src: is a folder/);
  });

  it('no error for what is optional', async () => {
    const rig = rigOf({
      'main.ts': `try { require('./a') } catch {}; import('./b').catch(() => 0); import.meta.resolve('./c'); try { require('#d') } catch {}`,
    });
    expect(await rig.files('main.ts')).toEqual(['main.ts']);
  });
});
