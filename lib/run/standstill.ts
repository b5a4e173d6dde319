// Leaves behind what a run saw that found every stage unchanged, so that the next one may say so at once (workspace/standstill.ts).
// Only where stat alone can tell: history, hosts, variables, globs, links and traced code need the whole path.

import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { writeFileAtomic } from '../core/disk.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { encodeStandstill } from '../workspace/standstill.ts';
import type { Segment } from '../workspace/segment-parts.ts';
import { Rows, ignoredRow } from '../workspace/tree-rows.ts';
import { lstatIfReadable } from '../workspace/files-stat.ts';
import { buildId } from './build-id.ts';
import { absolute } from './project.ts';
import type { Project } from './project.ts';
import { standstillPath } from './state-folder.ts';

/** Beyond so many rows the file would take longer to read than it saves. */
const mostRows = 400_000;

/** To be called after every stage of the pipeline was found unchanged, with what this process saw still in memory. Never fails. */
export async function rememberStandstill(project: Project): Promise<void> {
  const { stages, index } = project.graph;
  if (buildId === null || stages.length === 0 || !stages.every(isPlain)) return;
  // Entries of stages that are no more are for the next run to drop.
  if (![...project.lock.entries.keys()].every((name) => index.has(name))) return;
  const seen = await gatherRows(project);
  if (seen === undefined || seen.keys.length + seen.trees.reduce((sum, { meta }) => sum + meta.rows, 0) > mostRows)
    return;
  const claims = {
    build: buildId,
    root: project.root,
    pipeline: project.pipeline.file,
    cacheDir: project.environment['DAGRUN_CACHE_DIR'] ?? null,
    stages: stages.length,
    absent: [...new Set(textsUsed(project).flatMap(([path, digest]) => (digest === null ? [path] : [])))],
  };
  try {
    writeFileAtomic(standstillPath(project.stateDir, project.pipeline.file), encodeStandstill({ claims, seen }), {
      durable: false,
    });
  } catch {
    // Read-only or full: the next run takes the long way.
  }
}

/** True for a stage whose freshness depends on nothing but files and folders of its own naming. */
function isPlain(stage: Stage): boolean {
  const { frozen, alwaysChanged, code, env, host, runs, deps } = stage;
  if (frozen || alwaysChanged || host) return false;
  return code.length + env.length + runs.length === 0 && deps.every(({ kind }) => kind !== 'glob');
}

/** The texts that decided, with their paths, as they were read; null: there was none. One that changed meanwhile stands here twice. */
function textsUsed(project: Project): readonly (readonly [string, Digest | null])[] {
  const { text } = project.lock;
  return [
    ...Object.entries(project.sources),
    ...project.files.textsRead,
    [project.lockFile, text === undefined ? null : digestText(text)],
  ];
}

async function gatherRows(project: Project): Promise<Segment | undefined> {
  const { files, graph } = project;
  const texts: string[] = [];
  for (const [path, digest] of textsUsed(project)) {
    if (digest === null) continue;
    // Looked at only now: what was read then has to be what stat vouches for.
    const now = await files.observe(path);
    if (now.kind !== 'file' || now.digest !== digest) return undefined;
    texts.push(path);
  }
  const named = graph.stages.flatMap(({ deps, outs }) => [...deps, ...outs].map(({ path }) => path));
  const seen = files.rowsOf([...new Set([...texts, ...named])]);
  return seen === undefined ? undefined : withFolders(project, seen);
}

/** Working folders have to be there, whatever is in them. */
function withFolders(project: Project, seen: Segment): Segment | undefined {
  const folders = [...new Set(project.graph.stages.map(({ wdir }) => wdir))].filter((wdir) => wdir !== '');
  const rows = new Rows(seen.keys.length + folders.length);
  rows.copy(seen.columns, 0, seen.keys.length);
  for (const folder of folders) {
    const stat = lstatIfReadable(absolute(project, folder));
    if (stat?.isDirectory() !== true) return undefined;
    rows.push(stat, ignoredRow);
  }
  return { ...seen, columns: rows.columns, keys: [...seen.keys, ...folders] };
}
