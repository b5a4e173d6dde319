// Builds what the package ships: dist/cli.cjs (one file, everything in it, heavy parts evaluated only when they are needed),
// dist/index.js (the library) with its type declarations, and pipeline.schema.json.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

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

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  define: { __DAGRUN_BUILD__: JSON.stringify(buildId()), __DAGRUN_VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
  legalComments: 'none',
};

rmSync(`${root}dist`, { recursive: true, force: true });
mkdirSync(`${root}dist`);
await build({
  ...shared,
  entryPoints: ['lib/cli/bin.ts'],
  outfile: 'dist/cli.cjs',
  format: 'cjs',
  minify: true,
  banner: { js: '#!/usr/bin/env node' },
});
chmodSync(`${root}dist/cli.cjs`, 0o755);
// Packages that are CommonJS inside an ES module need a `require` of their own.
const requireShim =
  "import { createRequire as dagrunCreateRequire } from 'node:module'; const require = dagrunCreateRequire(import.meta.url);";
await build({
  ...shared,
  entryPoints: ['lib/index.ts'],
  outfile: 'dist/index.js',
  format: 'esm',
  banner: { js: requireShim },
});
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`], {
  stdio: 'inherit',
  cwd: root,
});

const schemaBundle = await build({ ...shared, entryPoints: ['lib/pipeline/schema.ts'], write: false, format: 'esm' });
const { pipelineSchema } = await import(
  `data:text/javascript;base64,${Buffer.from(schemaBundle.outputFiles[0].contents).toString('base64')}`
);
writeFileSync(`${root}pipeline.schema.json`, `${JSON.stringify(pipelineSchema, null, 2)}\n`);
