// Gets an archive from the network once. Downloads, whole or partial, live in a folder of their own (`data/.downloads`): no stage's out, so that
// nothing clears it, and no stage's dep, so that it decides nothing. What is whole there is used again as long as its checksum is right.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StageFailure } from '../context/fail.ts';
import { checksumFile } from './digest.ts';
import { transferFile } from './transfer.ts';
import type { Transfer } from './transfer.ts';

/** Called with the part of the work that is done, from 0 to 1, and what is being done. */
export type OnProgress = (fraction: number, text: string) => void;

export interface FetchOptions {
  readonly downloads: string;
  readonly onProgress: OnProgress;
  /** Called with what a user should find in the log, such as why a download is tried again. */
  readonly onNotice: (text: string) => void;
  /** How patient to be; see `Transfer`. */
  readonly patience?: Pick<Transfer, 'attempts' | 'backoff' | 'stall'>;
}

/**
 * The path of the downloaded archive, its checksum verified.
 * @throws StageFailure where it cannot be had, or is not what the checksum says: then it is removed
 */
export async function fetchArchive(url: string, checksum: string | null, options: FetchOptions): Promise<string> {
  const { downloads, onProgress } = options;
  const target = join(downloads, nameOf(url));
  if (existsSync(target)) {
    if (checksum !== null && (await checksumFile(target, checksum)) === checksum.toLowerCase()) return target;
    if (checksum !== null) rmSync(target);
  }
  if (!existsSync(target)) await download(url, target, options);
  try {
    await verifyArchive(target, checksum, onProgress);
  } catch (error) {
    // Without a checksum in params.yaml the file is kept: the next run, which has it, needs no second download.
    if (checksum !== null) rmSync(target, { force: true });
    throw error;
  }
  return target;
}

/**
 * Fetches a file, saying how far it is and why it is tried again.
 * @throws StageFailure where it cannot be had; what has arrived is kept for the next call
 */
export async function download(url: string, target: string, options: FetchOptions): Promise<void> {
  const { onProgress, onNotice, patience } = options;
  mkdirSync(dirname(target), { recursive: true });
  const meter = startMeter();
  await transferFile({
    url,
    target,
    ...patience,
    onProgress: (received, total) => onProgress(total === undefined ? 0 : received / total, meter(received, total)),
    onRetry: (reason, wait) => onNotice(`${url}: ${reason}; next attempt in ${(wait / 1000).toFixed(0)} s`),
  });
}

/** A name for the download that tells what it is and is another one for another address. */
function nameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  const readable = last.replaceAll(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '').slice(-80);
  return `${createHash('sha256').update(url).digest('hex').slice(0, 12)}-${readable}`;
}

/** @throws StageFailure where the archive is not what `checksum` says, or params.yaml has none */
export async function verifyArchive(path: string, checksum: string | null, onProgress: OnProgress): Promise<void> {
  onProgress(0, 'verifying the checksum');
  const actual = await checksumFile(path, checksum);
  if (checksum === null)
    throw new StageFailure(`params.yaml: data.checksum is missing. If you trust ${path}, add\n  checksum: ${actual}`);
  if (actual !== checksum.toLowerCase())
    throw new StageFailure(`${path} has not the checksum of \`data\` in params.yaml (without \`checksum\`: that of the official archive):\n  expected ${checksum}\n  actual   ${actual}`);
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Says how far a transfer is: amount, rate since the start, and the time that is left at that rate. */
export function startMeter(now: () => number = () => performance.now()): (received: number, total?: number) => string {
  let began: { readonly at: number; readonly received: number } | undefined;
  return (received, total) => {
    began ??= { at: now(), received };
    const seconds = (now() - began.at) / 1000;
    const rate = seconds > 0 ? (received - began.received) / seconds : 0;
    const amount = total === undefined ? `${megabytes(received)} MB` : `${megabytes(received)}/${megabytes(total)} MB`;
    if (rate === 0) return amount;
    const left = total === undefined ? '' : `, ${Math.ceil((total - received) / rate)} s left`;
    return `${amount}, ${megabytes(rate)} MB/s${left}`;
  };
}
