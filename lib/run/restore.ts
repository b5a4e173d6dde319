// One stage, restored: its recorded outs are put back, every byte verified, without running anything.

import { sameContent } from '../core/observation.ts';
import type { LinkKind, Out } from '../pipeline/pipeline.ts';
import type { Evidence, Restorable } from '../plan/decide.ts';
import type { LockEntry } from '../plan/record.ts';
import { lockOuts } from './remember.ts';
import type { RunIo } from './io.ts';
import { absolute } from './project.ts';
import type { Project } from './project.ts';

export type RestoreEnd =
  /** `lock` is absent where the lock already has it (a frozen stage). */
  | { readonly kind: 'restored'; readonly lock: LockEntry | undefined }
  /** An object turned out to be damaged or gone; it has been removed from the cache. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'interrupted' };

export async function restoreStage(
  project: Project,
  evidence: Evidence,
  from: Restorable,
  io: Pick<RunIo, 'report' | 'signal'>,
): Promise<RestoreEnd> {
  const { stage, inputs } = evidence;
  for (const [position, out] of from.outs.entries()) {
    if (io.signal.aborted) return { kind: 'interrupted' };
    if (sameContent(out.content, evidence.outs[position]!)) continue;
    const link = linkKindOf(project, stage.outs[position]!);
    const done = await project.store.checkout({ path: absolute(project, out.path), content: out.content }, link);
    project.forget(out.path);
    if (done.ok) continue;
    // Neither a full disk nor a link on the way that leads out of the workspace gets better by deciding again. A refused content is not held any more.
    if (done.error.kind === 'io' || (done.error.kind === 'refused' && project.store.holds([out.content])))
      return { kind: 'failed', message: `cannot restore "${out.path}": ${done.error.message}` };
    io.report({
      kind: 'warning',
      message: `${stage.name}: the cached "${out.path}" is ${done.error.kind}: ${done.error.message}`,
    });
    return { kind: 'lost' };
  }
  if (from.entry !== null) project.store.noteHit(from.entry);
  if (inputs.kind !== 'known') return { kind: 'restored', lock: undefined };
  const { parts, fingerprint } = inputs;
  return { kind: 'restored', lock: { parts, fingerprint, outs: lockOuts(stage, from.outs) } };
}

/** True where outs are copied into the workspace as a rule, if the file system cannot clone them. */
export function makesCopies(project: Project): boolean {
  const { link } = project.pipeline.cache;
  return link !== 'hardlink' && link !== 'symlink';
}

/** Outs that are meant for git or are written to in place get a plain file of their own. */
export function linkKindOf(project: Project, out: Out): LinkKind {
  return out.cache && !out.persist ? (project.pipeline.cache.link ?? 'reflink') : 'copy';
}
