// The validated pipeline, parsed at most once per change of its sources: parsing YAML and checking the schema costs many times
// what the rest of a no-op run does.

import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import type { Fault } from '../core/failure.ts';
import { isRepoPath } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { readSource } from '../core/source.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { buildId } from './build-id.ts';
import { makeStateFolder } from './state-folder.ts';

export interface CompileInput {
  readonly root: string;
  readonly file: string;
  readonly lockFile: string;
  readonly stateDir: string;
}

interface Compiled {
  /** Another build of dagrun may read the same file differently. */
  readonly build: string;
  /** Digest of every source when it was read; null: it was not there. */
  readonly sources: Readonly<Record<string, Digest | null>>;
  readonly pipeline: Pipeline;
}

/** A pipeline with the digests of the texts that it was made from, by path. */
export type CompiledPipeline = Pick<Compiled, 'pipeline' | 'sources'>;

export async function compilePipeline(input: CompileInput): Promise<Result<CompiledPipeline, readonly Fault[]>> {
  const path = `${input.stateDir}/compiled-${encodeURIComponent(input.file)}.json`;
  const known = readCompiled(path, input.root);
  if (known !== undefined) return ok(known);
  const { parsePipeline } = await import('../pipeline/parse.ts');
  // The digest is that of the very text that was parsed, so an edit in the meantime cannot be mistaken for it.
  const digests = new Map<string, Digest | null>();
  const unread: Fault[] = [];
  const read = (source: string): string | undefined => {
    const found = readSource(`${input.root}/${source}`, source);
    if (!found.ok) unread.push(found.error);
    const text = found.ok ? found.value : undefined;
    digests.set(source, digestOf(text));
    return text;
  };
  const text = read(input.file);
  if (text === undefined) return err(unread.length > 0 ? unread : [{ message: `cannot read ${input.file}` }]);
  const parsed = parsePipeline({ file: input.file, lockFile: input.lockFile, text, readSource: read });
  // What else is wrong may come of what could not be read.
  if (unread.length > 0) return err(unread);
  if (!parsed.ok) return parsed;
  const sources = new Set([input.file, ...parsed.value.sources]);
  const kept = Object.fromEntries([...digests].filter(([source]) => sources.has(source)));
  if (buildId !== null) writeCompiled(input.stateDir, path, { build: buildId, sources: kept, pipeline: parsed.value });
  return ok({ pipeline: parsed.value, sources: kept });
}

/** Sources are small and few: hashing them again is cheaper than asking the stat index. */
function readCompiled(path: string, root: string): CompiledPipeline | undefined {
  if (buildId === null) return undefined;
  try {
    const text = readTextIfExists(path);
    if (text === undefined) return undefined;
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    if (end < 0 || text.slice(0, end) !== headerOf(body)) return undefined;
    const compiled = JSON.parse(body) as Compiled;
    if (compiled.build !== buildId || !staysInside(compiled.pipeline)) return undefined;
    const unchanged = Object.entries(compiled.sources).every(
      ([source, digest]) => digestOf(readTextIfExists(`${root}/${source}`)) === digest,
    );
    return unchanged ? compiled : undefined;
  } catch {
    // Machine-local state may be damaged or gone; parsing again is always right.
    return undefined;
  }
}

function digestOf(text: string | undefined): Digest | null {
  return text === undefined ? null : digestText(text);
}

function headerOf(body: string): string {
  return `dagrun-compiled ${digestText(body)}`;
}

/** Whatever the file says, nothing outside the workspace is ever written to or worked in. */
function staysInside(pipeline: Pipeline): boolean {
  return pipeline.stages.every(
    (stage) => (stage.wdir === '' || isRepoPath(stage.wdir)) && stage.outs.every((out) => isRepoPath(out.path)),
  );
}

function writeCompiled(stateDir: string, path: string, compiled: Compiled): void {
  try {
    makeStateFolder(stateDir);
    const body = JSON.stringify(compiled);
    writeFileAtomic(path, `${headerOf(body)}\n${body}`, { durable: false });
  } catch {
    // A read-only or full disk only costs the time to parse again.
  }
}
