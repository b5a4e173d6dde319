// Brings the weights that a backbone starts from to where training expects them: from data/raw if they lie there, else from the network, once. What
// has a checksum is verified; what is no HDF5 file is refused, so that a server's error page is not found out by training.

import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import type { WeightsOrigin } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { checksumFile } from '../data/digest.ts';
import { download } from '../data/fetch.ts';
import type { FetchOptions } from '../data/fetch.ts';
import { manifestFile, weightsFile } from './manifest.ts';
import type { WeightsManifest } from './manifest.ts';

export interface PlaceOptions extends FetchOptions {
  /** Absolute path of the project. */
  readonly root: string;
  /** Absolute path of data/raw. */
  readonly raw: string;
  /** The folder to fill. */
  readonly folder: string;
}

type Official = Extract<WeightsOrigin, { readonly kind: 'imagenet' }>;

/**
 * Fills `folder` with weights.json and, unless there is nothing to start from, backbone.h5.
 * @throws StageFailure where the file is not there and cannot be had, or is another one than it should be
 */
export async function placeWeights(origin: WeightsOrigin | null, options: PlaceOptions): Promise<WeightsManifest> {
  mkdirSync(options.folder, { recursive: true });
  const manifest: WeightsManifest = { version: 1, file: origin === null ? null : await placeFile(origin, options) };
  writeFileSync(join(options.folder, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function placeFile(origin: WeightsOrigin, options: PlaceOptions): Promise<NonNullable<WeightsManifest['file']>> {
  const source = origin.kind === 'file' ? await takeOwn(origin, options) : await takeOfficial(origin, options);
  const target = join(options.folder, weightsFile);
  // A copy that shares its blocks with the original where the file system can.
  copyFileSync(source, target, constants.COPYFILE_FICLONE);
  const [, sha256] = (await checksumFile(target, null)).split(':') as [string, string];
  if (origin.kind === 'imagenet' && origin.checksum === null)
    options.onNotice(
      `${origin.fileName} has sha256:${sha256}. No checksum of it is published; to be sure of the same file everywhere, write \`checksum: sha256:${sha256}\` beside \`weights\``,
    );
  return { name: weightsFile, sha256 };
}

async function takeOwn(
  origin: Extract<WeightsOrigin, { readonly kind: 'file' }>,
  { root }: PlaceOptions,
): Promise<string> {
  const path = join(root, origin.path);
  if (!isFile(path))
    throw new StageFailure(
      `params.yaml: weights: there is no file ${origin.path}. Put a Keras HDF5 file (without top) there, or write \`weights: imagenet\`, or \`weights: null\` to train from scratch`,
    );
  await verify(path, origin.path, origin.checksum);
  return path;
}

async function takeOfficial(origin: Official, options: PlaceOptions): Promise<string> {
  const own = join(options.raw, origin.fileName);
  if (isFile(own)) {
    await verify(own, `data/raw/${origin.fileName}`, origin.checksum);
    return own;
  }
  const target = join(options.downloads, downloadName(origin));
  if (isFile(target) && (await isSound(target, origin.checksum))) return target;
  rmSync(target, { force: true });
  await download(origin.url, target, options).catch((error: unknown) => {
    throw error instanceof StageFailure ? new StageFailure(`${error.message}\n${whatNext(origin)}`) : error;
  });
  try {
    await verify(target, origin.url, origin.checksum);
  } catch (error) {
    rmSync(target);
    throw error;
  }
  return target;
}

function whatNext({ backbone, fileName, url }: Official): string {
  return [
    `These are the weights that ${backbone} starts from. To go on, do one of these:`,
    `- get ${fileName} from ${url} by other means and put it into data/raw`,
    '- name a server that has it as `weights_mirror` in params.yaml',
    '- write `weights: null` in the options of the backbone, to train it from scratch',
    'Models that need no weights can be trained meanwhile: `dagrun repro -k`.',
  ].join('\n');
}

/** Known by what it has to be, so that a download is used again whichever server it came from; without a checksum, by its address. */
function downloadName({ fileName, url, checksum }: Official): string {
  return `${createHash('sha256')
    .update(checksum ?? url)
    .digest('hex')
    .slice(0, 12)}-${fileName}`;
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

async function isSound(path: string, checksum: string | null): Promise<boolean> {
  return isHdf5(path) && (checksum === null || (await checksumFile(path, checksum)) === checksum);
}

/** @param name - what the file is called in messages */
async function verify(path: string, name: string, checksum: string | null): Promise<void> {
  if (!isHdf5(path)) throw new StageFailure(`${name} is no HDF5 file: get it again`);
  if (checksum === null) return;
  const actual = await checksumFile(path, checksum);
  if (actual === checksum) return;
  throw new StageFailure(
    `${name} has another checksum than it should have:\n  expected ${checksum}\n  actual   ${actual}\nGet it again; or, if you trust it, write \`checksum: ${actual}\` beside \`weights\` in params.yaml`,
  );
}

const signature = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);

/** By the signature that the HDF5 specification has at the start of a file. */
function isHdf5(path: string): boolean {
  const start = Buffer.alloc(signature.length);
  const file = openSync(path, 'r');
  try {
    readSync(file, start, 0, start.length, 0);
  } finally {
    closeSync(file);
  }
  return start.equals(signature);
}
