import { describe, expect, it } from '@jest/globals';
import { around, makeRigs } from './trace-rig.ts';

const rigOf = makeRigs();

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
