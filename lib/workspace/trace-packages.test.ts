import { describe, expect, it } from '@jest/globals';
import { around, makeRigs } from './trace-rig.ts';

const rigOf = makeRigs();

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
