import { describe, expect, it } from '@jest/globals';
import { failure } from '../core/failure.ts';
import { err } from '../core/result.ts';
import { parseUserSettings } from './user-settings.ts';

function parse(value: unknown): unknown {
  const parsed = parseUserSettings(value, (message, hint) => err(failure('configuration', { message, hint })));
  return parsed.ok ? parsed.value : parsed.error.faults[0];
}

describe('the settings of a user', () => {
  it('has everything that may be set', () => {
    const slurm = { partition: 'p', extra: ['--nice'], jobs: 9, heartbeat: 3 };
    expect(parse({ executor: 'slurm', slurm })).toEqual({
      executor: 'slurm',
      slurm: { partition: 'p', extra: ['--nice'] },
      slurmJobs: 9,
      heartbeat: 3,
    });
    expect(parse({ remotes: {} })).toEqual({ slurm: { extra: [] } });
  });

  it.each([
    [{ executer: 'slurm' }, 'there is no setting "executer"'],
    [{ executor: 'cloud' }, 'executor: expected local or slurm, got "cloud"'],
    [{ slurm: { partitions: 'p' } }, 'there is no setting "slurm.partitions"'],
    [{ slurm: { jobs: 0 } }, 'slurm.jobs: expected a whole number from 1'],
    [{ slurm: { account: 3 } }, 'slurm.account: expected text'],
    [{ slurm: { extra: ['-p x'] } }, 'slurm.extra: "-p x" is not an option of the form --name or --name=value'],
    [{ slurm: { extra: ['--array=0-3'] } }, 'slurm.extra: --array is set by dagrun'],
    [[], 'expected a map'],
  ])('%j is refused', (value, message) => expect(parse(value)).toMatchObject({ message }));
});
