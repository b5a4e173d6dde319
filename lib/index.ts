// The library's public face: open a project, look at it, reproduce it. The command line is built on the same functions.

export { exitCodes, renderFault } from './core/failure.ts';
export type { CommandFailure, ExitCode, Fault, Position } from './core/failure.ts';
export type { RunEvent, RunSummary, Reporter } from './core/event.ts';
export { describeReason } from './core/reason.ts';
export type { Reason } from './core/reason.ts';
export type { Result } from './core/result.ts';
export type { Pipeline, Stage } from './pipeline/pipeline.ts';
export type { Graph } from './graph/graph.ts';
export { selectPlan } from './plan/select.ts';
export type { Plan, Selection } from './plan/select.ts';
export type { Decision } from './plan/decide.ts';
export type { Executor, Job, JobEnd, JobOutput, JobResult } from './plan/ports.ts';
export type { RunEntry } from './plan/record.ts';
export { LocalExecutor } from './exec/local.ts';
export { openProject } from './run/project.ts';
export type { OpenOptions, Project } from './run/project.ts';
export { assess } from './run/assess.ts';
export type { Assessment, AssessOptions, StageState } from './run/assess.ts';
export { explain } from './run/explain.ts';
export type { Explanation } from './run/explain.ts';
export { reproduce } from './run/reproduce.ts';
export type { ReproduceOptions } from './run/reproduce.ts';
export type { RunIo } from './run/io.ts';
