// The doctor as it is run, on this machine, without measuring; and what it writes of what it found.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, it } from '@jest/globals';

import type { Examination } from './examine.ts';
import { writeReport } from './report.ts';

const program = fileURLToPath(new URL('../doctor.ts', import.meta.url));
const doctor = (...args: string[]) => promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...args]);

describe('the doctor', () => {
  it('says of each engine what it is or why it does not work', async () => {
    const { stdout } = await doctor('--json', '--seconds', '0');
    const { machine, engines, auto } = JSON.parse(stdout) as Examination;
    expect(machine).toMatchObject({ node: process.version, system: `${process.platform} ${process.arch}` });
    expect(machine.cores).toBeGreaterThan(0);
    expect(machine.memory).toBeGreaterThan(2 ** 26);
    expect(engines.map(({ name }) => name)).toEqual(['node-gpu', 'webgpu', 'node', 'wasm']);
    for (const engine of engines) {
      if (engine.works) expect(engine.info.name).toBe(engine.name);
      else expect(engine.reason).toMatch(/^[^\n]+$/);
    }
    expect(engines.at(-1)).toMatchObject({ works: true, imagesPerSecond: null });
    expect(engines.filter(({ works }) => works).map(({ name }) => name)).toContain(auto);
  });

  it('refuses a time that is none', async () => {
    await expect(doctor('--seconds', 'ten')).rejects.toThrow('--seconds ten: give a number from 0 to 3600');
  });
});

describe('writeReport', () => {
  const machine = { node: 'v20.20.2', system: 'linux x64', processor: 'A processor', cores: 2, memory: 24 * 2 ** 30 };

  it('is a table', () => {
    const info = {
      name: 'node-gpu',
      version: 'tfjs 4.22.0, TensorFlow 2.9.1 (GPU)',
      notes: [],
      device: 'A GPU',
    } as const;
    const text = writeReport({
      machine,
      engines: [
        { name: 'node-gpu', works: true, info, imagesPerSecond: 12345.6 },
        { name: 'node', works: false, reason: 'not installed' },
      ],
      auto: 'node-gpu',
    });
    expect(text.split('\n').slice(0, 6)).toEqual([
      'Node.js v20.20.2 on linux x64; A processor, 2 cores, 24.0 GiB of memory',
      '',
      'engine           images/s',
      'node-gpu  works     12346  tfjs 4.22.0, TensorFlow 2.9.1 (GPU), on A GPU',
      'node      no            –  not installed',
      '',
    ]);
    expect(text).toContain('engine: auto takes node-gpu.');
  });

  it('says when nothing works', () => {
    expect(writeReport({ machine, engines: [], auto: null })).toContain('No engine works');
  });
});
