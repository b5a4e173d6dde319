import { describe, expect, it } from '@jest/globals';
import { Admission } from './admission.ts';
import { clusterHost, executorOf, jobsInFlight, poolsOnCluster, slurmSettingsOf } from './placement.ts';

const none = { slurm: { extra: [] } };

describe('where a stage runs', () => {
  it.each([
    ['nobody says anything', {}, none, 'local'],
    ['the user settings', {}, { ...none, usual: 'slurm' }, 'slurm'],
    ['the command line before the settings', {}, { ...none, usual: 'local', asked: 'slurm' }, 'slurm'],
    ['the stage before both', { executor: 'local' }, { ...none, usual: 'slurm', asked: 'slurm' }, 'local'],
    ['"local" on the command line before the stage', { executor: 'slurm' }, { ...none, asked: 'local' }, 'local'],
  ] as const)('%s', (_, stage, settings, expected) => expect(executorOf(stage, settings)).toBe(expected));

  it('the words of the stage go before those of the user', () => {
    const slurm = { partition: 'usual', account: 'mine', extra: ['--nice=1'] };
    expect(slurmSettingsOf({ slurm: { partition: 'own', extra: ['--nice=2'] } }, { slurm })).toEqual({
      partition: 'own',
      account: 'mine',
      extra: ['--nice=1', '--nice=2'],
    });
  });

  it('the machine of the cluster is what is asked for', () => {
    expect(clusterHost({ partition: 'gpu', extra: ['--nice', '--constraint=a100'] })).toEqual({
      scheduler: 'slurm',
      partition: 'gpu',
      constraints: '--constraint=a100',
    });
  });
});

describe('admission to the cluster', () => {
  it('takes no processors of this machine, but of the pools, and no more jobs than may be in flight', () => {
    const admission = new Admission({ cpu: 1, licence: 3, [jobsInFlight]: 2 });
    for (const stage of [0, 1, 2])
      admission.enqueue(stage, poolsOnCluster({ cpu: 8, memory: 1e12, gpu: 4, licence: 1 }), jobsInFlight);
    admission.enqueue(3, { cpu: 1 });
    admission.enqueue(4, { cpu: 1, licence: 3 });
    expect(admission.admit().sort()).toEqual([0, 1, 3]);
    expect(admission.waiting).toBe(2);
    admission.release(0);
    expect(admission.admit()).toEqual([2]);
  });
});
