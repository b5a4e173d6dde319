// `dagrun explain`

import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { describeReason } from '../core/reason.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { partKinds } from '../plan/parts.ts';
import type { FingerprintParts } from '../plan/parts.ts';
import { makeColours, wantsColour } from '../report/colour.ts';
import { truncateMiddle } from '../report/display.ts';
import { formatSeconds } from '../report/format.ts';
import { explain } from '../run/explain.ts';
import type { Explanation } from '../run/explain.ts';
import type { Command, Invocation } from './command.ts';
import { executorOption, isSet, open, plan } from './session.ts';

export const command: Command = {
  name: 'explain',
  args: '<stage>',
  summary:
    "Shows a stage's fingerprint part by part, against the lock and against the recorded run that is nearest to it.",
  examples: ['dagrun explain train@model1'],
  arity: [1, 1],
  options: {
    executor: executorOption,
    json: { type: 'boolean', help: 'as JSON' },
    verbose: { type: 'boolean', short: 'v', help: 'values at full length' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const project = await open(invocation);
  if (!project.ok) return project;
  const selected = plan(project.value, invocation.args, 'single');
  if (!selected.ok) return selected;
  const { order } = selected.value;
  if (order.length > 1) {
    const names = order.map((index) => project.value.graph.stages[index]!.name).slice(0, 5);
    return err(
      failure('usage', {
        message: `"${invocation.args[0]!}" names ${order.length} stages`,
        hint: `explain one of them: ${names.join(', ')}${order.length > 5 ? ', …' : ''}`,
      }),
    );
  }
  const explanation = await explain(project.value, order[0]!);
  project.value.saveState();
  const { stdout, environment } = invocation.io;
  const text = isSet(invocation, 'json')
    ? JSON.stringify(toJson(explanation))
    : render(explanation, {
        colour: wantsColour(environment, stdout),
        width: isSet(invocation, 'verbose') ? Infinity : 100,
      });
  stdout.write(`${text}\n`);
  return ok(exitCodes.done);
}

function toJson(explanation: Explanation): unknown {
  const { stage, assessment, now, locked, nearest } = explanation;
  return {
    stage,
    state: assessment.state,
    reasons: assessment.reasons,
    now,
    locked,
    nearest:
      nearest === null
        ? null
        : {
            stage: nearest.entry.stage,
            fingerprint: nearest.entry.fingerprint,
            at: nearest.entry.at,
            runId: nearest.entry.runId,
            seconds: nearest.entry.seconds,
            differences: nearest.differences,
          },
  };
}

function render(explanation: Explanation, options: { readonly colour: boolean; readonly width: number }): string {
  const { stage, assessment, now, locked, nearest } = explanation;
  const colours = makeColours(options.colour);
  const lines = [
    `${colours.bold(stage)}: ${assessment.state}`,
    ...assessment.reasons.map((reason) => `  ${describeReason(reason)}`),
    '',
  ];
  const parts = renderParts(now?.parts ?? null, locked?.parts ?? null, options);
  const legend = now === null ? 'as in the lock' : '= as in the lock, ~ changed, + added, - removed';
  if (parts.length > 0)
    lines.push(colours.bold('fingerprint, part by part') + colours.dim(`  (${legend})`), ...parts, '');
  lines.push(`now     ${now?.fingerprint ?? 'not known: an input is missing'}`);
  lines.push(`locked  ${locked?.fingerprint ?? 'never run here'}`);
  if (nearest === null) return [...lines, ...(now === null ? [] : ['nearest recorded run: none'])].join('\n');
  const { entry, differences } = nearest;
  lines.push(
    '',
    colours.bold('nearest recorded run') +
      `: ${entry.stage}, ${entry.at}, ${formatSeconds(entry.seconds)}, run ${entry.runId}`,
  );
  if (differences.length === 0) {
    const lost = assessment.reasons.some((reason) => reason.kind === 'objects-missing');
    const fate = lost
      ? 'but its contents are not in the cache'
      : 'it can be restored as long as the cache has its objects';
    lines.push(`  the same in every part: ${fate}`);
  }
  for (const reason of differences) lines.push(`  ${describeReason(reason)}`);
  return lines.join('\n');
}

function renderParts(
  now: FingerprintParts | null,
  locked: FingerprintParts | null,
  options: { readonly width: number },
): string[] {
  const lines: string[] = [];
  for (const kind of partKinds) {
    const after = now?.[kind] ?? {};
    const before = locked?.[kind] ?? {};
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const [from, to] = [before[key], after[key]];
      const mark = now === null || from === to ? '=' : from === undefined ? '+' : to === undefined ? '-' : '~';
      const value = mark === '~' ? `${show(from!, options)} → ${show(to!, options)}` : show(to ?? from!, options);
      lines.push(`  ${mark} ${kind.padEnd(7)} ${key}${value === '' ? '' : `  ${value}`}`);
    }
  }
  return lines;
}

function show(value: string, options: { readonly width: number }): string {
  return options.width === Infinity ? value : truncateMiddle(value, options.width);
}
