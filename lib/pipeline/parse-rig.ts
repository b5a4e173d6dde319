// Pipelines from texts, and the faults of those that are none, for the tests of the parser. Used by tests only.

import { renderFault } from '../core/failure.ts';
import { parsePipeline } from './parse.ts';
import type { Pipeline, Stage } from './pipeline.ts';

/** Other files that the pipeline file may name, by path. */
type Files = Readonly<Record<string, string>>;

export function pipelineOf(text: string, files: Files = {}, file = 'pipeline.yaml'): Pipeline {
  const lockFile = file.replace(/\.yaml$/, '.lock');
  const parsed = parsePipeline({ file, lockFile, text, readSource: (path) => files[path] });
  if (!parsed.ok) throw new Error(parsed.error.map(renderFault).join('\n'));
  return parsed.value;
}

export function stageOf(text: string, files: Files = {}): Stage {
  const [stage, second] = pipelineOf(text, files).stages;
  if (stage === undefined || second !== undefined) throw new Error('one stage expected');
  return stage;
}

/** One stage with these fields. */
export function withFields(fields: string, files: Files = {}): Stage {
  return stageOf(`stages:\n  s:\n    cmd: x\n${fields.replace(/^/gm, '    ')}\n`, files);
}

export const names = (text: string, files: Files = {}): string[] =>
  pipelineOf(text, files).stages.map((stage) => stage.name);
export const commands = (text: string, files: Files = {}): string[] =>
  pipelineOf(text, files).stages.flatMap((stage) => stage.cmd);

/** Every fault as `line:col message | hint`. */
export function faults(text: string, files: Files = {}, file = 'pipeline.yaml'): string[] {
  const parsed = parsePipeline({ file, lockFile: 'pipeline.lock', text, readSource: (path) => files[path] });
  if (parsed.ok) return [];
  return parsed.error.map(({ at, message, hint }) => {
    const where = at === undefined ? '' : `${at.file === file ? '' : `${at.file}:`}${at.line}:${at.column} `;
    return `${where}${message}${hint === undefined ? '' : ` | ${hint}`}`;
  });
}

/** Faults of one stage whose fields start on line 4, at column 5. */
export function stageFaults(fields: string, files: Files = {}): string[] {
  return faults(`stages:\n  s:\n    cmd: x\n${fields.replace(/^/gm, '    ')}\n  other: {cmd: y}\n`, files);
}
