import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readUserConfig, userConfigPath } from './user-config.ts';
import { readUserSettings } from './user-settings.ts';

describe("the user's configuration file", () => {
  it('is found where the environment says', () => {
    expect(userConfigPath({ HOME: '/h' })).toBe('/h/.config/dagrun/config.yaml');
    expect(userConfigPath({ HOME: '/h', XDG_CONFIG_HOME: '/x' })).toBe('/x/dagrun/config.yaml');
    expect(userConfigPath({ HOME: '/h', XDG_CONFIG_HOME: 'relative' })).toBe('/h/.config/dagrun/config.yaml');
    expect(userConfigPath({ HOME: '/h', DAGRUN_CONFIG: '/c.yaml' })).toBe('/c.yaml');
  });

  it('is read; what is wrong is told without repeating it, since it may hold secrets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'));
    const environment = { DAGRUN_CONFIG: join(folder, 'config.yaml') };
    expect(await readUserConfig(environment)).toEqual({ ok: true, value: {} });
    writeFileSync(environment.DAGRUN_CONFIG, 'executor: slurm\nslurm: { jobs: 3 }\n');
    expect(await readUserConfig(environment)).toEqual({ ok: true, value: { executor: 'slurm', slurm: { jobs: 3n } } });
    expect(await readUserSettings(environment)).toMatchObject({ value: { executor: 'slurm', slurmJobs: 3 } });
    for (const wrong of ['secret: [hush', '- hush']) {
      writeFileSync(environment.DAGRUN_CONFIG, wrong);
      const read = await readUserConfig(environment);
      expect(read.ok).toBe(false);
      expect(JSON.stringify(read)).toContain('config.yaml');
      expect(JSON.stringify(read)).not.toContain('hush');
    }
    rmSync(folder, { recursive: true });
  });
});
