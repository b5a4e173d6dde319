// A cache, a lock and machine-local state as an enemy would write them, with every checksum right. Nothing outside the outs of a stage is ever
// written, removed or restored, and nothing of it is a hit.

import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { digestText, loadDigest } from '../lib/core/digest.ts';
import type { Digest } from '../lib/core/digest.ts';
import { encodeManifest } from '../lib/core/manifest.ts';
import type { ManifestEntry } from '../lib/core/manifest.ts';
import type { Present } from '../lib/core/observation.ts';
import type { RepoPath } from '../lib/core/path.ts';
import type { Fingerprint } from '../lib/plan/parts.ts';
import type { RunEntry, RunOut } from '../lib/plan/record.ts';
import { decodeRunEntry, encodeRunEntry, resultDigest } from '../lib/store/entry.ts';
import { Rows } from '../lib/workspace/tree-rows.ts';
import { encodeSegment } from '../lib/workspace/stat-index-format.ts';
import { step, useRig } from './rig.ts';

const rig = useRig();
const elsewhere = ['../outside/evil', '../../escaped', 'sub/../../outside/evil', '/outside/evil', '.', 'a\\b'];

beforeAll(loadDigest);

beforeEach(() => {
  rig.write({
    '../outside/victim': 'victim',
    '../outside/sub/victim': 'victim',
    '../outside/o': 'victim',
    seed: 'seed\n',
  });
});

/** Everything around the workspace is as it was, and no command that hides in a name was run. */
function nothingHappenedOutside(): void {
  expect(rig.files('../outside')).toEqual(['../outside/o', '../outside/sub/victim', '../outside/victim']);
  for (const path of rig.files('../outside')) expect(rig.read(path)).toBe('victim');
  expect(readdirSync(rig.path('..')).sort()).toEqual(['outside', 'rig.log', 'rig.sock', 'ws']);
  expect(existsSync('/outside')).toBe(false);
}

const file = {
  stages: { only: { cmd: step('only', 'mkdir -p res; cp seed res/o'), deps: ['seed'], outs: ['res/o'] } },
};
const folder = {
  stages: {
    only: { cmd: step('only', 'mkdir -p d/sub; cp seed d/victim; cp seed d/sub/victim'), deps: ['seed'], outs: ['d'] },
  },
};

/** The one recorded run. */
function readEntry(): RunEntry {
  const [path] = rig.files('cache/runs');
  const [fingerprint, name] = path!.split('/').slice(-2) as [string, string];
  const entry = decodeRunEntry(rig.read(path!), fingerprint, name.replace('.json', ''));
  if (!entry.ok) throw new Error(entry.error);
  return entry.value;
}

/** Puts an entry where it would be found, with a checksum and a result that are right, in the place of all others. */
function forgeEntry(change: Partial<RunEntry>): void {
  const entry = { ...readEntry(), ...change };
  const forged = { ...entry, result: change.result ?? resultDigest(entry.outs) };
  rig.remove('cache/runs');
  rig.write({
    [`cache/runs/${forged.fingerprint.slice(0, 2)}/${forged.fingerprint}/${forged.result}.json`]:
      encodeRunEntry(forged),
  });
}

/** Puts a text into the cache under its true digest. */
function plant(text: string): Digest {
  const digest = digestText(text);
  rig.write({ [`cache/objects/${digest.slice(0, 2)}/${digest.slice(2)}`]: text });
  return digest;
}

function plantTree(text: string): Present {
  return { kind: 'tree', digest: plant(text), size: 4, files: 1 };
}

/** The stage is executed, although its outs and lock are gone and something is in the cache. */
async function isNoHit(): Promise<void> {
  expect(['stale', 'restorable', 'unknown']).toContain((await rig.states())['only']);
  const run = await rig.good();
  expect([run.executed, run.restored]).toEqual([['only'], []]);
  nothingHappenedOutside();
  expect(await rig.states()).toEqual({ only: 'fresh' });
  rig.executed();
}

describe('a forged run entry with a right checksum', () => {
  beforeEach(async () => {
    rig.pipeline(file);
    await rig.settle();
  });

  it.each([...elsewhere, 'pipeline.yaml', 'seed', '.git/hooks/pre-commit', 'res'])(
    'that names the out %j is no hit and writes nothing there',
    async (path) => {
      const [out] = readEntry().outs;
      forgeEntry({ outs: [{ ...out!, path: path as RepoPath }] });
      rig.remove('res', 'pipeline.lock');
      await isNoHit();
      expect([rig.read('res/o'), rig.read('seed'), rig.has('.git')]).toEqual(['seed\n', 'seed\n', false]);
    },
  );

  it.each(elsewhere.slice(0, 2))('that names %j beside its own out is no hit', async (path) => {
    const [out] = readEntry().outs;
    forgeEntry({ outs: [out!, { ...out!, path: path as RepoPath }] });
    rig.remove('res', 'pipeline.lock');
    await isNoHit();
  });

  it('of an object that is not there, or of another size or kind, is no hit', async () => {
    const [out] = readEntry().outs as [RunOut];
    const contents: Present[] = [
      { ...out.content, digest: digestText('absent') },
      { ...out.content, size: 4 },
      { kind: 'tree', digest: out.content.digest, size: 5, files: 1 },
    ];
    for (const content of contents) {
      forgeEntry({ outs: [{ ...out, content }] });
      rig.remove('res', 'pipeline.lock');
      await isNoHit();
      expect(rig.read('res/o')).toBe('seed\n');
    }
  });

  it('of another fingerprint or result than its name says is no hit', async () => {
    const entry = readEntry();
    const [path] = rig.files('cache/runs');
    for (const change of [{ fingerprint: digestText('x') as Fingerprint }, { result: digestText('x') }]) {
      rig.write({ [path!]: encodeRunEntry({ ...entry, ...change }) });
      rig.remove('res', 'pipeline.lock');
      await isNoHit();
    }
  });

  it('whose object has other bytes than its digest is no hit, and heals', async () => {
    rig.damage(rig.objectsWith('seed\n')[0]!, 'eviL\n');
    rig.remove('res', 'pipeline.lock');
    await isNoHit();
    expect(rig.read('res/o')).toBe('seed\n');
    rig.remove('res', 'pipeline.lock');
    expect((await rig.good()).restored).toEqual(['only']);
  });

  it('with a run id that is a path reads no file outside', async () => {
    rig.write({ '../outside/evil.log': 'secret' });
    forgeEntry({ runId: '../../../../outside/evil' });
    for (const args of [
      ['logs', 'only', '--run', '../../../../outside/evil'],
      ['logs', 'only'],
      ['repro'],
      ['cache', 'verify'],
    ]) {
      const run = await rig.run(args);
      expect(run.output).not.toMatch(/secret|has a bug/);
    }
    rig.remove('../outside/evil.log');
    nothingHappenedOutside();
  });
});

describe('a forged manifest under its true digest', () => {
  const digest = '0'.repeat(32);

  beforeEach(async () => {
    rig.pipeline(folder);
    await rig.settle();
  });

  function entries(path: string): ManifestEntry[] {
    return [{ kind: 'file', path: path as RepoPath, digest: plant('evil'), size: 4, executable: false }];
  }

  const texts: readonly (readonly [string, () => string])[] = [
    ...elsewhere.map((path) => [`that names ${path}`, () => encodeManifest(entries(path))] as const),
    [
      'with a file below a link that leads outside',
      () => `dagrun-manifest 1\nl - ${JSON.stringify(rig.path('../outside'))} "l"\nf ${plant('evil')} 4 "l/victim"\n`,
    ],
    [
      'with a link that leads outside',
      () =>
        encodeManifest([{ kind: 'link', path: 'victim' as RepoPath, target: '../../outside/victim', digest: null }]),
    ],
    [
      'with a link to an absolute path',
      () => encodeManifest([{ kind: 'link', path: 'victim' as RepoPath, target: '/etc/passwd', digest: null }]),
    ],
    ['that lists a file which is not there', () => `dagrun-manifest 1\nf ${digest} 1 "a"\n`],
    ['that is no manifest', () => 'dagrun-manifest 1\nnonsense\n'],
  ];

  it.each(texts)('%s is no hit, also where a lock asks for it', async (_, text) => {
    const content = plantTree(text());
    const { digest: before } = readEntry().outs[0]!.content;
    forgeEntry({ outs: [{ path: 'd' as RepoPath, label: 'out', content }] });
    rig.remove('d', 'pipeline.lock');
    await isNoHit();
    expect([rig.read('d/victim'), lstatSync(rig.path('d/victim')).isFile()]).toEqual(['seed\n', true]);
    // In the lock as well: then `checkout` has nothing that it would restore.
    const lock = rig.read('pipeline.lock');
    rig.write({ 'pipeline.lock': lock.replace(before, content.digest) });
    rig.remove('d');
    expect((await rig.run(['checkout'])).code).toBe(1);
    expect(rig.has('d')).toBe(false);
    nothingHappenedOutside();
  });
});

describe('a forged lock', () => {
  it.each(elsewhere)('that names %j leads nowhere, whatever the command', async (path) => {
    rig.pipeline(file);
    await rig.settle();
    rig.write({ 'pipeline.lock': rig.read('pipeline.lock').replaceAll('"res/o"', JSON.stringify(path)) });
    for (const line of [
      'checkout --force',
      'status',
      'explain only',
      'gc --workspace',
      'commit',
      'repro',
      'freeze only',
    ]) {
      const run = await rig.run(line.split(' '));
      expect(run.output).not.toContain('has a bug');
      nothingHappenedOutside();
    }
    rig.remove('pipeline.lock');
    await rig.good();
    expect(rig.read('res/o')).toBe('seed\n');
  });

  it('with the digest of another object is not fresh', async () => {
    rig.pipeline(file);
    await rig.settle();
    const [out] = readEntry().outs;
    rig.write({
      'pipeline.lock': rig
        .read('pipeline.lock')
        .replace(`"digest": "${out!.content.digest}`, `"digest": "${plant('evil!')}`),
    });
    expect((await rig.states())['only']).not.toBe('fresh');
    await rig.good();
    expect(rig.read('res/o')).toBe('seed\n');
  });
});

describe('forged machine-local state', () => {
  /** Changes every file of .dagrun that matches, by whatever the function makes of its bytes. */
  function forge(pattern: RegExp, change: (bytes: Buffer) => Uint8Array | string): void {
    const paths = rig.files('.dagrun').filter((path) => pattern.test(path));
    expect(paths).not.toEqual([]);
    for (const path of paths) rig.write({ [path]: change(readFileSync(rig.path(path))) });
  }

  const damages: readonly (readonly [string, (bytes: Buffer) => Uint8Array | string])[] = [
    ['empty', () => ''],
    ['cut off', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['nonsense', () => 'nonsense\n'.repeat(100)],
    ['JSON of another shape', () => '{"build":1,"sources":[],"pipeline":{"stages":[{}]}}'],
    ['one bit off', (bytes) => bytes.map((byte, index) => (index === bytes.length - 40 ? byte ^ 1 : byte))],
  ];

  it.each(damages)('all of it %s: nothing is lost but time', async (_, damage) => {
    rig.pipeline(folder);
    await rig.settle();
    forge(/./, damage);
    expect(await rig.states()).toEqual({ only: 'fresh' });
    forge(/./, damage);
    expect((await rig.good()).skipped).toEqual(['only']);
    nothingHappenedOutside();
  });

  it.each(elsewhere.slice(0, 4))(
    'a compiled pipeline whose outs and folders are %j is not used, also with a right checksum',
    async (path) => {
      rig.pipeline(file);
      await rig.settle();
      const original = rig.read('.dagrun/compiled-pipeline.yaml.json');
      const body = original.slice(original.indexOf('\n') + 1);
      const evil = JSON.stringify(path);
      for (const forged of [
        body.replaceAll('"res/o"', evil),
        body.replace('"wdir":""', `"wdir":${evil}`),
        body.replace('cp seed res/o', 'echo evil > ../outside/victim'),
      ]) {
        expect(forged).not.toBe(body);
        const texts = [forged, `${original.slice(0, original.indexOf('\n'))}\n${forged}`];
        // Commands may be anything: that one is only tried without its checksum.
        if (!forged.includes('evil >')) texts.push(`dagrun-compiled ${digestText(forged)}\n${forged}`);
        for (const text of texts) {
          rig.write({ '.dagrun/compiled-pipeline.yaml.json': text });
          await rig.good(['-f']);
          expect(rig.read('res/o')).toBe('seed\n');
          nothingHappenedOutside();
        }
      }
    },
  );

  it('a stat index that names files outside, with a right checksum, changes nothing', async () => {
    rig.pipeline(file);
    await rig.settle();
    const rows = new Rows(2);
    const keys = ['../outside/victim', '/outside/evil'];
    keys.forEach(() => rows.push(lstatSync(rig.path('seed')), 0));
    writeFileSync(rig.path('.dagrun/stat.idx'), encodeSegment({ columns: rows.columns, keys, trees: [] }));
    expect(await rig.states()).toEqual({ only: 'fresh' });
    rig.write({ seed: 'other\n' });
    expect((await rig.good()).executed).toEqual(['only']);
    nothingHappenedOutside();
  });
});

describe('links in the workspace', () => {
  it('an out folder that became a link to a folder outside is replaced by a restore, and the folder stays as it was', async () => {
    rig.pipeline(folder);
    await rig.settle();
    for (const args of [['repro'], ['checkout', '--force']]) {
      rig.remove('d');
      symlinkSync('../outside', rig.path('d'));
      expect((await rig.run(args)).code).toBe(0);
      expect([lstatSync(rig.path('d')).isDirectory(), rig.read('d/victim')]).toEqual([true, 'seed\n']);
      nothingHappenedOutside();
    }
    expect(rig.executed()).toEqual([]);
  });

  it('a folder inside an out that became a link to a folder outside is replaced as well', async () => {
    rig.pipeline(folder);
    await rig.settle();
    rig.remove('d/sub');
    symlinkSync('../../outside', rig.path('d/sub'));
    expect((await rig.good()).restored).toEqual(['only']);
    expect([lstatSync(rig.path('d/sub')).isDirectory(), rig.files('d')]).toEqual([true, ['d/sub/victim', 'd/victim']]);
    nothingHappenedOutside();
  });

  it.each(['-f', '--no-run-cache'])(
    'an out that became a link outside is removed, not followed, before a run: %s',
    async (flag) => {
      rig.pipeline(folder);
      await rig.settle();
      rig.remove('d');
      symlinkSync('../outside', rig.path('d'));
      expect((await rig.good([flag])).executed).toEqual(['only']);
      expect(lstatSync(rig.path('d')).isDirectory()).toBe(true);
      nothingHappenedOutside();
    },
  );

  it.each([[['repro']], [['repro', '-f']], [['checkout', '--force']]])(
    'an out behind a link that leads outside is neither restored, nor cleared for a run: %j',
    async (args) => {
      rig.pipeline(file);
      await rig.settle();
      rig.remove('res');
      symlinkSync('../outside', rig.path('res'));
      const run = await rig.run(args);
      expect(run.code).toBe(1);
      expect(run.output).toMatch(/res\/o.*(link|edited)/);
      expect(run.output).not.toContain('has a bug');
      nothingHappenedOutside();
    },
  );

  it('a persisted out that is a link outside is left alone', async () => {
    rig.pipeline({
      stages: { only: { cmd: step('only', 'true'), deps: ['seed'], outs: [{ 'res/o': { persist: true } }] } },
    });
    mkdirSync(rig.path('res'));
    symlinkSync('../../outside/o', rig.path('res/o'));
    await rig.repro();
    nothingHappenedOutside();
  });

  it('a link that leads out of a workspace is no hit in another one on the same cache', async () => {
    const env = { DAGRUN_CACHE_DIR: rig.path('../outside-cache') };
    const linking = {
      stages: { only: { cmd: step('only', 'mkdir d; ln -s "$PWD/seed" d/l'), deps: ['seed'], outs: ['d'] } },
    };
    rig.pipeline(linking);
    await rig.settle([], { env });
    rig.pipeline(linking, 'second/pipeline.yaml');
    rig.write({ 'second/seed': 'seed\n' });
    const run = await rig.good([], { env, cwd: 'second' });
    expect(run.executed).toEqual(['only']);
    expect(lstatSync(rig.path('second/d/l')).isSymbolicLink()).toBe(true);
    rmSync(rig.path('../outside-cache'), { recursive: true });
  });
});

describe('names that a shell would take for more', () => {
  const items = [
    '$(touch pwned)',
    '`touch pwned`',
    '; touch pwned #',
    "it's",
    'a "b" c',
    '$HOME & touch pwned',
    '--help',
    '| tee pwned',
  ];

  it('reach no shell from any command, as paths, items, keys and branches', async () => {
    const stages = Object.fromEntries(
      items.map((item, index) => [
        `s${index}`,
        {
          cmd: step(`s${index}`, 'cp -r in/. "out$DAGRUN_STAGE"'),
          wdir: '.',
          deps: [`in/${item}`],
          params: [{ 'p.yaml': [`k${index}`] }],
          outs: [`outs${index}/${item}`],
        },
      ]),
    );
    rig.write(Object.fromEntries(items.map((item) => [`in/${item}`, item])));
    rig.write({ 'p.yaml': JSON.stringify(Object.fromEntries(items.map((item, index) => [`k${index}`, item]))) });
    for (const [index] of items.entries()) mkdirSync(rig.path(`outs${index}`));
    rig.pipeline({ stages });
    const git = rig.git();
    git('add', '.');
    git('commit', '-qm', 'x');
    git('branch', 'a;touch${IFS}pwned');
    git('branch', '$(touch${IFS}pwned)');
    await rig.good(['-j', '4']);
    for (const [index, item] of items.entries()) {
      expect(rig.read(`outs${index}/${item}`)).toBe(item);
      rig.remove(`outs${index}/${item}`);
    }
    expect((await rig.good()).restored).toHaveLength(items.length);
    const lines = [
      'status',
      'dag',
      'dag --mermaid',
      'dag --dot',
      'dag --full',
      'checkout',
      'commit',
      'freeze s1',
      'unfreeze s1',
    ];
    for (const line of [
      ...lines,
      'explain s0',
      'logs s0',
      'gc --all-branches',
      'cache verify',
      'cache stats',
      'repro --dry -f',
    ]) {
      const run = await rig.run(line.split(' '));
      expect([line, run.code, run.output.includes('has a bug')]).toEqual([line, 0, false]);
    }
    const found = readdirSync(rig.path('..'), { recursive: true, encoding: 'utf8' });
    expect(found.filter((path) => join('/', path).endsWith('/pwned'))).toEqual([]);
  });

  it.each(items)('as names of stages or items they are refused, or only names: %j', async (item) => {
    rig.pipeline({ stages: { only: { foreach: { [item]: 1 }, do: { cmd: 'echo ${item} > o', outs: ['o'] } } } });
    for (const line of ['repro', 'status', 'dag --dot']) {
      const run = await rig.run(line.split(' '));
      expect([0, 2]).toContain(run.code);
      expect(run.output).not.toContain('has a bug');
    }
    await rig.run(['logs', `only@${item}`]);
    expect(rig.files('.').filter((path) => path.endsWith('pwned'))).toEqual([]);
    nothingHappenedOutside();
  });
});
