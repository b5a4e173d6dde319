// The commands by name. Each is loaded only when it is called.

import type { Command } from './command.ts';

export const commands: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<{ readonly command: Command }> }>
> = {
  init: { summary: 'write a commented starter pipeline', load: () => import('./init.ts') },
  repro: { summary: 'bring stages up to date: skip, restore or execute each', load: () => import('./repro.ts') },
  status: { summary: 'what is stale, and why', load: () => import('./status.ts') },
  explain: { summary: "a stage's fingerprint, part by part", load: () => import('./explain.ts') },
  matrix: { summary: 'the stale stages as a matrix of CI jobs', load: () => import('./matrix.ts') },
  dag: { summary: 'draw the graph', load: () => import('./dag.ts') },
  logs: { summary: "a stage's last log", load: () => import('./logs.ts') },
  checkout: { summary: 'restore outs as the lock records them', load: () => import('./checkout.ts') },
  commit: { summary: 'record outs as they are, without running', load: () => import('./commit.ts') },
  freeze: { summary: 'keep a stage from running', load: () => import('./freeze.ts') },
  unfreeze: { summary: 'let a frozen stage run again', load: () => import('./unfreeze.ts') },
  gc: { summary: 'remove recorded runs and their objects', load: () => import('./gc.ts') },
  push: { summary: 'upload recorded runs to a remote', load: () => import('./push.ts') },
  pull: { summary: 'download recorded runs from a remote, and check them out', load: () => import('./pull.ts') },
  fetch: { summary: 'download recorded runs into the cache', load: () => import('./fetch.ts') },
  remote: { summary: 'add, list or test remotes', load: () => import('./remote.ts') },
  'stage-job': { summary: 'one stage on a node; batch jobs call it', load: () => import('./stage-job.ts') },
  completion: {
    summary: 'completion of commands, options and stages for a shell',
    load: () => import('./completion.ts'),
  },
  cache: { summary: 'verify, measure or merge the cache', load: () => import('./cache.ts') },
};
