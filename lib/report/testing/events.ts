// One event of every kind, for tests that must leave none out.

import type { RunEvent } from '../../core/event.ts';

type Kind = RunEvent['kind'];

export const samples: { readonly [K in Kind]: Extract<RunEvent, { readonly kind: K }> } = {
  'run-started': { kind: 'run-started', stages: 12, jobs: 2 },
  'stage-started': {
    kind: 'stage-started',
    stage: 'train@a',
    command: 'node train.js',
    log: 'cache/logs/train@a/1.log',
    reasons: [{ kind: 'param', key: 'params.yaml:lr', from: '0.1', to: '0.2' }],
    attempt: 1,
    expected: 60,
  },
  'stage-output': { kind: 'stage-output', stage: 'train@a', line: 'loss 0.3' },
  'stage-progress': { kind: 'stage-progress', stage: 'train@a', fraction: 0.42, text: 'epoch 5/12' },
  'stage-skipped': { kind: 'stage-skipped', stage: 'prepare', reason: 'unchanged' },
  'stage-restored': {
    kind: 'stage-restored',
    stage: 'evaluate',
    reasons: [{ kind: 'out-missing', path: 'artifacts/e.json' }],
    saved: 250,
    seconds: 0.3,
    runId: 'r1',
  },
  'stage-executed': {
    kind: 'stage-executed',
    stage: 'train@a',
    seconds: 182,
    peakMemory: 1.2 * 1024 ** 3,
    runId: 'r2',
  },
  'stage-failed': {
    kind: 'stage-failed',
    stage: 'train@b',
    message: 'exit code 1',
    hint: 'install numpy',
    seconds: 3.2,
    tail: ['Traceback', 'ModuleNotFoundError'],
    log: 'cache/logs/train@b/1.log',
  },
  'stage-blocked': { kind: 'stage-blocked', stage: 'report', by: 'train@b' },
  'stage-planned': { kind: 'stage-planned', stage: 'publish', action: 'execute', reasons: [{ kind: 'never-run' }] },
  warning: { kind: 'warning', message: 'a cache entry is damaged', hint: 'dagrun cache verify --repair' },
  transfer: { kind: 'transfer', remote: 'origin', direction: 'pushed', runs: 2, objects: 7, bytes: 4096 },
  interrupted: { kind: 'interrupted', signal: 'SIGINT' },
  summary: {
    kind: 'summary',
    executed: 1,
    restored: 1,
    skipped: 1,
    failed: 1,
    blocked: 1,
    seconds: 190,
    saved: 250,
    dry: false,
  },
};

export function stageStarted(stage: string, more: Partial<(typeof samples)['stage-started']> = {}): RunEvent {
  return { ...samples['stage-started'], stage, reasons: [], expected: null, ...more };
}

export function stageExecuted(stage: string, seconds = 1): RunEvent {
  return { ...samples['stage-executed'], stage, seconds };
}

/** Keeps what is written, line by line. */
export class MemoryOutput {
  text = '';

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}
