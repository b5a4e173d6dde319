// Where an import leads: to local files, which are traced further, or to a package, which counts by its version.
// Follows Node.js, and what TypeScript runners and bundlers add to it (extensions left out, `./x.js` for x.ts, tsconfig `paths`).
// Where tools disagree about which of two files runs, both count: a file too many costs a rerun, a file too few a wrong result.
// Asks everything through a Disk, so that the answer can be cached along with its facts. Knows no parser.

import { isBuiltin } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findFiles } from './trace-candidates.ts';
import type { Found } from './trace-candidates.ts';
import type { Disk, Look } from './trace-disk.ts';
import type { ImportSite } from './trace-imports.ts';
import { resolveExports, resolveImports } from './trace-maps.ts';
import { nameTsconfig } from './trace-tsconfig.ts';
import type { TsconfigRules } from './trace-tsconfig.ts';

/** One thing an import leads to. */
export type Target =
  /** A local file. `path` is where it was found, `real` the same with links followed. */
  | { readonly kind: 'file'; readonly path: string; readonly real: string }
  | { readonly kind: 'package'; readonly name: string; readonly version: string };

/** `problem` says what is wrong with an import that the program cannot do without; the place is the caller's to add. */
export interface Resolution {
  readonly targets: readonly Target[];
  readonly problem?: string;
}

export interface Importer {
  readonly disk: Disk;
  /** Absolute path of the importing file, links followed. */
  readonly file: string;
  readonly tsconfig: TsconfigRules | undefined;
}

/** The version that stands for a package which is not installed. */
export const missingVersion = 'missing';

const nothing: Resolution = { targets: [] };

/** True for specifiers about which a tsconfig.json may have a say. */
export function isBare(specifier: string): boolean {
  return !/^(?:\.{1,2}(?:$|\/)|\/|[A-Za-z][A-Za-z0-9+.-]*:)/.test(specifier) && !isBuiltin(specifier);
}

export function resolveImport(site: ImportSite, importer: Importer): Resolution {
  const found = site.mode === 'url' ? resolveUrl(site.specifier, importer) : resolveSpecifier(site, importer);
  return site.optional && found.problem !== undefined ? { targets: found.targets } : found;
}

function resolveSpecifier(site: ImportSite, importer: Importer): Resolution {
  const { specifier } = site;
  if (specifier.startsWith('file:')) return resolveFileUrl(specifier, importer);
  if (/^(?:\.{1,2}(?:$|\/)|\/)/.test(specifier)) return resolvePath(site, importer);
  // node:, data:, https: and what bundlers make up: nothing on this disk stands for them.
  if (!isBare(specifier)) return nothing;
  return specifier.startsWith('#') ? resolveHash(site, importer) : resolveBare(site, importer);
}

// ---- files ----

function resolvePath(site: ImportSite, importer: Importer): Resolution {
  const tried: string[] = [];
  for (const spelling of spellings(site)) {
    const found = findFiles(importer.disk, resolve(dirname(importer.file), spelling), { ...probing(spelling), tried });
    if (found.kind === 'files') return { targets: found.files.flatMap((file) => classify(file, importer.disk)) };
    if (found.kind === 'types') return nothing;
  }
  return { targets: [], problem: `cannot find "${site.specifier}" (${describeTried(tried, importer.disk)})` };
}

/** In an ES module a specifier is a URL: `./a%20b.js?v=1` is the file `a b.js`. */
function spellings(site: ImportSite): string[] {
  if (site.mode !== 'import' || !/[?#%]/.test(site.specifier)) return [site.specifier];
  const bare = site.specifier.replace(/[?#].*$/s, '');
  return [site.specifier, decode(bare)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `./x/`, `.` and `..` can only be folders. */
function probing(specifier: string): { readonly folderOnly: boolean } {
  return { folderOnly: /(?:^|\/)\.{0,2}$/.test(specifier) };
}

function describeTried(tried: readonly string[], disk: Disk): string {
  const names = [...new Set(tried)].map((path) => disk.keyOf(path));
  const rest = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return `tried ${names.slice(0, 5).join(', ')}${rest}`;
}

function resolveUrl(specifier: string, importer: Importer): Resolution {
  const base = pathToFileURL(importer.file).href;
  return URL.canParse(specifier, base) ? resolveFileUrl(new URL(specifier, base).href, importer) : nothing;
}

/** A URL names one file exactly (or the source of a compiled one); a folder is nothing to follow. */
function resolveFileUrl(href: string, importer: Importer): Resolution {
  const url = URL.canParse(href) ? new URL(href) : undefined;
  if (url?.protocol !== 'file:') return nothing;
  const path = pathOfUrl(url);
  const found: Found =
    path === undefined ? { kind: 'none' } : findFiles(importer.disk, path, { exact: true, tried: [] });
  if (found.kind === 'files') return { targets: found.files.flatMap((file) => classify(file, importer.disk)) };
  return found.kind === 'folder' ? nothing : { targets: [], problem: `cannot find "${href}"` };
}

/** Undefined for a URL that cannot be a path here (a host, an encoded slash). */
function pathOfUrl(url: URL): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

/** A file below node_modules belongs to a package and counts by its version; where the package has none, it is a file like any other. */
function classify(path: string, disk: Disk): Target[] {
  const { real } = disk.look(path);
  const owner = findOwner(disk, real);
  const version = owner === undefined ? undefined : packageVersion(disk, owner.folder, owner.name);
  return owner === undefined || version === undefined
    ? [{ kind: 'file', path, real }]
    : [{ kind: 'package', name: owner.name, version }];
}

/** The installed package in which a path lies. That the whole workspace may lie below some node_modules does not count. */
function findOwner(disk: Disk, real: string): { readonly folder: string; readonly name: string } | undefined {
  const inside = real.startsWith(`${disk.root}/`);
  const match = /^(.*\/node_modules\/(@[^/]+\/[^/]+|[^/]+))\//.exec(inside ? real.slice(disk.root.length) : real);
  return match === null ? undefined : { folder: (inside ? disk.root : '') + match[1]!, name: match[2]! };
}

// ---- packages ----

interface PackageJson {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly main?: unknown;
  readonly exports?: unknown;
  readonly imports?: unknown;
}

function readPackage(disk: Disk, folder: string): PackageJson | undefined {
  const value = disk.json(join(folder, 'package.json'))?.value;
  return typeof value === 'object' && value !== null ? value : undefined;
}

/** The version, with the real name where the package is installed under another (`npm:` aliases). */
function packageVersion(disk: Disk, folder: string, name: string): string | undefined {
  const { name: ownName, version } = readPackage(disk, folder) ?? {};
  if (typeof version !== 'string' || version === '') return undefined;
  return typeof ownName === 'string' && ownName !== name ? `${ownName}@${version}` : version;
}

function resolveBare(site: ImportSite, importer: Importer): Resolution {
  const { disk, tsconfig } = importer;
  for (const candidate of tsconfig?.candidates(site.specifier) ?? []) {
    const found = findFiles(disk, resolve(candidate), { ...probing(candidate), tried: [] });
    if (found.kind === 'files') return { targets: found.files.flatMap((file) => classify(file, disk)) };
    if (found.kind === 'types') return nothing;
  }
  return resolvePackage(site, importer) ?? resolveMissing(site, importer);
}

function resolveMissing(site: ImportSite, importer: Importer): Resolution {
  const { disk, tsconfig } = importer;
  if (tsconfig?.claims(site.specifier) === true) {
    const tried = tsconfig.candidates(site.specifier).map((path) => resolve(path));
    return {
      targets: [],
      problem: `cannot find "${site.specifier}" (${nameTsconfig(disk, tsconfig)}: ${describeTried(tried, disk)})`,
    };
  }
  const missing: Target = { kind: 'package', name: splitName(site.specifier)[0], version: missingVersion };
  if (tsconfig?.problem !== undefined) {
    return {
      targets: [missing],
      problem: `cannot find "${site.specifier}", and ${nameTsconfig(disk, tsconfig)} is unusable: ${tsconfig.problem}`,
    };
  }
  return { targets: [missing, ...plugAndPlay(importer)] };
}

/** `@scope/name/sub/path` → `@scope/name` and `./sub/path`; without sub path `.`. */
function splitName(specifier: string): readonly [name: string, subpath: string] {
  const match = /^(@[^/]*\/[^/]+|[^/]+)(.*)$/s.exec(specifier);
  const rest = match?.[2] ?? '';
  return [match?.[1] ?? specifier, rest === '' ? '.' : `.${rest}`];
}

function resolvePackage(site: ImportSite, importer: Importer): Resolution | undefined {
  const [name, subpath] = splitName(site.specifier);
  const { disk } = importer;
  const scope = findScope(disk, importer.file);
  if (scope?.json.name === name && scope.json.exports !== undefined && scope.json.exports !== null) {
    return enterPackage({ folder: scope.folder, name, subpath }, site, importer);
  }
  for (let folder = dirname(importer.file); ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules');
    if (!folder.endsWith('/node_modules') && disk.look(modules).kind === 'folder') {
      const found = tryModules(disk.look(join(modules, name)), { name, subpath }, site, importer);
      if (found !== undefined) return found;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

interface PackagePlace {
  readonly folder: string;
  readonly name: string;
  readonly subpath: string;
}

function tryModules(
  found: Look,
  what: Omit<PackagePlace, 'folder'>,
  site: ImportSite,
  importer: Importer,
): Resolution | undefined {
  if (found.kind === 'folder') {
    const entered = enterPackage({ folder: found.real, ...what }, site, importer);
    // Without package.json the folder may hold something else; Node.js goes on upwards.
    const isEmpty = entered.targets[0]?.kind === 'package' && entered.targets[0].version === missingVersion;
    return isEmpty && readPackage(importer.disk, found.real) === undefined ? undefined : entered;
  }
  if (what.subpath !== '.') return undefined;
  // A single file: node_modules/name.js.
  const single = findFiles(importer.disk, found.real, { tried: [] });
  return single.kind === 'files'
    ? { targets: single.files.flatMap((file) => classify(file, importer.disk)) }
    : undefined;
}

/** An installed package is its version. A linked one (a workspace package) and one without a version are local code. */
function enterPackage(place: PackagePlace, site: ImportSite, importer: Importer): Resolution {
  const { disk } = importer;
  const isInstalled = findOwner(disk, `${place.folder}/package.json`) !== undefined;
  const version = isInstalled ? packageVersion(disk, place.folder, place.name) : undefined;
  if (version !== undefined) return { targets: [{ kind: 'package', name: place.name, version }] };
  const files = packageFiles(place, site, importer);
  if (files.length > 0) return { targets: files.flatMap((file) => classify(file, disk)) };
  return { targets: [{ kind: 'package', name: place.name, version: missingVersion }] };
}

function packageFiles({ folder, subpath }: PackagePlace, site: ImportSite, { disk, tsconfig }: Importer): string[] {
  const json = readPackage(disk, folder);
  if (json?.exports === undefined || json.exports === null) {
    const found = findFiles(disk, join(folder, subpath), { folderOnly: subpath === '.', tried: [] });
    return found.kind === 'files' ? [...found.files] : [];
  }
  const files = conditionSets(site, tsconfig).flatMap((conditions) => {
    const target = resolveExports(json.exports, subpath, conditions);
    const found = target === undefined ? undefined : findFiles(disk, join(folder, target), { exact: true, tried: [] });
    return found?.kind === 'files' ? found.files : [];
  });
  return [...new Set(files)];
}

/** Node's conditions; where the project declares conditions of its own, also with those: whether the program runs with them is not known. */
function conditionSets(site: ImportSite, tsconfig: TsconfigRules | undefined): Set<string>[] {
  const plain = ['node', site.mode === 'require' ? 'require' : 'import', 'module-sync', 'node-addons'];
  const custom = tsconfig?.customConditions ?? [];
  return custom.length === 0 ? [new Set(plain)] : [new Set(plain), new Set([...plain, ...custom])];
}

/** `#name`: by the `imports` of the package that the importing file belongs to, else by tsconfig `paths`. */
function resolveHash(site: ImportSite, importer: Importer): Resolution {
  const scope = findScope(importer.disk, importer.file);
  const targets: Target[] = [];
  for (const conditions of conditionSets(site, importer.tsconfig)) {
    const target = resolveImports(scope?.json.imports, site.specifier, conditions);
    if (scope !== undefined && target !== undefined) targets.push(...followHash(target, scope.folder, site, importer));
  }
  if (targets.length > 0) return { targets };
  const fallback = resolveBare(site, importer);
  if (fallback.targets.some((target) => target.kind === 'file')) return fallback;
  const where =
    scope === undefined
      ? 'there is no package.json'
      : `"imports" of ${importer.disk.keyOf(join(scope.folder, 'package.json'))} has no file for it`;
  return { targets: [], problem: fallback.problem ?? `cannot find "${site.specifier}" (${where})` };
}

function followHash(target: string, folder: string, site: ImportSite, importer: Importer): readonly Target[] {
  if (!target.startsWith('./'))
    return isBare(target) ? resolveBare({ ...site, specifier: target }, importer).targets : [];
  const found = findFiles(importer.disk, join(folder, target), { exact: true, tried: [] });
  return found.kind === 'files' ? found.files.flatMap((file) => classify(file, importer.disk)) : [];
}

/** The package that a file belongs to: the nearest package.json above it, within its node_modules. */
function findScope(disk: Disk, file: string): { readonly folder: string; readonly json: PackageJson } | undefined {
  for (let folder = dirname(file); !folder.endsWith('/node_modules'); folder = dirname(folder)) {
    const json = readPackage(disk, folder);
    if (json !== undefined) return { folder, json };
    if (dirname(folder) === folder) return undefined;
  }
  return undefined;
}

/** Yarn's Plug'n'Play has no node_modules: its map of all packages then stands for the versions that cannot be read. */
function plugAndPlay(importer: Importer): Target[] {
  for (let folder = dirname(importer.file); ; folder = dirname(folder)) {
    const maps = ['.pnp.cjs', '.pnp.data.json'].map((name) => join(folder, name));
    const found = maps.filter((path) => importer.disk.look(path).kind === 'file');
    if (found.length > 0) return found.map((path) => ({ kind: 'file', path, real: importer.disk.look(path).real }));
    if (dirname(folder) === folder) return [];
  }
}
