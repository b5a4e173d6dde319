import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type * as disk from './disk.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a unique name', () => {
  it('is none that a process of the same number on another machine chooses at the same time', async () => {
    jest.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
    const machines = ['./disk.ts?here', './disk.ts?there'];
    const [here, there] = await Promise.all(machines.map(async (name) => (await import(name)) as typeof disk));
    expect(here).not.toBe(there);
    const names = [here!, here!, there!, there!].map(({ uniqueName }) => uniqueName());
    expect(new Set(names).size).toBe(4);
    // Others read the pid from it.
    for (const name of names) {
      expect(name).toMatch(/^[0-9a-z]+-[0-9a-z]+-[0-9a-z]+$/);
      expect(parseInt(name, 36)).toBe(process.pid);
    }
  });
});
