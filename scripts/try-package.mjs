// Packs the package, installs it elsewhere as a user would, and uses it: the command, the starter pipeline, the library. Exits with 1 where something
// does not hold. Needs a build in dist/.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'dagrun-package-'));
const shell = process.platform === 'win32';

function run(cwd, command, ...args) {
  return execFileSync(command, args, { cwd, shell, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function expect(what, holds) {
  if (!holds) throw new Error(`not so: ${what}`);
  console.log(`ok: ${what}`);
}

/** The tarball, made in a copy: packing rewrites package.json for a moment. */
function pack() {
  const copy = join(folder, 'copy');
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const names = files.filter((name) => !name.startsWith('!'));
  for (const name of ['package.json', ...names]) cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  run(copy, 'npx', 'clean-package');
  run(copy, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder);
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz')),
  );
}

function use(tarball) {
  const project = join(folder, 'project');
  cpSync(join(root, 'LICENSE'), join(project, 'LICENSE'));
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  run(project, 'npm', 'install', '--silent', '--no-audit', '--no-fund', tarball);
  const installed = readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'));
  expect('it brings no other package along', installed.join() === 'dagrun');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect('the command answers', run(project, 'npx', 'dagrun', '--version').trim() === version);
  run(project, 'npx', 'dagrun', 'init');
  const summaries = [1, 2].map(() =>
    JSON.parse(run(project, 'npx', 'dagrun', 'repro', '--json').trim().split('\n').at(-1)),
  );
  expect('the starter pipeline runs', summaries[0].executed > 0 && summaries[0].failed === 0);
  expect(
    'and does nothing the second time',
    summaries[1].executed === 0 && summaries[1].skipped === summaries[0].executed,
  );
  const script = 'import("dagrun").then((library) => console.log(Object.keys(library).join()))';
  expect('the library can be imported', run(project, process.execPath, '--eval', script).trim().length > 0);
}

try {
  use(pack());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
