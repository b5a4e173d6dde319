import { describe, expect, it } from '@jest/globals';
import { parsePipeline } from './parse.ts';

function parse(stage: object, more: object = {}): unknown {
  const text = JSON.stringify({ ...more, stages: { one: { cmd: 'x', ...stage } } });
  const parsed = parsePipeline({ file: 'p.yaml', lockFile: 'p.lock', text, readSource: () => undefined });
  return parsed.ok ? parsed.value.stages[0] : parsed.error.map(({ message }) => message);
}

describe('executor and slurm of a stage', () => {
  it('are read, with templates filled in', () => {
    const slurm = { partition: '${queue}', extra: ['--constraint=${queue}'] };
    expect(parse({ executor: 'slurm', slurm }, { vars: [{ queue: 'gpu' }] })).toMatchObject({
      executor: 'slurm',
      slurm: { partition: 'gpu', extra: ['--constraint=gpu'] },
    });
    expect(parse({})).not.toHaveProperty('executor');
  });

  it('on the cluster a gpu needs no pool, anything else does', () => {
    expect(parse({ executor: 'slurm', resources: { gpu: 8 } })).toMatchObject({ resources: { cpu: 1, gpu: 8 } });
    expect(parse({ executor: 'slurm', resources: { licence: 1 } })).toEqual([
      'stage "one": resources: there is no pool "licence"',
    ]);
    expect(parse({ resources: { gpu: 1 } })).toEqual(['stage "one": resources: there is no pool "gpu"']);
  });

  it.each([
    [{ executor: 'cloud' }, /executor/],
    [{ slurm: { partitions: 'x' } }, /partitions/],
    [{ slurm: { extra: ['constraint=x'] } }, /slurm\.extra/],
    [{ slurm: { extra: ['--wrap=x'] } }, /--wrap is set by dagrun/],
  ])('%j is refused', (stage, message) => expect(parse(stage)).toEqual([expect.stringMatching(message)]));
});
