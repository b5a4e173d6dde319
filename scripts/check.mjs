// Everything that has to hold before a change lands: install, lint, formatting, types, tests, the package, and this repository's own pipeline
// in a fresh copy, twice: the second run may execute nothing. The last line counts what passed and what failed.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const counts = { passed: 0, failed: 0, skipped: 0 };

function note(name, passed) {
  counts[passed ? 'passed' : 'failed']++;
  console.log(`${passed ? 'ok' : 'FAILED'}: ${name}`);
  return passed;
}

function run(command, args, options = {}) {
  return (
    spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32', ...options })
      .status === 0
  );
}

function step(name, command, args) {
  console.log(`\n== ${name}`);
  return note(name, run(command, args));
}

/** What the tests of remotes talk to. Where it cannot be had, they say that they were not run; nothing fails. */
function servers() {
  console.log('\n== servers for the tests of remotes');
  const place = join(root, 'test', 'remote', 'servers');
  const options = { timeout: 300_000, stdio: ['ignore', 'ignore', 'inherit'] };
  const node = run('npm', ['install', '--prefix', place, '--no-fund', '--no-audit', '--no-package-lock'], options);
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--target',
    join(place, 'python'),
    '-r',
    join(place, 'requirements.txt'),
  ];
  const python = existsSync(join(place, 'python', 'swift')) || run('python3', pip, options);
  const program = join(place, 'bin', `fake-gcs-server${process.platform === 'win32' ? '.exe' : ''}`);
  const goOptions = { ...options, env: { ...process.env, GOBIN: join(place, 'bin') } };
  const go = existsSync(program) || run('go', ['install', 'github.com/fsouza/fake-gcs-server@v1.56.1'], goOptions);
  if (!node) console.log('not run: tests of remotes that need opendal (npm could not install it)');
  if (!go) console.log('not run: tests of remotes that need a server of Google Cloud Storage (Go could not build it)');
  if (!python) console.log('not run: tests of remotes that need an S3 server (pip could not install it)');
}

/** Runs a selection of the tests. `variables` are set for them in addition. */
function tests(folder, selection = [], variables = {}) {
  const report = join(folder, 'tests.json');
  rmSync(report, { force: true });
  const flags = ['--json', `--outputFile=${report}`, '--silent'];
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
  const passed = run(process.execPath, [...jest, ...flags, ...selection], { env: { ...process.env, ...variables } });
  try {
    const { numPassedTests, numPendingTests, numFailedTests, numFailedTestSuites, numRuntimeErrorTestSuites } =
      JSON.parse(readFileSync(report, 'utf8'));
    counts.passed += numPassedTests;
    counts.skipped += numPendingTests;
    counts.failed += numFailedTests + numRuntimeErrorTestSuites;
    if (!passed && numFailedTests + numFailedTestSuites === 0) note('tests', false);
  } catch {
    note('tests (no report)', false);
  }
}

/** Tests of the native engine; native TensorFlow is made for them where that is possible in a few minutes. */
const nativeTests = 'stages/engine/native';

/** @returns a folder with native TensorFlow, kept for the next time; undefined where it cannot be had */
function prepareNative() {
  console.log('\n== native TensorFlow for its tests');
  if (process.env.DAGRUN_TFJS_NODE) return process.env.DAGRUN_TFJS_NODE;
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const target = join(caches, 'dagrun-check', 'native-tensorflow');
  if (run(process.execPath, ['scripts/native-tensorflow.mjs', target, '--within', '240'])) return target;
  console.log('not run: the tests of native TensorFlow, which could not be made here (see above)');
  return undefined;
}

/** All tests; those of the native engine by themselves, so that `engine: auto` is elsewhere what it is on a machine without it. */
function allTests(folder) {
  const native = prepareNative();
  console.log('\n== tests');
  const others = native === undefined ? [] : [`--testPathIgnorePatterns=${nativeTests}`, '/node_modules/'];
  tests(folder, others, { DAGRUN_TFJS_NODE: '' });
  if (native !== undefined) tests(folder, [nativeTests], { DAGRUN_TFJS_NODE: native });
}

/** A copy of what a fresh clone has, with the packages of this one. */
function pipeline(folder) {
  console.log('\n== the pipeline, twice');
  const copy = join(folder, 'pipeline');
  const inputs = ['pipeline.yaml', 'params.yaml', 'evaluation_metrics.yaml', 'stages', 'data/raw', 'package.json'];
  for (const name of [...inputs, 'tsconfig.json']) cpSync(join(root, name), join(copy, name), { recursive: true });
  for (const name of ['node_modules', 'dist']) symlinkSync(join(root, name), join(copy, name), 'junction');
  const cli = join(root, 'dist', 'cli.cjs');
  const summaryOf = () => {
    const { status, stdout } = spawnSync(process.execPath, [cli, '-C', copy, 'repro', '--json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) return undefined;
    return JSON.parse(stdout.trim().split('\n').at(-1));
  };
  const first = summaryOf();
  note(
    `the first run executes all stages (${JSON.stringify(first)})`,
    first?.kind === 'summary' && first.executed > 0 && first.failed === 0,
  );
  const second = summaryOf();
  note(
    `the second run executes nothing (${JSON.stringify(second)})`,
    second?.kind === 'summary' &&
      second.executed === 0 &&
      second.restored === 0 &&
      second.skipped === first?.executed + first?.restored,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'dagrun-check-'));
try {
  if (step('install', 'npm', ['ci', '--no-fund', '--no-audit'])) {
    step('lint', 'npx', ['eslint', '.']);
    step('formatting', 'npx', ['prettier', '--check', '--log-level', 'warn', '.']);
    step('types', 'npx', ['tsc', '-p', '.']);
    servers();
    allTests(folder);
    step('the package', process.execPath, ['scripts/try-package.mjs']);
    pipeline(folder);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed === 0 ? 0 : 1;
