// The graph in the languages of other programs: Mermaid and Graphviz. Names are data there, whatever characters they have.

import { foldGroups } from './dag-boxes.ts';
import type { DagGraph } from './dag-boxes.ts';
import { cleanLine } from './display.ts';

export interface DagExportOptions {
  /** Every stage of a group, not one box for all. */
  readonly full: boolean;
}

/** A Mermaid flowchart, as GitHub renders it. */
export function renderMermaid(graph: DagGraph, options: DagExportOptions): string {
  const boxes = foldGroups(graph, options);
  const nodes = boxes.map((box, index) => `  n${index}["${escapeMermaid(box.label)}"]`);
  const edges = boxes.flatMap((box, index) => box.children.map((child) => `  n${index} --> n${child}`));
  return ['flowchart TD', ...nodes, ...edges].join('\n');
}

/** Mermaid has its own entities (`#34;`), and would read HTML and Markdown in a label. */
function escapeMermaid(label: string): string {
  return cleanLine(label).replace(
    /[^\p{L}\p{N} @_.,:=/+\u00d7\u2026-]/gu,
    (character) => `#${character.codePointAt(0) ?? 0};`,
  );
}

/** A Graphviz graph: `dagrun dag --dot | dot -Tsvg`. */
export function renderDot(graph: DagGraph, options: DagExportOptions): string {
  const boxes = foldGroups(graph, options);
  const nodes = boxes.map((box, index) => `  n${index} [label="${escapeDot(box.label)}"];`);
  const edges = boxes.flatMap((box, index) => box.children.map((child) => `  n${index} -> n${child};`));
  return ['digraph dagrun {', '  node [shape=box];', ...nodes, ...edges, '}'].join('\n');
}

function escapeDot(label: string): string {
  return cleanLine(label).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}
