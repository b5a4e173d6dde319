// What freeze and unfreeze share: a minimal edit of the pipeline file.

import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../core/disk.ts';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Invocation } from './command.ts';
import type { Project } from '../run/project.ts';
import { changing, plan } from './session.ts';

/** A group made by foreach or matrix is frozen whole: its stages have one definition in the file. */
export async function setFrozenStages(
  invocation: Invocation,
  frozen: boolean,
): Promise<Result<ExitCode, CommandFailure>> {
  return changing(invocation, (project) => editPipeline(project, invocation, frozen));
}

async function editPipeline(
  project: Project,
  invocation: Invocation,
  frozen: boolean,
): Promise<Result<ExitCode, CommandFailure>> {
  const selected = plan(project, invocation.args, 'single');
  if (!selected.ok) return selected;
  const stages = selected.value.order.map((index) => project.graph.stages[index]!);
  const groups = [...new Set(stages.map((stage) => stage.group))];
  const partial = groups.find((group) =>
    project.graph.stages.some((stage) => stage.group === group && !stages.includes(stage)),
  );
  const verb = frozen ? 'freeze' : 'unfreeze';
  if (partial !== undefined) {
    return err(
      failure('usage', {
        message: `the stages of "${partial}" are made from one definition, so \`dagrun ${verb}\` takes them together`,
        hint: `dagrun ${verb} ${partial}`,
      }),
    );
  }
  const { setFrozen } = await import('../pipeline/edit.ts');
  const path = `${project.root}/${project.pipeline.file}`;
  try {
    let text = readFileSync(path, 'utf8');
    for (const group of groups) {
      const edited = setFrozen(text, project.pipeline.file, group, frozen);
      if (!edited.ok) return err(failure('configuration', edited.error));
      text = edited.value;
    }
    writeFileAtomic(path, text, { durable: true });
  } catch (error) {
    return err(failure('storage', { message: `cannot edit ${project.pipeline.file}: ${messageOf(error)}` }));
  }
  for (const group of groups) {
    const already = stages.every((stage) => stage.group !== group || stage.frozen === frozen);
    const [done, nothing] = frozen ? ['frozen', 'already frozen'] : ['unfrozen', 'not frozen'];
    invocation.io.stdout.write(`${already ? nothing : done}: ${group}\n`);
  }
  return ok(exitCodes.done);
}
