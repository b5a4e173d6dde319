// The graph as lines of text, read from top to bottom: `↓` goes on to the next stage, `├─` opens a side branch.
// Each box stands once, below the deepest of its parents; other parents are named behind it. The branch with the most stages
// keeps to the left, so that a chain of a thousand stages is no wider than one of three.
//
//   prepare
//   ├─ stats
//   ↓  train@… ×100
//   ↓  evaluate@… ×100   one for each
//   ↓  report            also from stats

import { makeColours } from './colour.ts';
import type { Colours } from './colour.ts';
import { foldGroups } from './dag-boxes.ts';
import type { Box, DagGraph } from './dag-boxes.ts';
import { cleanLine, displayWidth, truncateEnd, truncateMiddle } from './display.ts';
import { formatCount } from './format.ts';
import { nameList } from './tally.ts';

export interface DagTextOptions {
  /** Every stage of a group, not one box for all. */
  readonly full: boolean;
  /** Columns; lines are cut there. */
  readonly width: number;
  readonly colour: boolean;
}

/** Several lines with no line break at the end. */
export function renderDag(graph: DagGraph, options: DagTextOptions): string {
  if (graph.nodes.length === 0) return 'no stages';
  const boxes = foldGroups(graph, options);
  const tree = makeTree(boxes);
  const colours = makeColours(options.colour);
  const trees = tree.roots.map((root) => {
    const lines: string[] = [];
    drawSpine(root, '', '', { tree, boxes, colours, width: options.width, lines });
    return lines;
  });
  const footer = footerText(graph, boxes, tree);
  return [...joinTrees(trees), '', colours.dim(truncateEnd(footer, options.width))].join('\n');
}

/** Trees of several lines are set apart from what stands before and after. */
function joinTrees(trees: readonly (readonly string[])[]): string[] {
  return trees.flatMap((lines, index) => {
    const before = trees[index - 1];
    const apart = before !== undefined && (lines.length > 1 || before.length > 1);
    return apart ? ['', ...lines] : lines;
  });
}

function footerText(graph: DagGraph, boxes: readonly Box[], tree: Tree): string {
  const levels = 1 + tree.depths.reduce((most, depth) => Math.max(most, depth), 0);
  const full = boxes.length < graph.nodes.length ? '; --full shows every stage of a group' : '';
  return `${formatCount(graph.nodes.length, 'stage')} on ${formatCount(levels, 'level')}${full}`;
}

// ---- which box stands below which ----

interface Tree {
  readonly roots: readonly number[];
  /** By box: side branches, in the order of the pipeline. */
  readonly sides: readonly (readonly number[])[];
  /** By box: what its line goes on to. */
  readonly next: readonly (number | undefined)[];
  /** By box: the parent that it stands below. */
  readonly above: readonly (number | undefined)[];
  /** By box: the length of the longest way to it. */
  readonly depths: readonly number[];
}

function makeTree(boxes: readonly Box[]): Tree {
  const order = topological(boxes);
  const depths = boxes.map(() => 0);
  const above: (number | undefined)[] = boxes.map(() => undefined);
  for (const index of order) {
    for (const parent of boxes[index]?.parents ?? []) {
      const depth = (depths[parent] ?? 0) + 1;
      if (depth <= (depths[index] ?? 0)) continue;
      depths[index] = depth;
      above[index] = parent;
    }
  }
  const weights = weightsOf(order, above);
  const below: number[][] = boxes.map(() => []);
  for (const [index, parent] of above.entries()) if (parent !== undefined) below[parent]?.push(index);
  const next = below.map((children) => heaviest(children, weights));
  const sides = below.map((children, index) => children.filter((child) => child !== next[index]));
  return { roots: order.filter((index) => above[index] === undefined), sides, next, above, depths };
}

/** The number of boxes in the subtree below each box, itself included: following the largest keeps branches shallow. */
function weightsOf(order: readonly number[], above: readonly (number | undefined)[]): number[] {
  const weights = above.map(() => 1);
  for (const index of order.toReversed()) {
    const parent = above[index];
    if (parent !== undefined) weights[parent] = (weights[parent] ?? 0) + (weights[index] ?? 0);
  }
  return weights;
}

/** The one child with the most below it; of equals none leads on, and all are side branches. */
function heaviest(children: readonly number[], weights: readonly number[]): number | undefined {
  const most = children.reduce((weight, child) => Math.max(weight, weights[child] ?? 0), 0);
  const best = children.filter((child) => weights[child] === most);
  return best.length === 1 ? best[0] : undefined;
}

/** Parents before children; otherwise the order of the pipeline. */
function topological(boxes: readonly Box[]): number[] {
  const open = boxes.map((box) => box.parents.length);
  const order = [...boxes.keys()].filter((index) => open[index] === 0);
  for (const index of order) {
    for (const child of boxes[index]?.children ?? []) {
      open[child] = (open[child] ?? 0) - 1;
      if (open[child] === 0) order.push(child);
    }
  }
  return order;
}

// ---- drawing ----

interface Canvas {
  readonly tree: Tree;
  readonly boxes: readonly Box[];
  readonly colours: Colours;
  readonly width: number;
  readonly lines: string[];
}

/** A box and everything that its line goes on to. `lead` stands before the first line, `indent` before all others. */
function drawSpine(root: number, lead: string, indent: string, canvas: Canvas): void {
  const { next, sides } = canvas.tree;
  let mark = lead;
  for (let index: number | undefined = root; index !== undefined; index = next[index]) {
    canvas.lines.push(boxLine(index, mark, canvas));
    const branches = sides[index] ?? [];
    for (const [place, side] of branches.entries()) {
      const last = next[index] === undefined && place === branches.length - 1;
      drawSpine(side, `${indent}${last ? '└─ ' : '├─ '}`, `${indent}${last ? '   ' : '│  '}`, canvas);
    }
    mark = `${indent}↓  `;
  }
}

function boxLine(index: number, mark: string, { boxes, tree, colours, width }: Canvas): string {
  const box = boxes[index];
  if (box === undefined) return mark;
  const label = truncateMiddle(cleanLine(box.label), Math.max(8, width - mark.length));
  const room = width - mark.length - displayWidth(label) - 3;
  const note = truncateEnd(noteOf(box, tree.above[index], boxes), room);
  const shown = box.size > 1 ? colours.cyan(label) : label;
  return `${colours.dim(mark)}${shown}${note === '' ? '' : `   ${colours.dim(note)}`}`;
}

const parentsShown = 6;

function noteOf(box: Box, above: number | undefined, boxes: readonly Box[]): string {
  const labels = box.parents.filter((parent) => parent !== above).map((parent) => boxes[parent]?.label ?? '');
  const notes = [
    above !== undefined && box.pairedWith.has(above) ? 'one for each' : '',
    labels.length > 0 ? `also from ${nameList(labels, parentsShown)}` : '',
  ];
  return notes.filter(Boolean).join(', ');
}
