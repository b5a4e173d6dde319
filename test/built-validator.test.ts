// What is built checks pipeline files with code that ajv made while it was built; the sources have ajv compile the same schema when it is
// needed. Both have to say the same of every file, and the program may need no compiler for it.

import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import type { Fault, openProject as OpenProject } from '../lib/index.ts';
import { renderFault } from '../lib/core/failure.ts';
import { parsePipeline } from '../lib/pipeline/parse.ts';
import { cliPath, useRig } from './rig.ts';

const rig = useRig();

const example = {
  vars: [{ seed: 1 }],
  pools: { gpu: 1 },
  cache: { link: 'copy' },
  remotes: { origin: 's3://bucket/prefix', other: { url: '/mnt', jobs: 4 } },
  stages: {
    prep: { cmd: ['a', 'b'], deps: ['a.txt'], outs: [{ data: { cache: false } }], env: ['HOME'], desc: 'x' },
    train: { foreach: ['a', 'b'], do: { cmd: 'run ${item}', params: ['lr', { 'p.toml': ['k'] }], timeout: '90s' } },
    grid: { matrix: { a: [1, 2] }, cmd: 'go ${item.a}', resources: { gpu: 1, memory: '4G' }, executor: 'local' },
  },
};

const junk = fc.constantFrom<unknown>(
  '',
  'text',
  '${x}',
  -1,
  0.5,
  7,
  null,
  true,
  [],
  ['', 3],
  {},
  { if: 1, url: 2, cmd: [] },
);
const oddKeys = fc.constantFrom('cmds', 'foreach', 'do', 'matrix', 'x-any', 'constructor', '.hidden', 'a'.repeat(101));

/** The example with one of its values replaced, or one more key beside it. */
const broken = fc.tuple(fc.array(fc.nat(), { maxLength: 6 }), junk, fc.option(oddKeys)).map(([steps, value, key]) => {
  const change = (node: unknown, [step, ...rest]: readonly number[]): unknown => {
    if (typeof node !== 'object' || node === null || step === undefined)
      return key === null || typeof node !== 'object' || Array.isArray(node) ? value : { ...node, [key]: value };
    const names = Object.keys(node);
    const chosen = names[step % names.length]!;
    const changed = { ...node, [chosen]: change((node as Record<string, unknown>)[chosen], rest) };
    return Array.isArray(node) ? Object.values(changed) : changed;
  };
  return change(example, steps);
});

function faultsOfSources(text: string): readonly Fault[] {
  const readSource = (): undefined => undefined;
  const parsed = parsePipeline({ file: 'pipeline.yaml', lockFile: 'pipeline.lock', text, readSource });
  return parsed.ok ? [] : parsed.error;
}

describe('the validator that is built', () => {
  let openProject: typeof OpenProject;
  beforeAll(async () => {
    const library = pathToFileURL(join(dirname(cliPath), 'index.js')).href;
    ({ openProject } = (await import(library)) as { openProject: typeof OpenProject });
  });

  it('finds the same faults as the one of the sources', async () => {
    let faulty = 0;
    const property = fc.asyncProperty(broken, async (document) => {
      const text = stringify(document);
      const faults = faultsOfSources(text);
      if (faults.length === 0) return;
      faulty++;
      rig.pipeline(text);
      const opened = await openProject({ cwd: rig.root, file: undefined, environment: {}, onWarning: () => undefined });
      expect(opened.ok ? [] : opened.error.faults).toEqual(faults);
    });
    await fc.assert(property, { numRuns: 300 });
    expect(faulty).toBeGreaterThan(100);
  });

  it('needs no compiler of schemas, whether the file is sound or not', async () => {
    const report =
      "import fs from 'node:fs'; const read = fs.readFileSync; fs.readFileSync = (path, ...rest) => { const name = /vendor.(ajv|yaml)\\b.*cjs$/.exec(path)?.[1]; if (name) process.stderr.write(`[${name}]`); return read(path, ...rest); };";
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(report)}` };
    rig.pipeline({ stages: { one: { cmd: 'true' } } });
    expect(await rig.run(['status'], { env })).toMatchObject({ code: 0, stderr: '[yaml]' });
    const text = 'stages: {one: {cmds: x, resources: {cpu: 0}}}\n';
    rig.pipeline(text);
    const said = faultsOfSources(text).map((fault) => `${renderFault(fault)}\n`);
    expect(said).toHaveLength(3);
    expect(await rig.run(['status'], { env })).toMatchObject({ code: 2, stderr: `[yaml]${said.join('')}` });
    rig.pipeline({ schemas: { 'params.yaml': 'p.json' }, stages: { one: { cmd: 'true' } } });
    rig.write({ 'params.yaml': 'a: 1\n', 'p.json': '{}' });
    expect(await rig.run(['status'], { env })).toMatchObject({ code: 0, stderr: '[yaml][ajv]' });
  });
});
