// Everything that may happen to a workspace between two runs. Each change takes three numbers, so that a sequence of them is plain data that
// can be shortened and replayed.

import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { filesBelow, isFile, isFolder, mendSources, otherKind, put, relink, remove } from './disk.ts';
import { stageChanges } from './stage-changes.ts';
import { codeFiles, paramFiles, pick, sources, spellOut } from './world.ts';
import type { Numbers, World } from './world.ts';

/** What a change is done to. */
export interface Scene {
  readonly world: World;
  /** Absolute path of the workspace; the cache lies beside it. */
  readonly root: string;
  /** What the cache knew may be gone. */
  forget(): void;
  /** Some object has bytes that are not its own. */
  damaged(): void;
}

const diskChanges: Readonly<Record<string, (scene: Scene, numbers: Numbers) => void>> = {
  // ---- sources ----
  'edit source': ({ root }, [a, b]) => put(root, pick(sources, a), `content ${b % 4}\n`),
  'append to source': ({ root }, [a, b]) => {
    const path = join(root, pick(sources, a));
    if (isFile(path)) appendFileSync(path, `more ${b % 4}\n`);
  },
  'same size, mtime put back': ({ root }, [a, b]) => {
    const path = join(root, pick(sources, a));
    if (!isFile(path)) return;
    const { atime, mtime, size } = statSync(path);
    if (size < 2) return;
    const bytes = readFileSync(path);
    bytes[0] = 0x61 + (b % 26);
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
  },
  touch: ({ root }, [a]) => {
    const path = join(root, pick([...sources, ...codeFiles, ...paramFiles], a));
    if (existsSync(path)) utimesSync(path, new Date(), new Date());
  },
  'executable bit': ({ root }, [a, b]) => {
    const path = join(root, pick(sources, a));
    if (isFile(path)) chmodSync(path, b % 2 === 0 ? 0o755 : 0o644);
  },
  'other kind of source': ({ root }, [a, b, c]) => otherKind(root, pick(sources, a), b, c),
  'delete source': ({ root }, [a]) => remove(join(root, pick(sources, a))),
  'add or remove in folder': ({ root }, [a, b, c]) => {
    const path = join(root, pick(['data', 'data/sub', 'src'], a), pick(['new.txt', '.hidden', 'empty'], b));
    if (existsSync(path) || !isFolder(dirname(path))) remove(path);
    else if (b % 3 === 2) mkdirSync(path);
    else writeFileSync(path, `new ${c % 3}\n`);
  },
  'link elsewhere': ({ root }, [a, b]) => {
    relink(root, 'to-file', pick(['src/a.txt', 'src/b.txt', 'loose'], a));
    if (b % 2 === 0) relink(root, 'to-folder', pick(['data', 'src'], b >> 1));
  },
  'edit code': ({ root }, [a, b, c]) => {
    const index = a % codeFiles.length;
    // A file imports only later ones, so that there is an end to it.
    const later = codeFiles.slice(index + 1).filter((_, position) => ((b >> position) & 1) === 1);
    const imports = later.map((path) => `import './${posix.basename(path)}';\n`).join('');
    put(root, codeFiles[index]!, `${imports}// version ${c % 3}\n`);
  },
  'mend sources': ({ root }) => mendSources(root),

  // ---- params ----
  'change a param': ({ world }, [a, b]) => {
    const file = pick(paramFiles, a);
    const values = world.params[file]!;
    const key = pick(Object.keys(values), a >> 2);
    const fitting = file === 'third.toml' ? tomlValues : paramValues;
    values[key] = key === 'nest' ? { a: pick([1, '1', 2], b), b: b % 2 === 0 } : pick(fitting, b);
  },
  'add or remove an unused param': ({ world }, [a, b]) => {
    const values = world.params[pick(paramFiles, a)]!;
    if (values['extra'] === undefined) values['extra'] = b;
    else delete values['extra'];
  },

  // ---- outs ----
  'delete an out': ({ world, root }, [a, b]) => {
    const out = pickOut(world, a, b);
    if (out !== undefined) remove(join(root, out));
  },
  'delete all outs': ({ world, root }) => {
    for (const stage of spellOut(world)) for (const out of stage.outs) remove(join(root, out.path));
  },
  'replace an out': ({ world, root }, [a, b, c]) => {
    const out = pickOut(world, a, b);
    if (out !== undefined) otherKind(root, out, c, c >> 2);
  },
  'edit in an out': ({ world, root }, [a, b, c]) => {
    const out = pickOut(world, a, b);
    const files = out === undefined ? [] : filesBelow(join(root, out));
    if (files.length === 0) return;
    // A file of its own, as an editor that saves safely makes it: the cache is not written through.
    const path = pick(files, c);
    writeFileSync(`${path}.new`, `by hand ${c % 3}\n`);
    renameSync(`${path}.new`, path);
  },
  'write through an out': (scene, [a, b, c]) => {
    const out = pickOut(scene.world, a, b);
    const files = out === undefined ? [] : filesBelow(join(scene.root, out));
    if (files.length === 0) return;
    const path = pick(files, c);
    const bytes = readFileSync(path);
    if (bytes.length < 2) return;
    bytes[0] = 0x61 + (c % 26);
    chmodSync(path, 0o644);
    writeFileSync(path, bytes);
    scene.damaged();
    scene.forget();
  },
  'delete in an out': ({ world, root }, [a, b, c]) => {
    const out = pickOut(world, a, b);
    const found = out === undefined || !isFolder(join(root, out)) ? [] : readdirSync(join(root, out));
    if (found.length > 0) remove(join(root, out!, pick(found, c)));
  },
  'litter in an out': ({ world, root }, [a, b, c]) => {
    const out = pickOut(world, a, b);
    if (out === undefined || !isFolder(join(root, out))) return;
    const path = join(root, out, 'litter');
    remove(path);
    if (c % 2 === 0) mkdirSync(path);
    else writeFileSync(path, 'litter\n');
  },
  'out aside and back': ({ world, root }, [a, b]) => {
    const out = pickOut(world, a, b);
    if (out === undefined || !existsSync(join(root, out))) return;
    cpSync(join(root, out), join(root, 'aside'), { recursive: true, verbatimSymlinks: true });
    remove(join(root, out));
    renameSync(join(root, 'aside'), join(root, out));
  },

  // ---- what dagrun keeps ----
  'delete the lock': ({ root }) => remove(join(root, 'pipeline.lock')),
  'delete .dagrun': ({ root }) => remove(join(root, '.dagrun')),
  'delete part of .dagrun': ({ root }, [a]) => {
    const files = filesBelow(join(root, '.dagrun'));
    if (files.length > 0) remove(pick(files, a));
  },
  'delete from the cache': (scene, [a, b]) => {
    const files = filesBelow(join(scene.root, '../cache', pick(['objects', 'runs', 'history', 'logs', 'hits'], a)));
    if (files.length === 0) return;
    remove(pick(files, b));
    scene.forget();
  },
  'delete the cache': (scene) => {
    remove(join(scene.root, '../cache'));
    scene.forget();
  },
  'damage the cache': (scene, [a, b, c]) => {
    const files = filesBelow(join(scene.root, '../cache', pick(['objects', 'runs'], a)));
    if (files.length === 0) return;
    const path = pick(files, b);
    const bytes = readFileSync(path);
    chmodSync(path, 0o644);
    if (c % 3 === 0) writeFileSync(path, bytes.subarray(0, bytes.length >> 1));
    else if (c % 3 === 1 || bytes.length === 0) writeFileSync(path, `${bytes.toString('latin1')}more`);
    else {
      bytes[c % bytes.length]! ^= 1;
      writeFileSync(path, bytes);
    }
    if (c % 2 === 0) chmodSync(path, 0o444);
    scene.damaged();
    scene.forget();
  },
};

export const changeNames = [...Object.keys(diskChanges), ...Object.keys(stageChanges)];

export function applyChange(kind: string, scene: Scene, numbers: Numbers): void {
  if (diskChanges[kind] !== undefined) diskChanges[kind](scene, numbers);
  else stageChanges[kind]!(scene.world, numbers);
}

const tomlValues = [0, 1, -3, 'one', '1', true, false, ['a', 1]] as const;
const paramValues = [0, 1, '1', true, false, null, '', [], {}, [1], { deep: { er: [null] } }, 'ünï', -1.5] as const;

function pickOut(world: World, a: number, b: number): string | undefined {
  const outs = pick(spellOut(world), a).outs;
  return outs.length === 0 ? undefined : pick(outs, b).path;
}
