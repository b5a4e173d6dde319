// Builds what the package ships: dist/cli.cjs (one file, everything in it, heavy parts evaluated only when they are needed),
// dist/index.js (the library) with its type declarations, and pipeline.schema.json. Also dist/kernels.wasm, which this repository's own
// pipeline trains with and the package does not ship.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main as compileAssembly } from 'assemblyscript/asc';
import { build } from 'esbuild';
import { stringify } from 'yaml';
import { compilePipelineSchema } from './pipeline-validator.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** A digest of all sources: caches that this build writes are not read by another one. */
function buildId() {
  const hash = createHash('sha256').update(version);
  for (const name of readdirSync(`${root}lib`, { recursive: true }).sort()) {
    if (name.endsWith('.ts') && !name.endsWith('.test.ts'))
      hash.update(name).update(readFileSync(`${root}lib/${name}`));
  }
  return `${version}-${hash.digest('hex').slice(0, 12)}`;
}

/** Leaves the code caches of a run that parses, skips and restores, which are what has to be quick, for this version of Node.js. */
function warmUp() {
  const folder = mkdtempSync(join(tmpdir(), 'dagrun-build-'));
  const run = () => execFileSync(process.execPath, [`${root}dist/cli.cjs`, '-C', folder, 'repro'], { stdio: 'ignore' });
  const stages = {
    skip: { cmd: 'cp in kept', deps: ['in'], outs: ['kept'] },
    restore: { cmd: 'cp in out', deps: ['in'], outs: ['out'] },
  };
  try {
    writeFileSync(`${folder}/pipeline.yaml`, stringify({ stages }));
    writeFileSync(`${folder}/in`, 'in');
    run();
    for (const name of readdirSync(`${root}dist`, { recursive: true }))
      if (name.endsWith('.cache')) rmSync(`${root}dist/${name}`);
    rmSync(`${folder}/out`);
    writeFileSync(`${folder}/pipeline.yaml`, `${stringify({ stages })}# edited`);
    run();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compiles the kernels of the training engine. They import their memory and allocate nothing, so no runtime is needed. */
async function buildKernels(outFile) {
  const entry = 'stages/engine/assembly/index.ts';
  const target = ['--enable', 'simd', '--importMemory', '--noExportMemory', '--runtime', 'stub', '--noAssert'];
  const options = [entry, '--baseDir', root, '--outFile', outFile, '-O3', '--converge', ...target];
  const { error, stderr } = await compileAssembly(options);
  if (error) throw new Error(`${entry} does not compile:\n${stderr}`, { cause: error });
}

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  define: { __DAGRUN_BUILD__: JSON.stringify(buildId()), __DAGRUN_VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
  legalComments: 'none',
  // cli/start.ts relies on it.
  charset: 'ascii',
};

/**
 * Packages that a no-op run does not need. Each becomes a file of its own beside the CLI, required where its first module is evaluated:
 * merely parsing a megabyte of code that is not used would take as long as the rest of a no-op run.
 */
const heavy = [
  '@babel/parser',
  'ajv/dist/2020.js',
  'execa',
  'fast-glob',
  'get-tsconfig',
  'ignore',
  'smol-toml',
  'yaml',
];
const vendorFile = (name) => `./vendor/${name.replace(/[^a-z0-9]+/gi, '-').replace(/^-/, '')}.cjs`;

const { pipelineSchema, code: validatorCode } = await compilePipelineSchema(root);

/** What is compiled at run time where the sources run is compiled here. */
const precompiled = {
  name: 'precompiled',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]lib[\\/]pipeline[\\/]pipeline-validator\.ts$/ }, () => ({
      contents: validatorCode,
      loader: 'js',
      resolveDir: root,
    }));
  },
};

const vendored = {
  name: 'vendored',
  setup({ onResolve }) {
    onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
      heavy.includes(path) ? { path: vendorFile(path), external: true } : undefined,
    );
  },
};

// Built beside the old one and put in its place whole: whoever runs dagrun meanwhile sees one or the other.
const made = `dist-${process.pid}`;
mkdirSync(`${root}${made}`);
// Without import(), esbuild turns it into a lazy require, which also knows the names that a CommonJS file exports.
const cjs = { ...shared, format: 'cjs', minify: true, supported: { 'dynamic-import': false } };
await build({
  ...cjs,
  entryPoints: ['lib/cli/bin.ts'],
  outfile: `${made}/main.cjs`,
  plugins: [vendored, precompiled],
});
await build({
  ...cjs,
  entryPoints: ['lib/cli/launch.ts'],
  outfile: `${made}/cli.cjs`,
  banner: { js: '#!/usr/bin/env node' },
});
for (const name of heavy) {
  const stdin = { contents: `module.exports = require(${JSON.stringify(name)})`, resolveDir: root };
  await build({ ...cjs, stdin, outfile: `${made}/${vendorFile(name).slice(2)}` });
}
// esbuild escapes what stands in strings, but neither regular expressions nor tagged templates.
for (const name of ['main.cjs', ...heavy.map((each) => vendorFile(each))])
  if (readFileSync(`${root}${made}/${name}`).some((byte) => byte > 127))
    throw new Error(`${name} is not ASCII, as which cli/start.ts reads it: escape what is not`);
chmodSync(`${root}${made}/cli.cjs`, 0o755);
// Packages that are CommonJS inside an ES module need a `require` of their own.
const requireShim =
  "import { createRequire as dagrunCreateRequire } from 'node:module'; const require = dagrunCreateRequire(import.meta.url);";
await build({
  ...shared,
  entryPoints: ['lib/index.ts'],
  outfile: `${made}/index.js`,
  format: 'esm',
  plugins: [precompiled],
  banner: { js: requireShim },
});
const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', made];
execFileSync(process.execPath, tsc, { stdio: 'inherit', cwd: root });
await buildKernels(`${made}/kernels.wasm`);
rmSync(`${root}dist`, { recursive: true, force: true });
renameSync(`${root}${made}`, `${root}dist`);

warmUp();

writeFileSync(`${root}pipeline.schema.json`, `${JSON.stringify(pipelineSchema, null, 2)}\n`);
