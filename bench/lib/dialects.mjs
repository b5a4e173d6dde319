// Writes a tool-neutral pipeline (pipelines.mjs) in each tool's own format. Knows formats only: no commands, no versions.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @typedef {import('./pipelines.mjs').Shape} Shape */
/** @typedef {import('./pipelines.mjs').Stage} Stage */

/** Makes the folder with the source files and an empty `out/`. @param {string} dir @param {Shape} shape */
export function writeSources(dir, shape) {
  const made = new Set();
  mkdirSync(join(dir, 'out'), { recursive: true });
  for (const [path, bytes] of shape.files()) {
    const parent = dirname(path);
    if (!made.has(parent)) mkdirSync(join(dir, parent), { recursive: true });
    made.add(parent);
    writeFileSync(join(dir, path), bytes);
  }
}

/** @param {Stage} stage */
const plainCommand = (stage) => stage.cmd.replaceAll('{param}', stage.param ?? '');
/** @param {Stage} stage @param {Shape} shape */
const allFiles = (stage, shape) => [
  ...stage.deps,
  ...(stage.folder === undefined ? [] : (shape.folders[stage.folder]?.() ?? [])),
];
/** @param {Stage} stage */
const globs = (stage) => [
  ...stage.deps.filter((dep) => dep.startsWith('src/')),
  ...(stage.folder === undefined ? [] : [`${stage.folder}/**`]),
];
/** @param {unknown} value */
const json = (value) => `${JSON.stringify(value, null, 1)}\n`;
/** @param {Shape} shape @param {(stage: Stage) => unknown} describe */
const byName = (shape, describe) => Object.fromEntries(shape.stages.map((stage) => [stage.name, describe(stage)]));
/** @param {Shape} shape */
const names = (shape) => shape.stages.map((stage) => stage.name);

const IGNORED = 'node_modules\nout\n.turbo\n.nx\n.wireit\n';

/** Every dialect: `(dir, shape) => void`. Writing again over an older pipeline is an edit by the user. */
export const dialects = {
  /** @param {string} dir @param {Shape} shape */
  ninja(dir, shape) {
    const build = (/** @type {Stage} */ stage) =>
      `build ${stage.out}: run ${allFiles(stage, shape).join(' ')}\n  cmd = ${plainCommand(stage).replaceAll('$', '$$$$')}\n`;
    writeFileSync(join(dir, 'build.ninja'), `rule run\n  command = $cmd\n${shape.stages.map(build).join('')}`);
  },

  /** @param {string} dir @param {Shape} shape */
  make(dir, shape) {
    const listed = (/** @type {Stage} */ stage) =>
      stage.folder === undefined ? '' : ` $(shell find ${stage.folder} -type f)`;
    const rule = (/** @type {Stage} */ stage) =>
      `${stage.out}: ${stage.deps.join(' ')}${listed(stage)}\n\t${plainCommand(stage).replaceAll('$', '$$$$')}\n`;
    const all = shape.stages.map((stage) => stage.out).join(' ');
    writeFileSync(join(dir, 'Makefile'), `.PHONY: all\nall: ${all}\n${shape.stages.map(rule).join('')}`);
  },

  /** @param {string} dir @param {Shape} shape */
  snakemake(dir, shape) {
    const rows = byName(shape, (stage) => ({
      cmd: plainCommand(stage),
      deps: stage.deps,
      folder: stage.folder ?? null,
    }));
    writeFileSync(join(dir, 'stages.json'), json(rows));
    writeFileSync(join(dir, 'Snakefile'), SNAKEFILE);
  },

  /** @param {string} dir @param {Shape} shape */
  turbo(dir, shape) {
    const task = (/** @type {Stage} */ stage) => ({
      // No inputs at all would mean every file of the package; package.json always counts anyway.
      inputs: globs(stage).length > 0 ? globs(stage) : ['package.json'],
      outputs: [stage.out],
      dependsOn: stage.after,
    });
    const scripts = { ...byName(shape, plainCommand) };
    writeFileSync(
      join(dir, 'package.json'),
      json({ name: 'bench', private: true, packageManager: 'npm@10.0.0', scripts }),
    );
    writeFileSync(join(dir, 'package-lock.json'), json({ name: 'bench', lockfileVersion: 3, packages: {} }));
    writeFileSync(
      join(dir, 'turbo.json'),
      json({ tasks: { ...byName(shape, task), all: { dependsOn: names(shape), cache: false } } }),
    );
    writeFileSync(join(dir, '.gitignore'), IGNORED);
  },

  /** @param {string} dir @param {Shape} shape */
  nx(dir, shape) {
    const target = (/** @type {Stage} */ stage) => ({
      executor: 'nx:run-commands',
      cache: true,
      inputs: [
        ...globs(stage).map((glob) => `{projectRoot}/${glob}`),
        ...(stage.after.length > 0 ? [{ dependentTasksOutputFiles: '**/*' }] : []),
      ],
      outputs: [`{projectRoot}/${stage.out}`],
      dependsOn: stage.after,
      options: { command: plainCommand(stage), cwd: '.' },
    });
    const targets = { ...byName(shape, target), all: { executor: 'nx:noop', dependsOn: names(shape) } };
    writeFileSync(join(dir, 'package.json'), json({ name: 'bench', private: true }));
    writeFileSync(join(dir, 'project.json'), json({ name: 'bench', root: '.', targets }));
    writeFileSync(join(dir, 'nx.json'), json({ neverConnectToCloud: true, analytics: false }));
    writeFileSync(join(dir, '.gitignore'), IGNORED);
  },

  /** @param {string} dir @param {Shape} shape */
  wireit(dir, shape) {
    const script = (/** @type {Stage} */ stage) => ({
      command: plainCommand(stage),
      files: globs(stage),
      output: [stage.out],
      dependencies: stage.after,
    });
    const scripts = { ...byName(shape, () => 'wireit'), all: 'wireit' };
    const wireit = { ...byName(shape, script), all: { dependencies: names(shape) } };
    writeFileSync(join(dir, 'package.json'), json({ name: 'bench', private: true, scripts, wireit }));
    writeFileSync(join(dir, '.gitignore'), IGNORED);
  },

  /** @param {string} dir @param {Shape} shape */
  dvc: (dir, shape) => writeStages(dir, 'dvc.yaml', shape),
  /** @param {string} dir @param {Shape} shape */
  dagrun: (dir, shape) => writeStages(dir, 'pipeline.yaml', shape),
};

/** The format that DVC and dagrun share; a stage's parameter is a key of params.yaml. @param {string} dir @param {string} file @param {Shape} shape */
function writeStages(dir, file, shape) {
  const list = (/** @type {string} */ key, /** @type {string[]} */ items) =>
    items.length === 0 ? '' : `    ${key}:\n${items.map((item) => `      - ${JSON.stringify(item)}\n`).join('')}`;
  const entry = (/** @type {Stage} */ stage) => {
    const command = stage.cmd.replaceAll('{param}', `\${${stage.name}}`);
    const deps = [...stage.deps, ...(stage.folder === undefined ? [] : [stage.folder])];
    const params = stage.param === undefined ? [] : [stage.name];
    return `  ${stage.name}:\n    cmd: ${JSON.stringify(command)}\n${list('deps', deps)}${list('params', params)}${list('outs', [stage.out])}`;
  };
  const params = shape.stages
    .filter((stage) => stage.param !== undefined)
    .map((stage) => `${stage.name}: ${stage.param}\n`);
  if (params.length > 0) writeFileSync(join(dir, 'params.yaml'), params.join(''));
  writeFileSync(join(dir, file), `stages:\n${shape.stages.map(entry).join('')}`);
}

const SNAKEFILE = `import json, os
S = json.load(open("stages.json"))
def files(w):
    s = S[w.name]
    found = [os.path.join(d, f) for d, _, fs in os.walk(s["folder"]) for f in fs] if s["folder"] else []
    return s["deps"] + sorted(found)
rule all:
    input: ["out/%s.txt" % name for name in S]
rule stage:
    input: files
    output: "out/{name}.txt"
    params: cmd=lambda w: S[w.name]["cmd"]
    shell: "{params.cmd}"
`;
