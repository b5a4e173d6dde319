import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loadDigest } from '../core/digest.ts';
import { TraceRig } from './trace-rig.ts';
import type { Tree } from './trace-rig.ts';

beforeAll(loadDigest);

const rigs: TraceRig[] = [];
function rigOf(tree: Tree): TraceRig {
  const rig = new TraceRig(tree);
  rigs.push(rig);
  return rig;
}
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.dispose();
});

/** The traces before and after a change, by processes that share their state. */
async function around(
  rig: TraceRig,
  change: () => void,
  entry = 'main.ts',
): Promise<{ readonly same: boolean; readonly files: string[] }> {
  const before = await rig.traced(entry);
  change();
  const after = await rig.traced(entry);
  return { same: JSON.stringify(before) === JSON.stringify(after), files: Object.keys(after.files) };
}

describe('what counts', () => {
  it('the entry and all that it imports, directly and through others', async () => {
    const rig = rigOf({
      'stages/main.ts': `import '../lib/a.ts'`,
      'lib/a.ts': `export * from './b.ts'`,
      'lib/b.ts': '',
      'lib/other.ts': '',
    });
    expect(await rig.files('stages/main.ts')).toEqual(['lib/a.ts', 'lib/b.ts', 'stages/main.ts']);
  });

  it.each([
    ['dynamic import', `const a = await import('./a.ts')`],
    ['require', `const a = require('./a.ts')`],
    ['import = require()', `import a = require('./a.ts')`],
    ['new Worker(new URL())', `new Worker(new URL('./a.ts', import.meta.url))`],
    ['re-export', `export { a } from './a.ts'`],
    ['a file: URL', `import '__URL__/a.ts'`],
    ['an absolute path', `import '__ROOT__/a.ts'`],
    ['a query', `import './a.ts?fresh'`],
  ])('by %s', async (_title, source) => {
    const rig = rigOf({ 'a.ts': '' });
    rig.write({ 'main.ts': source.replace('__URL__', `file://${rig.root}`).replace('__ROOT__', rig.root) });
    expect(await rig.files('main.ts')).toEqual(['a.ts', 'main.ts']);
  });

  it('JSON and other assets as files that are not read for imports', async () => {
    const rig = rigOf({
      'main.ts': `import a from './a.json'; new URL('./font.ttf', import.meta.url)`,
      'a.json': `"import './b.ts'"`,
      'font.ttf': `import './b.ts'`,
      'b.ts': '',
    });
    expect(await rig.files('main.ts')).toEqual(['a.json', 'font.ttf', 'main.ts']);
    expect(rig.work.filter((work) => work.startsWith('parse'))).toEqual(['parse main.ts']);
  });

  it('files outside of the root, by a path with leading ..', async () => {
    const rig = rigOf({
      'main.ts': `import '../shared/x.ts'`,
      '../shared/x.ts': `import './y.ts'`,
      '../shared/y.ts': '',
    });
    expect(await rig.files('main.ts')).toEqual(['../shared/x.ts', '../shared/y.ts', 'main.ts']);
  });

  it('import cycles once', async () => {
    const rig = rigOf({
      'main.ts': `import './a.ts'`,
      'a.ts': `import './b.ts'`,
      'b.ts': `import './a.ts'; import './main.ts'; import './b.ts'`,
    });
    expect(await rig.files('main.ts')).toEqual(['a.ts', 'b.ts', 'main.ts']);
  });

  it('an entry in another language counts alone', async () => {
    const rig = rigOf({
      'train.py': 'import helper',
      'helper.py': '',
      'run.sh': '. ./x.sh',
      Makefile: `import './train.py'`,
    });
    expect(await rig.files('train.py')).toEqual(['train.py']);
    expect(await rig.files('run.sh')).toEqual(['run.sh']);
    expect(await rig.files('Makefile')).toEqual(['Makefile']);
    expect(rig.work).not.toContain('load-parser Makefile');
  });

  it('a program without extension is followed when its first line runs Node.js', async () => {
    const rig = rigOf({ 'bin/tool': `#!/usr/bin/env node\nrequire('../a.js')`, 'a.js': '' });
    expect(await rig.files('bin/tool')).toEqual(['a.js', 'bin/tool']);
  });

  it('names like __proto__ are names like any other', async () => {
    const rig = rigOf({
      'main.ts': `import './__proto__'; import './constructor.ts'`,
      __proto__: '',
      'constructor.ts': '',
    });
    rig.write({ ['__proto__']: '' });
    rig.install('constructor', '1.0.0');
    rig.write({ 'main.ts': `import './__proto__'; import 'constructor'` });
    expect(await rig.files('main.ts')).toEqual(['__proto__', 'main.ts']);
    expect(await rig.packages('main.ts')).toEqual({ constructor: '1.0.0' });
  });
});

describe('a change that counts', () => {
  const tree = { 'main.ts': `import './a.ts'`, 'a.ts': `import './b.ts'`, 'b.ts': '1', 'c.ts': '' };

  it('the helper of a helper is edited', async () => {
    const rig = rigOf(tree);
    expect((await around(rig, () => rig.write({ 'b.ts': '2' }))).same).toBe(false);
  });

  it('a comment is edited', async () => {
    const rig = rigOf(tree);
    expect((await around(rig, () => rig.write({ 'b.ts': '1 // one' }))).same).toBe(false);
  });

  it('an import is added or removed', async () => {
    const rig = rigOf(tree);
    expect((await around(rig, () => rig.write({ 'b.ts': `import './c.ts'` }))).files).toContain('c.ts');
    expect((await around(rig, () => rig.write({ 'b.ts': '' }))).files).not.toContain('c.ts');
  });

  it('a file appears that shadows another', async () => {
    const rig = rigOf({ 'main.ts': `import './x'`, 'x/index.ts': '' });
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'x/index.ts']);
    expect((await around(rig, () => rig.write({ 'x.ts': '' }))).files).toEqual(['main.ts', 'x.ts']);
    expect((await around(rig, () => rig.remove('x.ts'))).files).toEqual(['main.ts', 'x/index.ts']);
  });

  it('an optional helper appears', async () => {
    const rig = rigOf({ 'main.ts': `try { require('./local.js') } catch {}` });
    expect((await around(rig, () => rig.write({ 'local.js': '' }))).files).toEqual(['local.js', 'main.ts']);
  });

  it('a link is pointed elsewhere', async () => {
    const rig = rigOf({ 'main.ts': `import './model.ts'`, 'small.ts': '', 'large.ts': '' });
    rig.link('model.ts', 'small.ts');
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'small.ts']);
    rig.remove('model.ts');
    rig.link('model.ts', 'large.ts');
    expect(await rig.files('main.ts')).toEqual(['large.ts', 'main.ts']);
  });
});

describe('a change that does not count', () => {
  it('an unrelated file', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': '', 'other.ts': '1' });
    expect((await around(rig, () => rig.write({ 'other.ts': '2', 'new.ts': '' }))).same).toBe(true);
  });

  it('a file from which only types are imported', async () => {
    const rig = rigOf({
      'main.ts': `import type { A } from './types.ts'; import { type B } from './types.ts'; export type { C } from './types.ts'`,
      'types.ts': '1',
    });
    expect((await around(rig, () => rig.write({ 'types.ts': '2' }))).same).toBe(true);
  });

  it('a declaration file beside nothing', async () => {
    const rig = rigOf({
      'main.ts': `import { A } from './types'; import { B } from './b.js'; import { C } from './c'`,
      'types.d.ts': '',
      'b.d.ts': '',
      'c/index.d.ts': '',
    });
    expect(await rig.files('main.ts')).toEqual(['main.ts']);
  });

  it('the upgrade of an unrelated package', async () => {
    const rig = rigOf({ 'main.ts': `import 'used'` });
    rig.install('used', '1.0.0');
    rig.install('unrelated', '1.0.0');
    expect((await around(rig, () => rig.install('unrelated', '2.0.0'))).same).toBe(true);
  });

  it('scripts in package.json, and options in tsconfig.json that say nothing of imports', async () => {
    const rig = rigOf({
      'main.ts': `import '@/a'`,
      'src/a.ts': '',
      'package.json': '{"name":"x"}',
      'tsconfig.json': `{"compilerOptions":{"paths":{"@/*":["./src/*"]}}}`,
    });
    const change = () =>
      rig.write({
        'package.json': '{"name":"x","scripts":{"a":"b"}}',
        'tsconfig.json': `{"compilerOptions":{"strict":true,"paths":{"@/*":["./src/*"]}}}`,
      });
    expect((await around(rig, change)).same).toBe(true);
  });
});

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

describe('packages', () => {
  it('count by name and installed version', async () => {
    const rig = rigOf({ 'main.ts': `import 'a'; import '@s/b/deep/file.js'; import fs from 'fs'; import 'node:path'` });
    rig.install('a', '1.2.3');
    rig.install('@s/b', '4.5.6-rc.1');
    expect(await rig.packages('main.ts')).toEqual({ a: '1.2.3', '@s/b': '4.5.6-rc.1' });
    expect(await rig.files('main.ts')).toEqual(['main.ts']);
  });

  it('an imported package is upgraded', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': `import 'p'` });
    rig.install('p', '1.0.0');
    expect((await around(rig, () => rig.install('p', '1.0.1'))).same).toBe(false);
    expect(await rig.packages('main.ts')).toEqual({ p: '1.0.1' });
  });

  it('a package that is not installed is missing, and noticed once it is', async () => {
    const rig = rigOf({ 'main.ts': `import 'p'` });
    expect(await rig.packages('main.ts')).toEqual({ p: 'missing' });
    rig.install('p', '1.0.0');
    expect(await rig.packages('main.ts')).toEqual({ p: '1.0.0' });
    rig.remove('node_modules/p');
    expect(await rig.packages('main.ts')).toEqual({ p: 'missing' });
  });

  it('the nearest node_modules decides, also above the root, and a closer one is noticed', async () => {
    const rig = rigOf({ 'src/main.ts': `import 'p'` });
    rig.install('p', '1.0.0', '..');
    expect(await rig.packages('src/main.ts')).toEqual({ p: '1.0.0' });
    rig.install('p', '2.0.0');
    expect(await rig.packages('src/main.ts')).toEqual({ p: '2.0.0' });
    rig.install('p', '3.0.0', 'src');
    expect(await rig.packages('src/main.ts')).toEqual({ p: '3.0.0' });
  });

  it('two versions of one package are both named', async () => {
    const rig = rigOf({ 'main.ts': `import 'p'; import './sub/a.ts'`, 'sub/a.ts': `import 'p'` });
    rig.install('p', '2.0.0');
    rig.install('p', '1.0.0', 'sub');
    expect(await rig.packages('main.ts')).toEqual({ p: '1.0.0, 2.0.0' });
  });

  it('an alias shows which package stands behind it', async () => {
    const rig = rigOf({ 'main.ts': `import 'p'`, 'node_modules/p/package.json': '{"name":"q","version":"1.0.0"}' });
    expect(await rig.packages('main.ts')).toEqual({ p: 'q@1.0.0' });
  });

  it('a store of links (pnpm) is a package all the same', async () => {
    const rig = rigOf({ 'main.ts': `import 'p'` });
    rig.install('p', '1.0.0', 'node_modules/.pnpm/p@1.0.0');
    rig.link('node_modules/p', '.pnpm/p@1.0.0/node_modules/p');
    expect(await rig.packages('main.ts')).toEqual({ p: '1.0.0' });
  });

  it('a file of a package by its path is that package', async () => {
    const rig = rigOf({ 'main.ts': `new URL('./node_modules/p/index.js', import.meta.url)` });
    rig.install('p', '1.0.0');
    expect(await rig.traced('main.ts')).toMatchObject({ packages: { p: '1.0.0' } });
  });

  it('code without a version in node_modules is traced like local code', async () => {
    const rig = rigOf({
      'main.ts': `import 'p'; import 'q'`,
      'node_modules/p/index.js': `require('./b')`,
      'node_modules/p/b.js': '',
      'node_modules/q.js': '',
    });
    expect(await rig.files('main.ts')).toEqual([
      'main.ts',
      'node_modules/p/b.js',
      'node_modules/p/index.js',
      'node_modules/q.js',
    ]);
  });

  it("with Yarn's Plug'n'Play its map of packages counts", async () => {
    const rig = rigOf({ 'main.ts': `import 'p'`, '.pnp.cjs': `require('./nothing')` });
    expect((await around(rig, () => rig.write({ '.pnp.cjs': '2' }))).same).toBe(false);
  });

  it('addresses and schemes of bundlers are left alone', async () => {
    const rig = rigOf({
      'main.ts': `import 'https://a.org/x.js'; import 'data:text/javascript,1'; import 'virtual:x'; import 'npm:p'`,
    });
    expect(await rig.traced('main.ts')).toMatchObject({ packages: {} });
  });
});

describe('workspace packages', () => {
  const tree = {
    'main.ts': `import '@me/lib'; import '@me/lib/extra'`,
    'packages/lib/package.json': JSON.stringify({
      name: '@me/lib',
      version: '1.0.0',
      exports: {
        '.': { require: './cjs.js', import: './src/index.ts' },
        './extra': { node: './src/extra.ts', default: './no.js' },
      },
    }),
    'packages/lib/src/index.ts': `import './helper.ts'`,
    'packages/lib/src/helper.ts': '',
    'packages/lib/src/extra.ts': '',
    'packages/lib/cjs.js': '',
  };

  it('linked into node_modules are local code, by their exports', async () => {
    const rig = rigOf(tree);
    rig.link('node_modules/@me/lib', '../../packages/lib');
    const files = ['main.ts', 'packages/lib/src/extra.ts', 'packages/lib/src/helper.ts', 'packages/lib/src/index.ts'];
    expect(await rig.files('main.ts')).toEqual(files);
    expect(await rig.packages('main.ts')).toEqual({});
    expect((await around(rig, () => rig.write({ 'packages/lib/src/helper.ts': '2' }))).same).toBe(false);
  });

  it('exports have conditions: require() leads elsewhere than import', async () => {
    const rig = rigOf({ ...tree, 'main.ts': `require('@me/lib')` });
    rig.link('node_modules/@me/lib', '../../packages/lib');
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'packages/lib/cjs.js']);
  });

  it('an edit to their exports is noticed', async () => {
    const rig = rigOf({ ...tree, 'main.ts': `import '@me/lib'` });
    rig.link('node_modules/@me/lib', '../../packages/lib');
    await rig.trace('main.ts');
    rig.write({ 'packages/lib/package.json': '{"name":"@me/lib","exports":"./cjs.js"}' });
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'packages/lib/cjs.js']);
  });

  it('without exports lead to main, index and files', async () => {
    const rig = rigOf({
      'main.ts': `import 'lib'; import 'lib/sub/file'`,
      'packages/lib/package.json': '{"main":"go"}',
      'packages/lib/go.ts': '',
      'packages/lib/sub/file.ts': '',
    });
    rig.link('node_modules/lib', '../packages/lib');
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'packages/lib/go.ts', 'packages/lib/sub/file.ts']);
  });

  it('linked from outside of the root are local code as well', async () => {
    const rig = rigOf({
      'main.ts': `import 'lib'`,
      '../lib/package.json': '{"name":"lib","version":"1.0.0"}',
      '../lib/index.js': '1',
    });
    rig.link('node_modules/lib', '../../lib');
    expect(await rig.files('main.ts')).toEqual(['../lib/index.js', 'main.ts']);
  });

  it('a package may import itself by name', async () => {
    const rig = rigOf({
      'package.json': '{"name":"me","exports":{"./*":"./src/*.ts"}}',
      'src/main.ts': `import 'me/a'`,
      'src/a.ts': '',
    });
    expect(await rig.files('src/main.ts')).toEqual(['src/a.ts', 'src/main.ts']);
  });

  it('conditions that the tsconfig adds are followed besides the usual ones', async () => {
    const rig = rigOf({
      'main.ts': `import 'lib'`,
      'tsconfig.json': `{"compilerOptions":{"customConditions":["source"]}}`,
      'packages/lib/package.json': '{"exports":{"source":"./src.ts","default":"./dist.js"}}',
      'packages/lib/src.ts': '',
      'packages/lib/dist.js': '',
    });
    rig.link('node_modules/lib', '../packages/lib');
    expect(await rig.files('main.ts')).toEqual(['main.ts', 'packages/lib/dist.js', 'packages/lib/src.ts']);
  });
});

describe('#imports', () => {
  it('lead to files and packages by the package.json of the importing file', async () => {
    const rig = rigOf({
      'package.json': JSON.stringify({
        imports: { '#lib/*': './lib/*.ts', '#db': { node: 'pg', default: './db.js' } },
      }),
      'src/main.ts': `import '#lib/a'; import '#db'`,
      'lib/a.ts': '',
    });
    rig.install('pg', '8.0.0');
    expect(await rig.files('src/main.ts')).toEqual(['lib/a.ts', 'src/main.ts']);
    expect(await rig.packages('src/main.ts')).toEqual({ pg: '8.0.0' });
  });

  it('an edit to them is noticed', async () => {
    const rig = rigOf({
      'package.json': '{"imports":{"#x":"./a.ts"}}',
      'main.ts': `import '#x'`,
      'a.ts': '',
      'b.ts': '',
    });
    expect((await around(rig, () => rig.write({ 'package.json': '{"imports":{"#x":"./b.ts"}}' }))).files).toEqual([
      'b.ts',
      'main.ts',
    ]);
  });

  it('that lead nowhere are an error', async () => {
    const rig = rigOf({ 'package.json': '{"imports":{}}', 'main.ts': `import '#x'` });
    expect(await rig.problem('main.ts')).toBe(
      'main.ts:1:8: cannot find "#x" ("imports" of package.json has no file for it)',
    );
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
