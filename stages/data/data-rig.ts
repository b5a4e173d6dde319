// For the tests of this folder: temp folders, small CIFAR archives, and HTTP servers that fail in the ways that real ones do.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { cifarLayouts, filesOf } from './cifar-files.ts';
import type { CifarKind } from './cifar-files.ts';
import { imageBytes } from './cifar-format.ts';

/** Runs a test in a folder that is gone afterwards. */
export async function inTempFolder(test: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stage-data-'));
  try {
    await test(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes a file, and the folders that it lies in. */
export function put(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A record whose bytes tell where they came from: every pixel byte is `fill`. */
export function record(labels: readonly number[], fill: number): Uint8Array {
  return Uint8Array.from([...labels, ...new Uint8Array(imageBytes).fill(fill)]);
}

/** The files of a CIFAR folder: each data file has two images of each of the first three classes, filled with numbers that count up. */
export function cifarFiles(kind: CifarKind): Map<string, Uint8Array> {
  const layout = cifarLayouts[kind];
  const files = new Map<string, Uint8Array>();
  let fill = 0;
  for (const name of [...layout.train, layout.test]) {
    const records = [0, 1, 2, 0, 1, 2].map((label) => record(layout.labelBytes === 2 ? [9, label] : [label], fill++));
    files.set(name, Buffer.concat(records));
  }
  const names = Array.from({ length: layout.classes }, (_, index) => `class_${index}`);
  files.set(layout.names, Buffer.from(`${names.join('\n')}\n\n`));
  return files;
}

/** Packs files into a .tar.gz as the published archives are: in a folder of their own. */
export async function packFiles(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  options: { readonly inside: string; readonly name?: string; readonly gzip?: boolean },
): Promise<string> {
  const { inside, name = 'archive.tar.gz', gzip = true } = options;
  for (const [file, content] of files) put(join(folder, 'packed', inside, file), content);
  const target = join(folder, name);
  await create({ file: target, cwd: join(folder, 'packed'), gzip, portable: true }, [inside]);
  return target;
}

export async function packCifar(folder: string, kind: CifarKind): Promise<string> {
  const files = cifarFiles(kind);
  // The published CIFAR-10 archive does not hold its batches in order either.
  const shuffled = new Map(filesOf(cifarLayouts[kind]).toReversed().map((name) => [name, files.get(name)!]));
  return packFiles(folder, shuffled, { inside: cifarLayouts[kind].folder });
}

export interface TestServer {
  readonly url: string;
  /** Range and If-Range headers of the requests so far. */
  readonly asked: readonly { readonly range: string | undefined; readonly ifRange: string | undefined }[];
  readonly close: () => Promise<void>;
}

/** A server on 127.0.0.1 whose n-th answer (from 0) is up to the test. */
export async function serve(answer: (attempt: number) => RequestListener): Promise<TestServer> {
  const asked: { range: string | undefined; ifRange: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const ifRange = request.headers['if-range'];
    asked.push({ range: request.headers.range, ifRange: typeof ifRange === 'string' ? ifRange : undefined });
    answer(asked.length - 1)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/data/set.tar.gz`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Served {
  readonly etag?: string;
  /** Bytes of the body after which the connection is cut. */
  readonly cutAfter?: number;
  /** Bytes of the body after which nothing more comes, though the connection stays. */
  readonly stallAfter?: number;
  /** Answers with the whole file whatever is asked for. */
  readonly noRanges?: boolean;
}

/** Serves a body as a well-behaved server does (Range, If-Range, ETag), but for what `served` says. */
export function serveBody(body: Uint8Array, served: Served = {}): RequestListener {
  return ({ headers }, response) => {
    const { etag = '"one"', noRanges = false } = served;
    const offset = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const partial = !noRanges && offset > 0 && headers['if-range'] === etag;
    const content = partial ? body.subarray(offset) : body;
    response.setHeader('etag', etag);
    if (partial && content.length === 0) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return;
    }
    if (partial) response.setHeader('content-range', `bytes ${offset}-${body.length - 1}/${body.length}`);
    response.writeHead(partial ? 206 : 200, { 'content-length': content.length });
    const sent = served.cutAfter ?? served.stallAfter;
    if (sent === undefined) {
      response.end(content);
      return;
    }
    response.write(content.subarray(0, sent), () => {
      if (served.cutAfter !== undefined) setTimeout(() => response.destroy(), 20);
    });
  };
}
