// Makes a folder with @tensorflow/tfjs-node on a native TensorFlow taken from TensorFlow's Python package, where the library that tfjs-node would
// download is out of reach or too old: `node scripts/native-tensorflow.mjs FOLDER`, then DAGRUN_TFJS_NODE=FOLDER in the environment. Needs the
// registries of npm and Python, python3 with pip, a C++ compiler and make, and 1.5 GB of disk. No Python package is installed. Linux.
// `--within SECONDS` gives up after that time; what was downloaded by then counts next time.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

const bindings = '4.22.0';
const tensorflow = '2.21.0';
/** The names under which bindings made for TensorFlow 2.9.1 look for the two libraries. */
const libraryNames = ['.so', '.so.2', '.so.2.9.1'];
const platforms = { x64: 'manylinux_2_27_x86_64', arm64: 'manylinux_2_27_aarch64' };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { within: { type: 'string', default: '3600' } },
});
const folder = resolve(positionals[0] ?? fail('usage: node scripts/native-tensorflow.mjs FOLDER [--within SECONDS]'));
const deadline = performance.now() + 1000 * Number(values.within);
const root = fileURLToPath(new URL('..', import.meta.url));

function fail(message) {
  console.error(message);
  process.exit(1);
}

function run(what, command, args, options = {}) {
  console.log(`${what} …`);
  const timeout = Math.max(1, Math.round(deadline - performance.now()));
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout, ...options });
  if (error?.code === 'ETIMEDOUT') fail(`${what}: took too long`);
  if (error?.code === 'ENOENT') fail(`${what}: ${command} is not installed`);
  if (status !== 0) fail(`${what}: ${command} failed (see above)`);
}

function link(target, path) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

function installBindings(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
  const packages = ['tfjs-node', 'tfjs-node-gpu'].map((name) => `@tensorflow/${name}@${bindings}`);
  const options = ['--ignore-scripts', '--no-fund', '--no-audit', '--no-package-lock'];
  run('installing the bindings', 'npm', ['install', ...options, ...packages], { cwd: folder });
}

/** Leaves libtensorflow_cc.so.2, libtensorflow_framework.so.2 and include/ in a folder, without the Python around them. */
function fetchTensorflow(target) {
  const platform = platforms[process.arch] ?? fail(`TensorFlow has no package for ${process.arch}`);
  const scratch = join(target, 'download');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const kind = ['--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.11', '--platform', platform];
  const options = ['--no-deps', '--disable-pip-version-check', '--quiet', '--dest', scratch, ...kind];
  const download = ['-m', 'pip', 'download', ...options, `tensorflow-cpu==${tensorflow}`];
  run('downloading TensorFlow (300 MB)', 'python3', download);
  const unpack = [
    'import glob, sys, zipfile',
    'archive = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])',
    'wanted = ("tensorflow/include/", "tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2")',
    'archive.extractall(sys.argv[2], [name for name in archive.namelist() if name.startswith(wanted)])',
  ];
  run('unpacking it', 'python3', ['-c', unpack.join('\n'), scratch, target]);
  rmSync(scratch, { recursive: true });
  writeFileSync(join(target, 'tensorflow', 'complete'), '');
}

function buildBindings(folder, library) {
  const home = join(folder, 'node_modules', '@tensorflow', 'tfjs-node');
  const deps = join(home, 'deps');
  for (const [own, name] of [
    ['libtensorflow_cc.so.2', 'libtensorflow'],
    ['libtensorflow_framework.so.2', 'libtensorflow_framework'],
  ]) {
    for (const suffix of libraryNames) link(join(library, own), join(deps, 'lib', `${name}${suffix}`));
    link(join(library, own), join(deps, 'lib', own));
  }
  link(join(library, 'include'), join(deps, 'include'));
  // Headers of Node.js that lie beside it need no download.
  const prefix = resolve(dirname(process.execPath), '..');
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {};
  const env = { ...process.env, ...headers, npm_config_build_from_source: 'true' };
  run('building the bindings', 'npm', ['rebuild', '@tensorflow/tfjs-node'], { cwd: folder, env });
  // The other package differs in name only: with a TensorFlow that knows no GPU, it finds none.
  const other = join(folder, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
  for (const part of ['lib', 'deps']) {
    rmSync(join(other, part), { recursive: true, force: true });
    cpSync(join(home, part), join(other, part), { recursive: true, verbatimSymlinks: true });
  }
}

/** Kernels are registered with one instance of tfjs-core: it has to be that of the project. */
function shareCore(folder) {
  const require = createRequire(join(root, 'package.json'));
  for (const name of ['tfjs-core', 'tfjs-layers', 'tfjs-backend-cpu']) {
    const own = dirname(require.resolve(`@tensorflow/${name}/package.json`));
    link(own, join(folder, 'node_modules', '@tensorflow', name));
  }
}

function check(folder) {
  const program = "const tf = require('@tensorflow/tfjs-node'); console.log(tf.backend().binding.TF_Version)";
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) fail(`the bindings do not load:\n${stderr}`);
  return stdout.trim();
}

if (process.platform !== 'linux') fail('this works on Linux; elsewhere `npm install @tensorflow/tfjs-node` does');
const stamp = join(folder, 'made');
const wanted = `tfjs-node ${bindings}, TensorFlow ${tensorflow}, ${process.arch}\n`;
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  rmSync(stamp, { force: true });
  const library = join(folder, 'tensorflow');
  if (!existsSync(join(library, 'complete'))) fetchTensorflow(folder);
  installBindings(folder);
  buildBindings(folder, library);
  writeFileSync(stamp, wanted);
}
shareCore(folder);
console.log(`TensorFlow ${check(folder)} works in ${folder}; use it with\n  export DAGRUN_TFJS_NODE=${folder}`);
