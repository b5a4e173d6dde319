import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digestText } from '../core/digest.ts';
import type { RepoPath } from '../core/path.ts';
import { TraceRig, makeRigs } from './trace-rig.ts';
import type { Tree } from './trace-rig.ts';
import { CodeTracer } from './trace.ts';

const rigOf = makeRigs();

const entry = 'main.ts' as RepoPath;
const tree = {
  'main.ts': `import './a'; import '@/b'; import 'p'; try { require('./no') } catch {}`,
  'a.ts': `import './b.js'`,
  'b.ts': '',
  'package.json': '{"name":"me"}',
  'tsconfig.json': '{"compilerOptions":{"paths":{"@/*":["./*"]}}}',
};

describe('when nothing changed', () => {
  it('nothing is parsed or resolved, no parser is loaded, and the answer is there at once', async () => {
    const rig = rigOf(tree);
    rig.install('p', '1.0.0');
    const first = await rig.trace('main.ts');
    expect(rig.work).toEqual(
      expect.arrayContaining(['load-parser main.ts', 'load-tsconfig tsconfig.json', 'parse a.ts', 'resolve b.ts']),
    );
    rig.work = [];
    const second = rig.tracer().trace(entry);
    expect(second).not.toBeInstanceOf(Promise);
    expect(second).toEqual(first);
    expect(rig.work).toEqual([]);
  });

  it('the state file is not written again', async () => {
    const rig = rigOf(tree);
    await rig.trace('main.ts');
    const path = join(rig.stateDir, 'trace.json');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before);
    chmodSync(path, 0o400);
    await rig.trace('main.ts');
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('digests that take their time are waited for, and still nothing is parsed', async () => {
    const rig = rigOf(tree);
    const first = await rig.trace('main.ts');
    rig.work = [];
    const tracer = new CodeTracer({
      root: rig.root,
      stateDir: rig.stateDir,
      digest: async (path) => rig.digest(path),
      onWork: (work) => rig.work.push(work),
    });
    expect(await tracer.trace(entry)).toEqual(first);
    expect(rig.work).toEqual([]);
  });
});

describe('when digests take their time', () => {
  it('a changed version is noticed all the same', async () => {
    const rig = rigOf({ 'main.ts': `import 'p'` });
    rig.install('p', '1.0.0');
    await rig.trace('main.ts');
    rig.install('p', '2.0.0');
    const { root, stateDir } = rig;
    const result = await new CodeTracer({ root, stateDir, digest: async (path) => rig.digest(path) }).trace(entry);
    expect(result.ok && { ...result.value.packages }).toEqual({ p: '2.0.0' });
  });
});

describe('when little changed', () => {
  it('only the edited file is parsed', async () => {
    const rig = rigOf(tree);
    await rig.trace('main.ts');
    rig.write({ 'b.ts': '2' });
    await rig.trace('main.ts');
    expect(rig.work.filter((work) => !work.startsWith('load'))).toEqual(['parse b.ts', 'resolve b.ts']);
  });

  it('a file that appears leads to resolving, not to parsing', async () => {
    const rig = rigOf(tree);
    await rig.trace('main.ts');
    rig.write({ 'no.ts': '' });
    expect(await rig.files('main.ts')).toContain('no.ts');
    expect(rig.work.filter((work) => work.includes('main.ts'))).toEqual(['resolve main.ts']);
  });

  it('an edit while the file is read is traced as it was read, and noticed by the next process', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': '', 'b.ts': '' });
    const old = rig.digest('main.ts');
    rig.write({ 'main.ts': `import './b.ts'` });
    const tracer = new CodeTracer({
      root: rig.root,
      stateDir: rig.stateDir,
      digest: (path) => (path === entry ? old : rig.digest(path)),
    });
    const result = await tracer.trace(entry);
    tracer.save();
    expect(result.ok && Object.keys(result.value.files)).toEqual(['b.ts', 'main.ts']);
    rig.write({ 'main.ts': `import './a.ts'` });
    expect(await rig.files('main.ts')).toEqual(['a.ts', 'main.ts']);
  });
});

describe('within one process', () => {
  it('a file that many entries share is digested once', async () => {
    const shared = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`s${at}.ts`, `import './s${at + 1}.ts'`]));
    const entries = Array.from({ length: 20 }, (_, at) => `e${at}.ts`);
    const rig = rigOf({
      ...shared,
      's10.ts': '',
      ...Object.fromEntries(entries.map((name) => [name, `import './s0.ts'`])),
    });
    const warm = rig.tracer();
    for (const name of entries) await warm.trace(name as RepoPath);
    warm.save();
    rig.digested = [];
    const tracer = rig.tracer();
    for (const name of entries) tracer.trace(name as RepoPath);
    expect(rig.digested.length).toBe(new Set(rig.digested).size);
    expect(rig.digested.length).toBe(31);
  });

  it('nothing is looked at again until forget()', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': '1' });
    const tracer = rig.tracer();
    const first = await tracer.trace(entry);
    rig.write({ 'a.ts': '2', 'main.ts': `import './a.ts'; import './b.ts'`, 'b.ts': '' });
    expect(await tracer.trace(entry)).toBe(first);
    tracer.forget();
    const second = await tracer.trace(entry);
    expect(second.ok && Object.keys(second.value.files)).toEqual(['a.ts', 'b.ts', 'main.ts']);
  });

  it('many traces at once share their work', async () => {
    const rig = rigOf({ 'x.ts': `import './s.ts'`, 'y.ts': `import './s.ts'`, 's.ts': '' });
    const tracer = rig.tracer();
    await Promise.all(['x.ts', 'y.ts', 'x.ts'].map(async (name) => tracer.trace(name as RepoPath)));
    expect(rig.work.filter((work) => work === 'parse s.ts')).toHaveLength(1);
    expect(rig.work.filter((work) => work.startsWith('parse'))).toHaveLength(3);
  });
});

describe('state that is worth nothing', () => {
  const path = (rig: TraceRig) => join(rig.stateDir, 'trace.json');

  it('any damage to the file is as if there were none', async () => {
    const rig = rigOf(tree);
    const good = await rig.trace('main.ts');
    const bytes = readFileSync(path(rig));
    const damage = fc.oneof(
      fc.record({ at: fc.nat(bytes.length - 1), byte: fc.integer({ min: 1, max: 255 }) }).map(({ at, byte }) => {
        const copy = Buffer.from(bytes);
        copy[at] = copy[at]! ^ byte;
        return copy;
      }),
      fc.nat(bytes.length - 1).map((end) => bytes.subarray(0, end)),
      fc.uint8Array().map((more) => Buffer.from(more)),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (damaged) => {
        writeFileSync(path(rig), damaged);
        expect(await rig.trace('main.ts')).toEqual(good);
        expect(rig.work.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  it('any JSON under a right checksum is refused or harmless', async () => {
    const rig = rigOf({ 'main.ts': `import './a.ts'`, 'a.ts': '' });
    const good = await rig.trace('main.ts');
    const node = fc.record({
      digest: fc.constantFrom(digestText('x'), 'no'),
      imports: fc.anything(),
      facts: fc.array(fc.oneof(fc.nat(3), fc.anything()), { maxLength: 3 }),
      files: fc.anything(),
      packages: fc.anything(),
      problems: fc.anything(),
    });
    const state = fc.oneof(
      fc.jsonValue(),
      fc.record({
        nodes: fc.array(fc.tuple(fc.constantFrom('main.ts', 'a.ts'), node), { maxLength: 3 }),
        facts: fc.array(fc.string(), { maxLength: 4 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(state, async (value) => {
        const body = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
        writeFileSync(path(rig), `dagrun-trace 1 ${process.version} ${digestText(body)}\n${body}`);
        expect(await rig.trace('main.ts')).toEqual(good);
      }),
      { numRuns: 100 },
    );
  });

  it('a folder that cannot be written costs time, nothing else', async () => {
    const rig = rigOf(tree);
    writeFileSync(join(rig.folder, 'file'), '');
    const tracer = rig.tracer(join(rig.folder, 'file/state'));
    expect((await tracer.trace(entry)).ok).toBe(true);
    expect(() => tracer.save()).not.toThrow();
  });

  it('nothing is written where nothing was traced', () => {
    const rig = rigOf(tree);
    rig.tracer().save();
    expect(existsSync(rig.stateDir)).toBe(false);
  });

  it('sources of another time are dropped once they are many', async () => {
    const names = Array.from({ length: 1200 }, (_, at) => `old${at}.ts`);
    const rig = rigOf({
      'main.ts': '',
      'all.ts': names.map((name) => `import './${name}'`).join('\n'),
      ...Object.fromEntries(names.map((name) => [name, ''])),
    });
    await rig.trace('all.ts');
    expect(readFileSync(path(rig), 'utf8')).toContain('old7.ts');
    await rig.trace('main.ts');
    expect(readFileSync(path(rig), 'utf8')).not.toContain('old7.ts');
    expect(readFileSync(path(rig), 'utf8')).toContain('main.ts');
  });
});

describe('size', () => {
  const chain = (length: number): Tree =>
    Object.fromEntries(
      Array.from({ length }, (_, at) => [`c${at}.ts`, at + 1 < length ? `import './c${at + 1}.ts'` : '']),
    );

  it('a chain of 2,000 files does not overflow, and is known at once the next time', async () => {
    const rig = rigOf(chain(2000));
    expect(await rig.files('c0.ts')).toHaveLength(2000);
    const again = rig.tracer().trace('c0.ts' as RepoPath);
    expect(again).not.toBeInstanceOf(Promise);
    expect(!(again instanceof Promise) && again.ok && Object.keys(again.value.files)).toHaveLength(2000);
  });
});

/** A model of a project: which helpers exist, in which form, what each imports. Edits are random; what counts is that no history shows. */
type Edit =
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly form: number;
      readonly imports: readonly number[];
      readonly style: number;
    }
  | { readonly kind: 'remove'; readonly file: number; readonly form: number }
  | { readonly kind: 'install'; readonly where: number; readonly version: number }
  | { readonly kind: 'uninstall'; readonly where: number }
  | { readonly kind: 'tsconfig'; readonly target: number }
  | { readonly kind: 'package'; readonly target: number };

const forms = ['f#.ts', 'f#.js', 'f#/index.ts', 'f#.d.ts', 'f#/f#.mts'];
const folders = ['.', '..', 'f1', 'f2'];
const styles = [
  (to: number) => `import './f${to}'`,
  (to: number) => `export * from './f${to}.js'`,
  (to: number) => `try { require('../f${to}') } catch {}`,
  (to: number) => `import '@/f${to}'`,
  (to: number) => `import '#f${to}'`,
  (to: number) => `import 'p'; import type { T } from './f${to}'`,
  (to: number) => `new URL('./f${to}.ts', import.meta.url); import 'me/f${to}'`,
];

const small = fc.nat(3);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      file: small,
      form: fc.nat(forms.length - 1),
      imports: fc.array(small, { maxLength: 3 }),
      style: fc.nat(styles.length - 1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), file: small, form: fc.nat(forms.length - 1) }),
  },
  fc.record({ kind: fc.constant('install' as const), where: small, version: small }),
  fc.record({ kind: fc.constant('uninstall' as const), where: small }),
  fc.record({ kind: fc.constant('tsconfig' as const), target: small }),
  fc.record({ kind: fc.constant('package' as const), target: small }),
);

/** The files that an edit writes, or what it removes. */
function filesOf(change: Edit): Tree | string {
  switch (change.kind) {
    case 'write': {
      const source = change.imports.map((to, at) => styles[(change.style + at) % styles.length]!(to)).join('\n');
      return { [forms[change.form]!.replaceAll('#', String(change.file))]: source };
    }
    case 'remove':
      return forms[change.form]!.replaceAll('#', String(change.file));
    case 'install':
      return {
        [`${folders[change.where]!}/node_modules/p/package.json`]: `{"name":"p","version":"${change.version}.0.0"}`,
      };
    case 'uninstall':
      return `${folders[change.where]!}/node_modules`;
    case 'tsconfig': {
      const target = ['./*', './f1/*', './*.ts', './f2/*'][change.target];
      const [file, base] =
        change.target % 2 === 0 ? ['tsconfig.json', './base.json'] : ['f1/tsconfig.json', '../base.json'];
      return {
        'base.json': JSON.stringify({ compilerOptions: { paths: { '@/*': [target] } } }),
        [file]: JSON.stringify({ extends: base }),
      };
    }
    case 'package': {
      const target = ['./*.ts', './*.js', './*/index.ts', './f1/*.ts'][change.target];
      return { 'package.json': JSON.stringify({ name: 'me', exports: './f1.ts', imports: { '#*': target } }) };
    }
  }
}

function apply(rig: TraceRig, change: Edit): void {
  const files = filesOf(change);
  if (typeof files === 'string') rig.remove(files);
  else rig.write(files);
}

describe('any history of edits', () => {
  it('leaves the trace that a fresh look gives', async () => {
    let errors = 0;
    let found = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 8 }),
        async (rounds) => {
          const rig = new TraceRig({
            'main.ts': `import './f0'; import '@/f1'`,
            'tsconfig.json': '{"compilerOptions":{"paths":{"@/*":["./*"]}}}',
            'f0.ts': '',
            'f1.ts': '',
          });
          mkdirSync(join(rig.root, 'f1'));
          try {
            for (const edits of rounds) {
              for (const change of edits) {
                try {
                  apply(rig, change);
                } catch {
                  // A folder where a file would go: that edit does not happen.
                }
              }
              const remembered = await rig.trace('main.ts');
              const fresh = await rig.tracer(join(rig.folder, 'no state')).trace(entry);
              expect(remembered).toEqual(fresh);
              if (fresh.ok) found++;
              else errors++;
            }
          } finally {
            rig.dispose();
          }
        },
      ),
      { numRuns: 80 },
    );
    // The model reaches both: otherwise it would prove little.
    expect(found).toBeGreaterThan(20);
    expect(errors).toBeGreaterThan(20);
  });
});
