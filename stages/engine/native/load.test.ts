// What is said of packages that are there and do not load. The packages here are stand-ins that fail as the real ones do.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, describe, expect, it } from '@jest/globals';

import { findCuda, parseModel } from './device.ts';
import { folderVariable, loadNative } from './load.ts';

const name = '@tensorflow/tfjs-node-gpu';
const root = mkdtempSync(join(tmpdir(), 'load-'));
const before = process.env[folderVariable];
afterEach(() => {
  if (before === undefined) Reflect.deleteProperty(process.env, folderVariable);
  else process.env[folderVariable] = before;
});
afterAll(() => rmSync(root, { recursive: true }));

/** What is said of a package whose code is this. */
function reasonFor(code: string): string {
  const folder = mkdtempSync(join(root, 'folder-'));
  const home = join(folder, 'node_modules', name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'index.js'), code);
  process.env[folderVariable] = folder;
  const loading = loadNative(name);
  return loading.kind === 'failed' ? loading.reason : 'loaded';
}

describe('loadNative', () => {
  it.each([
    [
      'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x. \\nPlease run',
      `${name} is installed, but its native part is missing: run \`npm rebuild ${name}\`, which downloads and builds it`,
    ],
    [
      'libtensorflow.so.2: cannot open shared object file: No such file or directory',
      `${name} is installed, but its native library libtensorflow.so.2 is missing: run \`npm rebuild ${name}\`, which downloads and builds it`,
    ],
    [
      'libcudart.so.11.0: cannot open shared object file: No such file or directory',
      `${name} is installed, but does not load: the system has no libcudart.so.11.0`,
    ],
    ['odd\\nand more', `${name} is installed, but does not load: odd`],
  ])('says what is missing: %s', (message, reason) => {
    expect(reasonFor(`throw new Error('${message}')`)).toBe(reason);
  });

  it('does not take a package for one that works because it loads', () => {
    expect(reasonFor('module.exports = {}')).toMatch(/is installed, but starts no backend$/);
  });
});

describe('the device', () => {
  it('is read from what the driver and the process say', () => {
    expect(parseModel('Model: \t\t NVIDIA H200\nIRQ:   \t\t 96\n')).toBe('NVIDIA H200');
    expect(parseModel('')).toBeUndefined();
    expect(findCuda('7f00-7f01 r-xp 0 08:01 7 /usr/local/cuda/lib64/libcudart.so.11.2.152\n')).toBe('11.2');
    expect(findCuda('7f00-7f01 r-xp 0 08:01 7 /usr/lib/libcudart.so.12\n')).toBe('12');
    expect(findCuda('')).toBeUndefined();
  });
});
