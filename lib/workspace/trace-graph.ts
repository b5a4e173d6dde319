// The modules of a project as they were at one moment: for each file its digest and where its imports lead.
// A remembered source is reused as long as its digest and every fact behind it still hold; only what does not is resolved again,
// and only what changed is parsed again. Once asked about, an answer stays the same: many stages share most of their sources.

import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import type { Observation } from '../core/observation.ts';
import type { MaybePromise } from '../core/result.ts';
import { readBytes, DiskMoment, Probe } from './trace-disk.ts';
import { dialectOf, dialectOfScript, loadParser, readImports } from './trace-imports.ts';
import type { ImportSite, Parse } from './trace-imports.ts';
import type { SourceNode, TraceCache } from './trace-cache.ts';
import { isBare, resolveImport } from './trace-resolve.ts';
import type { Importer, Target } from './trace-resolve.ts';
import { findTsconfig, loadTsconfigReader, noteReading, readTsconfig } from './trace-tsconfig.ts';
import type { TsconfigReading, TsconfigRules } from './trace-tsconfig.ts';

/** What tracing had to do; a run in which nothing changed does none of it. */
export type TraceWork = 'load-parser' | 'load-tsconfig' | 'parse' | 'resolve';

export interface GraphOptions {
  readonly root: string;
  readonly cache: TraceCache;
  readonly observe: (path: string) => MaybePromise<Observation>;
  readonly onWork: (work: TraceWork, subject: string) => void;
}

/** A file in the graph: its key in the trace, and, where links make that another one, `\0` and the key of its real path. */
export type FileId = string;

export class TraceGraph {
  readonly disk: DiskMoment;
  readonly #cache: TraceCache;
  readonly #onWork: GraphOptions['onWork'];
  readonly #nodes = new Map<FileId, MaybePromise<SourceNode>>();
  readonly #tsconfigs = new Map<string, TsconfigReading>();
  #parser: Promise<Parse> | undefined;
  /** By position of the fact: whether it still holds. */
  readonly #holding: (boolean | undefined)[] = [];

  constructor({ root, cache, observe, onWork }: GraphOptions) {
    this.disk = new DiskMoment(root, observe);
    this.#cache = cache;
    this.#onWork = onWork;
  }

  /** A file that links lead out of the root keeps the name it has inside: where the link leads differs between machines. */
  idOf({ path, real }: { readonly path: string; readonly real: string }): FileId {
    const realKey = this.disk.keyOf(real);
    const key = this.disk.keyOf(path);
    return isOutside(realKey) && !isOutside(key) ? `${key}\0${realKey}` : realKey;
  }

  /** A file of the graph, up to date. Synchronous where it is known already or nothing about it changed. */
  node(id: FileId): MaybePromise<SourceNode> {
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    const found = this.#currentNode(id);
    this.#nodes.set(id, found);
    if (found instanceof Promise)
      void found.then(
        (node) => this.#nodes.set(id, node),
        () => this.#nodes.delete(id),
      );
    return found;
  }

  #currentNode(id: FileId): MaybePromise<SourceNode> {
    const seen = this.disk.observe(realKeyOf(id));
    if (seen instanceof Promise) return seen.then(() => this.#currentNode(id));
    if (seen.kind !== 'file') return { ...leaf(emptyDigest), problems: [`${keyOf(id)}: ${describeOdd(seen)}`] };
    if (!mayImport(realKeyOf(id))) return leaf(seen.digest);
    const known = this.#cache.get(id);
    if (known?.digest !== seen.digest) return this.#readNode(id, seen.digest);
    const holds = this.#allHold(known.facts);
    if (holds === true) return known;
    return holds === false ? this.#resolveNode(id, known) : holds.then(() => this.#currentNode(id));
  }

  /** A promise where digests are still being computed: ask again when it has settled. */
  #allHold(facts: readonly number[]): boolean | Promise<unknown> {
    for (const position of facts) {
      let holds = this.#holding[position];
      if (holds === undefined) {
        const answer = this.disk.answer(this.#cache.question(position));
        if (answer instanceof Promise) return answer;
        holds = this.#holding[position] = answer === this.#cache.answer(position);
      }
      if (!holds) return false;
    }
    return true;
  }

  /** What the source looked for in vain. */
  absent(node: SourceNode): string[] {
    const questions = node.facts.filter((position) => this.#cache.answer(position) === '');
    return questions.map((position) => this.#cache.question(position).slice(1));
  }

  async #readNode(id: FileId, observed: Digest): Promise<SourceNode> {
    const key = keyOf(id);
    const bytes = readBytes(this.disk.pathOf(realKeyOf(id)));
    if (bytes === undefined) return { ...leaf(observed), problems: [`${key}: cannot be read`] };
    const source = bytes.toString('utf8');
    const dialect = dialectOf(realKeyOf(id)) ?? dialectOfScript(source);
    // The digest is that of the bytes that were read, even where they changed since they were observed.
    const node = leaf(digestBytes(bytes));
    if (dialect === undefined) return this.#remember(id, node);
    const parse = await this.#loadParserFor(key);
    this.#onWork('parse', key);
    const imports = readImports(parse, source, dialect);
    if (imports.ok) return this.#resolveNode(id, { ...node, imports: JSON.stringify(imports.value) });
    const { line, column, message } = imports.error;
    return this.#remember(id, { ...node, problems: [`${key}:${line}:${column}: ${message}`] });
  }

  #loadParserFor(key: string): Promise<Parse> {
    if (this.#parser === undefined) {
      this.#onWork('load-parser', key);
      this.#parser = loadParser();
    }
    return this.#parser;
  }

  /** Finds anew where the imports of a source lead. */
  async #resolveNode(id: FileId, source: Pick<SourceNode, 'digest' | 'imports'>): Promise<SourceNode> {
    const key = keyOf(id);
    this.#onWork('resolve', key);
    const sites = JSON.parse(source.imports) as ImportSite[];
    const probe = new Probe(this.disk);
    const file = this.disk.pathOf(realKeyOf(id));
    const tsconfig = sites.some(concernsTsconfig) ? await this.#tsconfigFor(probe, file) : undefined;
    const found = this.#follow(sites, { disk: probe, file, tsconfig }, key);
    const facts = [...probe.facts].map(([question, answer]) => this.#cache.intern(question, answer));
    return this.#remember(id, { digest: source.digest, imports: source.imports, facts, ...found });
  }

  #follow(
    sites: readonly ImportSite[],
    importer: Importer,
    key: string,
  ): Pick<SourceNode, 'files' | 'packages' | 'problems'> {
    const targets: Target[] = [];
    const problems: string[] = [];
    for (const site of sites) {
      if (site.typesOnly && importer.tsconfig?.keepsTypeImports !== true) continue;
      const resolution = resolveImport(site, importer);
      targets.push(...resolution.targets);
      if (resolution.problem !== undefined) problems.push(`${key}:${site.line}:${site.column}: ${resolution.problem}`);
    }
    const files = new Set(targets.flatMap((target) => (target.kind === 'file' ? [this.idOf(target)] : [])));
    const packages = targets.flatMap((target) => (target.kind === 'package' ? [target.name, target.version] : []));
    return { files: [...files], packages, problems };
  }

  async #tsconfigFor(probe: Probe, file: string): Promise<TsconfigRules | undefined> {
    const path = findTsconfig(probe, file);
    if (path === undefined) return undefined;
    let reading = this.#tsconfigs.get(path);
    if (reading === undefined) {
      this.#onWork('load-tsconfig', this.disk.keyOf(path));
      reading = readTsconfig(await loadTsconfigReader(), path);
      this.#tsconfigs.set(path, reading);
    }
    noteReading(probe, reading);
    return reading.rules;
  }

  #remember(id: FileId, node: SourceNode): SourceNode {
    this.#cache.set(id, node);
    return node;
  }
}

/** The name of a file in traces and messages. */
export function keyOf(id: FileId): string {
  const end = id.indexOf('\0');
  return end < 0 ? id : id.slice(0, end);
}

function realKeyOf(id: FileId): string {
  return id.slice(id.indexOf('\0') + 1);
}

const emptyDigest = '0'.repeat(32) as Digest;

function leaf(digest: Digest): SourceNode {
  return { digest, imports: '[]', facts: [], files: [], packages: [], problems: [] };
}

/** Sources, and files without extension: those may be programs. Plug'n'Play's map of packages is data, and large. */
function mayImport(key: string): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return (dialectOf(name) !== undefined && name !== '.pnp.cjs') || !name.includes('.');
}

function concernsTsconfig(site: ImportSite): boolean {
  return site.typesOnly || (site.mode !== 'url' && isBare(site.specifier));
}

function isOutside(key: string): boolean {
  return key === '..' || key.startsWith('../');
}

function describeOdd(seen: Exclude<Observation, { kind: 'file' }>): string {
  if (seen.kind === 'unreadable') return `cannot be read: ${seen.reason}`;
  return seen.kind === 'tree' ? 'is a folder' : 'does not exist';
}
