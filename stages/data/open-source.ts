// Opens what the `download` stage left in data/source, whichever kind it is.

import { readFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { StageFailure } from '../context/fail.ts';
import { openFolder } from './folder-source.ts';
import { openCifar } from './image-source.ts';
import type { ImageSource } from './image-source.ts';
import type { SourceManifest } from './manifest.ts';

export interface OpenOptions {
  /** Absolute path of the project. */
  readonly root: string;
  /** The folder that is watched for changes (data/raw): images must lie in it. */
  readonly raw: string;
}

/** @throws StageFailure where the images are damaged, or lie where a change of them would go unseen */
export function openSource(folder: string, { root, raw }: OpenOptions): ImageSource {
  const manifest = JSON.parse(readFileSync(join(folder, 'source.json'), 'utf8')) as SourceManifest;
  if (manifest.kind === 'cifar') return openCifar(folder, manifest);
  const path = resolve(root, manifest.path);
  const inside = relative(raw, path);
  if (inside.startsWith('..') || isAbsolute(inside)) {
    const example = join(relative(root, raw), 'my-images');
    throw new StageFailure(
      `params.yaml: data.path: "${manifest.path}" does not lie in ${relative(root, raw)}, where changes are noticed; put the images (or a link to them) there, as ${example}`,
    );
  }
  return openFolder(path, manifest);
}
