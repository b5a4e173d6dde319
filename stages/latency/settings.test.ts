import { describe, expect, it } from '@jest/globals';
import { StageFailure } from '../context/fail.ts';
import { readBenchmarkSettings } from './settings.ts';

describe('readBenchmarkSettings', () => {
  it('takes one second where nothing is said', () => {
    for (const value of [undefined, null, {}]) expect(readBenchmarkSettings(value)).toEqual({ seconds: 1 });
  });

  it('takes what is said', () => {
    expect(readBenchmarkSettings({ seconds: 0.25 })).toEqual({ seconds: 0.25 });
  });

  it.each([
    [5, 'must be a mapping such as {seconds: 1}'],
    [[1], 'must be a mapping such as {seconds: 1}'],
    [{ seconds: 0 }, 'benchmark.seconds must be a number above 0 and at most 3600, not 0'],
    [{ seconds: '5' }, 'not "5"'],
    [{ seconds: null }, 'not null'],
    [{ second: 5 }, 'params.yaml: benchmark.second: the only key there is "seconds"'],
  ])('refuses %j', (value, message) => {
    expect(() => readBenchmarkSettings(value)).toThrow(StageFailure);
    expect(() => readBenchmarkSettings(value)).toThrow(message);
  });
});
