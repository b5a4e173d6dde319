// `dagrun repro`

import { monotonic } from '../core/clock.ts';
import { availableParallelism, totalmem } from 'node:os';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import type { Reporter, RunEvent, RunSummary } from '../core/event.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Plan } from '../plan/select.ts';
import { chooseReporter } from '../report/choose.ts';
import { assess } from '../run/assess.ts';
import type { Assessment } from '../run/assess.ts';
import { foreseeRefusal } from '../run/preflight.ts';
import type { Project } from '../run/project.ts';
import { reproduce } from '../run/reproduce.ts';
import type { RemoteCourier } from '../run/courier.ts';
import type { RunSharing } from '../run/sharing.ts';
import { rememberStandstill } from '../run/standstill.ts';
import type { ReproduceOptions } from '../run/reproduce.ts';
import type { Command, Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';
import { LazyExecutor } from './lazy-executor.ts';
import { exclusively, executorOption, isSet, numberOf, open, plan, textOf, usingCache } from './session.ts';

export const command: Command = {
  name: 'repro',
  args: '[targets…]',
  summary:
    'Brings stages up to date: what is unchanged is skipped, what is known is restored, the rest is executed.\nA target is a stage, a group, a glob over stage names (train@*) or the path of an out; without one, everything.',
  examples: ['dagrun repro', "dagrun repro 'train@*' -j 4", 'dagrun repro report --dry'],
  arity: [0, Infinity],
  options: {
    jobs: { type: 'string', short: 'j', value: 'N', help: 'job slots (default: processors)' },
    executor: executorOption,
    'slurm-jobs': {
      type: 'string',
      value: 'N',
      help: 'jobs on the cluster at a time, waiting ones included (default: 200)',
    },
    'stage-in': {
      type: 'string',
      value: 'HOW',
      choices: ['shared', 'remote'],
      help: 'how inputs reach the nodes of the cluster: shared (a file system; default) or remote',
    },
    force: { type: 'boolean', short: 'f', help: 'execute even what is unchanged or known' },
    'single-item': {
      type: 'boolean',
      short: 's',
      help: 'only the targets, in the order given, without what they need',
    },
    downstream: { type: 'boolean', help: 'the targets and all that need them' },
    'force-downstream': { type: 'boolean', help: 'execute all descendants of a stage that executed' },
    'keep-going': { type: 'boolean', short: 'k', help: 'after a failure run what does not depend on it' },
    'ignore-errors': { type: 'boolean', help: 'after a failure run everything, descendants too' },
    dry: { type: 'boolean', help: 'say what would be done, and change nothing' },
    'no-commit': {
      type: 'boolean',
      help: 'store no results in the cache (see `dagrun commit`); what `--stage-in remote` moves passes through it',
    },
    'no-run-cache': { type: 'boolean', help: 'execute instead of restoring known results' },
    'allow-missing': { type: 'boolean', help: 'missing data counts as unchanged where the lock knows it' },
    pull: { type: 'boolean', help: 'fetch known results from the remote instead of executing' },
    push: { type: 'boolean', help: 'share results with the remote as stages end' },
    remote: { type: 'string', short: 'r', value: 'NAME', help: 'the remote of --pull, --push and --stage-in' },
    wait: { type: 'boolean', help: 'wait while another dagrun works here' },
    json: { type: 'boolean', help: 'one JSON event a line' },
    quiet: { type: 'boolean', short: 'q', help: 'only failures and warnings' },
    verbose: { type: 'boolean', short: 'v', help: 'also the output of stages, and skipped stages' },
  },
  run,
};

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const clash = findClash(invocation);
  if (clash !== undefined) return err(clash);
  const jobs = numberOf(invocation, 'jobs', 1);
  if (!jobs.ok) return jobs;
  const clusterJobs = numberOf(invocation, 'slurm-jobs', 1);
  if (!clusterJobs.ok) return clusterJobs;
  const limits = { jobs: jobs.value, clusterJobs: clusterJobs.value };
  const reporter = makeReporter(invocation);
  try {
    if (isSet(invocation, 'dry')) return await rehearse(invocation, limits, reporter);
    return await perform(invocation, limits, reporter);
  } finally {
    reporter.close();
  }
}

/** What the command line says; undefined: nothing. */
interface Limits {
  readonly jobs: number | undefined;
  readonly clusterJobs: number | undefined;
}

const usualClusterJobs = 200;

interface Prepared {
  readonly project: Project;
  readonly selected: Plan;
  readonly options: ReproduceOptions;
}

/** Opens the project and selects the stages that the command line names. */
async function prepare(
  invocation: Invocation,
  limits: Limits,
  reporter: Reporter,
): Promise<Result<Prepared, CommandFailure>> {
  const project = await open(invocation, (message, hint) => reporter.report({ kind: 'warning', message, hint }));
  if (!project.ok) return project;
  const reach = isSet(invocation, 'single-item')
    ? 'single'
    : isSet(invocation, 'downstream')
      ? 'downstream'
      : 'upstream';
  const selected = plan(project.value, invocation.args, reach);
  if (!selected.ok) return selected;
  return ok({
    project: project.value,
    selected: selected.value,
    options: readOptions(invocation, project.value, limits),
  });
}

function findClash(invocation: Invocation): CommandFailure | undefined {
  const pairs = [
    ['single-item', 'downstream'],
    ['keep-going', 'ignore-errors'],
    ['quiet', 'verbose'],
    ['dry', 'wait'],
    ['dry', 'pull'],
    ['dry', 'push'],
    ['pull', 'no-run-cache'],
    ['push', 'no-commit'],
  ] as const;
  const clash = pairs.find(([a, b]) => isSet(invocation, a) && isSet(invocation, b));
  if (clash !== undefined)
    return failure('usage', { message: `--${clash[0]} and --${clash[1]} cannot be used together` });
  const stageIn = textOf(invocation, 'stage-in');
  if (stageIn !== undefined && stageIn !== 'shared' && stageIn !== 'remote')
    return failure('usage', { message: `--stage-in takes shared or remote, not "${stageIn}"` });
  const usesRemote = isSet(invocation, 'pull') || isSet(invocation, 'push') || stageIn === 'remote';
  if (invocation.flags['remote'] !== undefined && !usesRemote)
    return failure('usage', { message: '--remote goes with --pull, --push or --stage-in remote' });
  const aimless = (['single-item', 'downstream'] as const).find(
    (flag) => isSet(invocation, flag) && invocation.args.length === 0,
  );
  return aimless === undefined ? undefined : failure('usage', { message: `--${aimless} needs a target` });
}

function makeReporter(invocation: Invocation): Reporter {
  const { stdout, environment } = invocation.io;
  return chooseReporter({
    out: stdout,
    json: isSet(invocation, 'json'),
    verbose: isSet(invocation, 'verbose'),
    quiet: isSet(invocation, 'quiet'),
    env: environment,
    now: () => monotonic(),
  });
}

function readOptions(invocation: Invocation, project: Project, { jobs, clusterJobs }: Limits): ReproduceOptions {
  const ordered = isSet(invocation, 'single-item');
  const ignore = isSet(invocation, 'ignore-errors') || (ordered && isSet(invocation, 'keep-going'));
  return {
    jobs: jobs ?? project.pipeline.pools['cpu'] ?? availableParallelism(),
    clusterJobs: clusterJobs ?? project.execution.slurmJobs ?? usualClusterJobs,
    memory: totalmem(),
    policy: ignore ? 'ignore' : isSet(invocation, 'keep-going') ? 'keep-going' : 'stop',
    ordered,
    force: isSet(invocation, 'force'),
    forceDownstream: isSet(invocation, 'force-downstream'),
    noRunCache: isSet(invocation, 'no-run-cache'),
    noCommit: isSet(invocation, 'no-commit'),
    allowMissing: isSet(invocation, 'allow-missing'),
  };
}

async function rehearse(
  invocation: Invocation,
  limits: Limits,
  reporter: Reporter,
): Promise<Result<ExitCode, CommandFailure>> {
  const startedAt = monotonic();
  const prepared = await prepare(invocation, limits, reporter);
  if (!prepared.ok) return prepared;
  const { project, selected, options } = prepared.value;
  const assessments = await assess(project, selected, options);
  const refusal = await foreseeRefusal(project, selected, assessments);
  if (refusal !== undefined) return err(refusal);
  const counts = { executed: 0, restored: 0, skipped: 0, failed: 0, blocked: 0, saved: 0 };
  for (const { name, decision } of assessments) {
    const action = decision.kind;
    const counted = countedAs[action];
    if (counted !== undefined) counts[counted]++;
    reporter.report({
      kind: 'stage-planned',
      stage: name,
      action,
      reasons: decision.kind === 'skip' ? [] : decision.reasons,
    });
    if (decision.kind === 'restore') counts.saved += decision.from.entry?.seconds ?? 0;
  }
  reporter.report({ kind: 'summary', ...counts, seconds: (monotonic() - startedAt) / 1000, dry: true });
  return ok(counts.failed > 0 ? exitCodes.failed : exitCodes.done);
}

/** What depends on a stage that has yet to run may or may not be executed: it is counted as neither. */
const countedAs: Readonly<
  Record<Assessment['decision']['kind'], 'executed' | 'restored' | 'skipped' | 'failed' | undefined>
> = {
  execute: 'executed',
  restore: 'restored',
  skip: 'skipped',
  fail: 'failed',
  unknown: undefined,
};

/** The workspace is taken before anything is read: what another runner is changing would be read half way. */
async function perform(
  invocation: Invocation,
  limits: Limits,
  reporter: Reporter,
): Promise<Result<ExitCode, CommandFailure>> {
  return interruptible(async (signal) => {
    const onWait = (message: string): void => reporter.report({ kind: 'warning', message });
    return exclusively(invocation, { wait: isSet(invocation, 'wait'), signal, onWait }, async () => {
      const prepared = await prepare(invocation, limits, reporter);
      if (!prepared.ok) return prepared;
      return usingCache(prepared.value.project, 'repro', () =>
        shareAndRun(invocation, prepared.value, signal, reporter),
      );
    });
  });
}

/** With a remote where one is asked for: it is loaded, and asked a first time, before anything is run. */
async function shareAndRun(
  invocation: Invocation,
  prepared: Prepared,
  signal: AbortSignal,
  reporter: Reporter,
): Promise<Result<ExitCode, CommandFailure>> {
  const pull = isSet(invocation, 'pull');
  const push = isSet(invocation, 'push');
  const carries = textOf(invocation, 'stage-in') === 'remote';
  if (!pull && !push && !carries) return runPlan(prepared, signal, reporter);
  const { project, selected } = prepared;
  const { chooseRemote } = await import('../run/remote-settings.ts');
  const access = await chooseRemote(project, textOf(invocation, 'remote'));
  if (!access.ok) return access;
  const courier = carries
    ? await (await import('../run/courier.ts')).openCourier(project, access.value, signal)
    : undefined;
  if (courier?.ok === false) return courier;
  const carrying = courier === undefined ? {} : { courier: courier.value };
  if (!pull && !push) return runPlan(prepared, signal, reporter, carrying);
  const { openSharing } = await import('../run/sharing.ts');
  const report = (event: RunEvent): void => reporter.report(event);
  const sharing = await openSharing(project, selected, access.value, { pull, push, report, signal });
  if (!sharing.ok) return sharing;
  const done = await runPlan(prepared, signal, reporter, { sharing: sharing.value, ...carrying });
  return done.ok && done.value === exitCodes.done && sharing.value.failed ? ok(exitCodes.failed) : done;
}

interface Carriers {
  readonly sharing?: RunSharing;
  readonly courier?: RemoteCourier;
}

async function runPlan(
  { project, selected, options }: Prepared,
  signal: AbortSignal,
  reporter: Reporter,
  { sharing, courier }: Carriers = {},
): Promise<Result<ExitCode, CommandFailure>> {
  const report = (event: RunEvent): void => reporter.report(event);
  const onWarning = (message: string, hint?: string): void => report({ kind: 'warning', message, hint });
  const executor = new LazyExecutor({ project, heartbeat: project.execution.heartbeat, courier, onWarning });
  try {
    const io = { report, executor, signal, now: Date.now, ...(sharing === undefined ? {} : { sharing }) };
    const done = await reproduce(project, selected, options, io);
    await sharing?.finish();
    if (signal.aborted) report({ kind: 'interrupted', signal: String(signal.reason) });
    if (!done.ok) return done;
    report(done.value);
    if (isUsual(options) && done.value.skipped === project.graph.stages.length) await rememberStandstill(project);
    return ok(signal.aborted ? exitCodes.interrupted : exitCodeFor(done.value));
  } finally {
    await executor.close();
    await courier?.close();
  }
}

/** True where stages that are skipped are unchanged, and not merely left alone. */
function isUsual({ allowMissing, ordered }: ReproduceOptions): boolean {
  return !allowMissing && !ordered;
}

function exitCodeFor(summary: RunSummary): ExitCode {
  return summary.failed > 0 ? exitCodes.failed : exitCodes.done;
}
