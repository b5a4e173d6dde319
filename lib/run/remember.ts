// What is kept of an execution: what it left at its outs, its objects and its entry in the cache, and the note beside its log.
// The order of the record is what makes a crash harmless: objects, then the run entry, then (by the caller) the lock.

import { isPresent } from '../core/observation.ts';
import { compareText } from '../core/path.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import type { Fingerprint, FingerprintParts } from '../plan/parts.ts';
import type { JobResult } from '../plan/ports.ts';
import type { OutRecord, RunEntry } from '../plan/record.ts';
import { resultDigest } from '../store/entry.ts';
import type { ExecutionRecord } from '../store/logs.ts';
import { readMetrics } from './context.ts';
import type { PlainParams } from './context.ts';
import type { RunIo } from './io.ts';
import { absolute } from './project.ts';
import type { Project } from './project.ts';

export interface KnownInputs {
  readonly parts: FingerprintParts;
  readonly fingerprint: Fingerprint;
}

type ObservedOuts =
  | { readonly ok: true; readonly records: readonly OutRecord[] }
  /** `missing`: outs that are not there; where there are none, something cannot be read. */
  | { readonly ok: false; readonly missing: readonly string[]; readonly message: string; readonly hint: string };

/** What the command left at each out, in the order of the stage. */
export async function observeOuts(project: Project, stage: Stage): Promise<ObservedOuts> {
  const records: OutRecord[] = [];
  const missing: string[] = [];
  for (const out of stage.outs) {
    project.forget(out.path);
    const content = await project.files.observe(out.path);
    if (isPresent(content)) records.push({ path: out.path, content });
    else if (content.kind === 'unreadable')
      return {
        ok: false,
        missing: [],
        message: `out "${out.path}" cannot be read: ${content.reason}`,
        hint: 'an out has to be made of files, folders and links',
      };
    else missing.push(out.path);
  }
  if (missing.length === 0) return { ok: true, records };
  const [what, it] = missing.length === 1 ? ['out', 'it'] : ['outs', 'them'];
  return {
    ok: false,
    missing,
    message: `the command ended well but did not write its ${what} ${missing.map((path) => `"${path}"`).join(', ')}`,
    hint: `let the command write ${it}, or remove ${it} from the outs of "${stage.name}"`,
  };
}

/** By position where paths are not part of the identity; otherwise sorted, so that the order in the pipeline file does not matter. */
export function lockOuts(stage: Stage, outs: readonly OutRecord[]): readonly OutRecord[] {
  return stage.relocatable ? outs : outs.toSorted((a, b) => compareText(a.path, b.path));
}

interface Finished {
  readonly inputs: KnownInputs;
  readonly params: PlainParams;
  readonly outs: readonly OutRecord[];
  readonly result: Pick<JobResult, 'seconds' | 'peakMemory' | 'host'>;
  readonly runId: string;
}

/** Objects first, then the entry. A cache that cannot take them costs the next run, not this one: a warning. Returns whether all was stored. */
export async function remember(
  project: Project,
  stage: Stage,
  finished: Finished,
  io: Pick<RunIo, 'report' | 'now'>,
): Promise<boolean> {
  const { inputs, outs, result } = finished;
  for (const out of outs) {
    const stored = await project.store.put({ path: absolute(project, out.path), content: out.content });
    if (stored.ok) continue;
    io.report({
      kind: 'warning',
      message: `${stage.name}: "${out.path}" could not be stored in the cache: ${stored.error.message}`,
      hint: 'the result is in the workspace, but it cannot be restored later',
    });
    return false;
  }
  const entry: RunEntry = {
    fingerprint: inputs.fingerprint,
    result: resultDigest(outs),
    stage: stage.name,
    group: stage.group,
    parts: inputs.parts,
    outs: outs.map((out, position) => ({ ...out, label: stage.outs[position]!.label })),
    params: finished.params,
    metrics: await readMetrics(project, stage),
    deps: depDigests(project, stage, inputs.parts),
    at: new Date(io.now()).toISOString(),
    seconds: result.seconds,
    peakMemory: result.peakMemory,
    host: result.host ?? project.hostname(),
    runId: finished.runId,
  };
  await project.store.record(entry);
  return true;
}

/** Paths with the text under which each dep entered the fingerprint. */
function depDigests(project: Project, stage: Stage, parts: FingerprintParts): Record<string, string> {
  const deps: Record<string, string> = Object.create(null) as Record<string, string>;
  stage.deps.forEach((dep, position) => {
    deps[dep.path] = parts.dep![stage.relocatable ? String(position) : dep.path]!;
  });
  return deps;
}

export interface Noted extends Pick<ExecutionRecord, 'outcome' | 'runId' | 'startedAt' | 'attempt'> {
  readonly result: JobResult;
  readonly fingerprint: Fingerprint;
}

/** Keeps how an execution ended, well or not, beside its log. */
export function noteExecution(project: Project, stage: Stage, run: Noted): void {
  const { end, seconds, peakMemory } = run.result;
  project.store.writeExecution({
    runId: run.runId,
    stage: stage.name,
    command: stage.cmd.join('\n'),
    startedAt: run.startedAt,
    seconds,
    outcome: run.outcome,
    exitCode: end.kind === 'exited' ? end.code : null,
    signal: end.kind === 'signalled' ? end.signal : null,
    peakMemory,
    host: run.result.host ?? project.hostname(),
    attempt: run.attempt,
    fingerprint: run.fingerprint,
  });
}
