// Stage `download`: brings the images that `data` of params.yaml names into data/source, or notes where they lie.
// deps: the DataSource that `configure` read, the folder data/raw (a source may lie there); outs: the folder data/source

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DataSource } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { pacedProgress } from './data/pace.ts';
import { makeSource } from './data/source.ts';

await runStage(async () => {
  const context = readContext();
  const source = JSON.parse(readFileSync(context.deps[0]!, 'utf8')) as DataSource;
  const folder = context.outs[0]!;
  const manifest = await makeSource(source, {
    root: context.root,
    folder,
    // Beside the out, not in it: outs are cleared before each execution, and half a download should outlive that.
    downloads: join(dirname(folder), '.downloads'),
    onProgress: pacedProgress(),
    onNotice: (text) => process.stdout.write(`${text}\n`),
  });
  process.stdout.write(
    `${manifest.name}: ${manifest.kind === 'cifar' ? `${manifest.classes.length} classes` : manifest.path}\n`,
  );
});
