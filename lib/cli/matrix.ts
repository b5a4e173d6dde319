// `dagrun matrix`

import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { suggest } from '../core/suggest.ts';
import { assess } from '../run/assess.ts';
import { legsOf } from '../run/legs.ts';
import type { Leg } from '../run/legs.ts';
import { foreseeRefusal } from '../run/preflight.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { isSet, open, plan } from './session.ts';

export const command: Command = {
  name: 'matrix',
  args: '',
  summary:
    'The members of a foreach or matrix group that have work to do, one line each: the jobs that a CI system should start. Changes nothing.',
  examples: [
    'dagrun matrix --stage train',
    'dagrun matrix --stage train --stage evaluate --json   # for strategy.matrix of GitHub Actions',
  ],
  arity: [0, 0],
  options: {
    stage: {
      type: 'string',
      multiple: true,
      value: 'GROUP',
      help: 'the group; several times: members with their stages of all of them',
    },
    json: { type: 'boolean', help: 'JSON: {"include": [{name, stages}]}' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const asked = invocation.flags['stage'];
  const groups = Array.isArray(asked) ? asked.map(String) : [];
  if (groups.length === 0)
    return err(
      failure('usage', { message: '`dagrun matrix` needs --stage GROUP', hint: 'for instance --stage train' }),
    );
  const project = await open(invocation);
  if (!project.ok) return project;
  const legs = await findLegs(project.value, groups);
  if (!legs.ok) return legs;
  const { stdout } = invocation.io;
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify(toMatrix(legs.value))}\n`);
  else for (const { name, stages } of legs.value) stdout.write(`${name}: ${stages.join(' ')}\n`);
  return ok(exitCodes.done);
}

async function findLegs(project: Project, groups: readonly string[]): Promise<Result<Leg[], CommandFailure>> {
  const { stages } = project.graph;
  const known = [...new Set(stages.map(({ group }) => group))];
  const missing = groups.find((group) => !known.includes(group));
  if (missing !== undefined) {
    const near = suggest(missing, known);
    const hint = near === undefined ? `the groups are ${known.join(', ')}` : `did you mean "${near}"?`;
    return err(failure('usage', { message: `there is no stage or group "${missing}"`, hint }));
  }
  const groupOf = new Map(stages.map(({ name, group }) => [name, group]));
  const targets = stages.filter(({ group }) => groups.includes(group)).map(({ name }) => name);
  const selected = plan(project, targets);
  if (!selected.ok) return selected;
  const rules = { force: false, forceDownstream: false, noRunCache: false, allowMissing: false };
  const assessments = await assess(project, selected.value, rules);
  project.saveState();
  const refusal = await foreseeRefusal(project, selected.value, assessments);
  if (refusal !== undefined) return err(refusal);
  const found = new Map(assessments.map((assessment) => [assessment.name, assessment]));
  return ok(legsOf(targets.map((name) => ({ ...found.get(name)!, group: groupOf.get(name)! }))));
}

/** As `strategy.matrix` takes it: names of stages have no spaces. */
function toMatrix(legs: readonly Leg[]) {
  return { include: legs.map(({ name, stages }) => ({ name, stages: stages.join(' ') })) };
}
