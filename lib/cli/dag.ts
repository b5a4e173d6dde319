// `dagrun dag`

import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Plan } from '../plan/select.ts';
import { wantsColour } from '../report/colour.ts';
import { renderDot, renderMermaid } from '../report/dag-export.ts';
import { renderDag } from '../report/dag-text.ts';
import type { Project } from '../run/project.ts';
import type { Command, Invocation } from './command.ts';
import { isSet, open, plan } from './session.ts';

export const command: Command = {
  name: 'dag',
  args: '[targets…]',
  summary: 'Draws the graph of the stages. Groups of a foreach or matrix are one box, unless --full.',
  examples: ['dagrun dag', 'dagrun dag report --full', 'dagrun dag --mermaid > dag.mmd'],
  arity: [0, Infinity],
  options: {
    full: { type: 'boolean', help: 'every stage of every group' },
    mermaid: { type: 'boolean', help: 'as a Mermaid flowchart' },
    dot: { type: 'boolean', help: 'as Graphviz DOT' },
    json: { type: 'boolean', help: 'JSON: {"nodes": [{name, group}], "edges": [{from, to}]}' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const formats = (['mermaid', 'dot', 'json'] as const).filter((flag) => isSet(invocation, flag));
  if (formats.length > 1)
    return err(failure('usage', { message: `--${formats.join(' and --')} cannot be used together` }));
  const project = await open(invocation);
  if (!project.ok) return project;
  const selected = plan(project.value, invocation.args);
  if (!selected.ok) return selected;
  const graph = toGraph(project.value, selected.value);
  const full = isSet(invocation, 'full');
  const { stdout, environment } = invocation.io;
  const text = {
    json: () => JSON.stringify(graph),
    mermaid: () => renderMermaid(graph, { full }),
    dot: () => renderDot(graph, { full }),
    terminal: () =>
      renderDag(graph, { full, width: stdout.isTTY ? stdout.columns : 100, colour: wantsColour(environment, stdout) }),
  }[formats[0] ?? 'terminal']();
  stdout.write(`${text.trimEnd()}\n`);
  return ok(exitCodes.done);
}

/** An edge leads from the stage that makes something to the one that needs it. */
function toGraph(project: Project, selected: Plan) {
  const { stages, up } = project.graph;
  const included = new Set(selected.order);
  const nodes = selected.order.map((index) => ({ name: stages[index]!.name, group: stages[index]!.group }));
  const edges = selected.order.flatMap((index) =>
    up[index]!.filter((other) => included.has(other)).map((other) => ({
      from: stages[other]!.name,
      to: stages[index]!.name,
    })),
  );
  return { nodes, edges };
}
