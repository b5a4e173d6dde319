import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestListener } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { inTempFolder, serve, serveBody } from './data-rig.ts';
import type { TestServer } from './data-rig.ts';
import { transferFile } from './transfer.ts';
import type { Transfer } from './transfer.ts';

const body = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 255);
const other = Uint8Array.from({ length: 280_000 }, (_, index) => (index * 3) & 255);
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(code, headers).end('no');

interface Run {
  readonly server: TestServer;
  readonly target: string;
  /** Calls transferFile with little patience. */
  readonly transfer: (options?: Partial<Transfer>) => Promise<void>;
  readonly retries: readonly string[];
}

async function withServer(answer: (attempt: number) => RequestListener, test: (run: Run) => Promise<void>): Promise<void> {
  await inTempFolder(async (folder) => {
    const server = await serve(answer);
    const target = join(folder, 'set.tar.gz');
    const retries: string[] = [];
    const base = { url: server.url, target, attempts: 3, backoff: 1, stall: 400, onRetry: (reason: string) => void retries.push(reason) };
    try {
      await test({ server, target, transfer: (options) => transferFile({ ...base, ...options }), retries });
    } finally {
      await server.close();
    }
  });
}

const expectBody = (target: string, expected: Uint8Array): void => {
  expect(Buffer.compare(readFileSync(target), expected)).toBe(0);
  expect(readdirSync(join(target, '..'))).toEqual(['set.tar.gz']);
};

describe('transferFile', () => {
  it('fetches a file and tells how far it is', () =>
    withServer(
      () => serveBody(body),
      async ({ target, transfer, server }) => {
        const seen: (readonly [number, number | undefined])[] = [];
        await transfer({ onProgress: (...call) => void seen.push(call) });
        expectBody(target, body);
        expect(server.asked).toEqual([{ range: undefined, ifRange: undefined }]);
        expect(seen.at(-1)).toEqual([300_000, 300_000]);
        expect(seen.every(([received], index) => index === 0 || received > seen[index - 1]![0])).toBe(true);
      },
    ));

  it('goes on after a cut connection where it stopped', () =>
    withServer(
      (attempt) => serveBody(body, attempt === 0 ? { cutAfter: 100_000 } : {}),
      async ({ target, transfer, server, retries }) => {
        await transfer();
        expectBody(target, body);
        expect(server.asked[1]).toEqual({ range: 'bytes=100000-', ifRange: '"one"' });
        expect(retries).toEqual(['the connection was cut']);
      },
    ));

  it('counts attempts anew whenever something new arrives', () =>
    withServer(
      (attempt) => serveBody(body, attempt < 6 ? { cutAfter: 40_000 } : {}),
      async ({ target, transfer, server }) => {
        await transfer();
        expectBody(target, body);
        expect(server.asked.length).toBe(7);
      },
    ));

  it('keeps what arrived for the next call', () =>
    withServer(
      (attempt) => serveBody(body, attempt === 0 ? { cutAfter: 100_000 } : {}),
      async ({ target, transfer, server }) => {
        await expect(transfer({ attempts: 1 })).rejects.toThrow(
          /cut\n100000 bytes have arrived and are kept: the next run goes on from there/,
        );
        expect(existsSync(target)).toBe(false);
        await transfer();
        expectBody(target, body);
        expect(server.asked[1]!.range).toBe('bytes=100000-');
      },
    ));

  it('starts afresh where the file became another one meanwhile', () =>
    withServer(
      (attempt) => (attempt === 0 ? serveBody(body, { cutAfter: 100_000 }) : serveBody(other, { etag: '"two"' })),
      async ({ target, transfer, server }) => {
        await transfer();
        expectBody(target, other);
        expect(server.asked[1]!.ifRange).toBe('"one"');
      },
    ));

  it('does not trust a part of another file from a server that ignores If-Range', () =>
    withServer(
      (attempt) => (request, response) => {
        if (attempt === 0) serveBody(body, { cutAfter: 100_000 })(request, response);
        else if (request.headers.range === undefined) serveBody(other, { etag: '"two"' })(request, response);
        else
          response
            .writeHead(206, { etag: '"two"', 'content-range': `bytes 100000-${other.length - 1}/${other.length}` })
            .end(other.subarray(100_000));
      },
      async ({ target, transfer, retries }) => {
        await transfer();
        expectBody(target, other);
        expect(retries[1]).toMatch(/another one than before/);
      },
    ));

  it('starts afresh where the server knows no ranges', () =>
    withServer(
      (attempt) => serveBody(body, { noRanges: true, ...(attempt === 0 ? { cutAfter: 100_000 } : {}) }),
      async ({ target, transfer }) => {
        await transfer();
        expectBody(target, body);
      },
    ));

  it('gives up where each attempt ends at the same place', () =>
    withServer(
      () => serveBody(body, { noRanges: true, cutAfter: 100_000 }),
      async ({ transfer, server }) => {
        await expect(transfer()).rejects.toThrow(/the connection was cut/);
        expect(server.asked.length).toBe(3);
      },
    ));

  it('does not go on without a way to know that the file is the same', () =>
    withServer(
      (attempt) => (_, response) => {
        response.writeHead(200, { 'content-length': body.length });
        if (attempt > 0) response.end(body);
        else response.write(body.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 20));
      },
      async ({ target, transfer, server }) => {
        await transfer();
        expectBody(target, body);
        expect(server.asked[1]!.range).toBeUndefined();
      },
    ));

  it('takes the date of the last change where there is no strong ETag', () => {
    const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
    return withServer(
      (attempt) => (request, response) => {
        response.setHeader('last-modified', date);
        serveBody(body, { etag: attempt === 0 ? 'W/"weak"' : date, ...(attempt === 0 ? { cutAfter: 70_000 } : {}) })(request, response);
      },
      async ({ transfer, server }) => {
        await transfer().catch(() => undefined);
        expect(server.asked[1]).toEqual({ range: 'bytes=70000-', ifRange: date });
      },
    );
  });

  it('finds a body that is shorter than was said', () =>
    withServer(
      (attempt) => (request, response) => {
        if (attempt > 0) serveBody(body)(request, response);
        else {
          // What a broken proxy does: the header of one length, the body of another, and an orderly end.
          const head = `HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
          response.socket!.end(Buffer.concat([Buffer.from(head), body.subarray(0, 120_000)]));
        }
      },
      async ({ target, transfer, server }) => {
        await transfer();
        expectBody(target, body);
        expect(server.asked[1]!.range).toBe('bytes=120000-');
      },
    ));

  it('ends a connection on which nothing happens', () =>
    withServer(
      (attempt) => serveBody(body, attempt === 0 ? { stallAfter: 90_000 } : {}),
      async ({ target, transfer, retries }) => {
        await transfer();
        expectBody(target, body);
        expect(retries).toEqual(['nothing has arrived for 0.4 seconds']);
      },
    ));

  it('ends a connection that never answers', () =>
    withServer(
      (attempt) => (attempt === 0 ? () => undefined : serveBody(body)),
      async ({ target, transfer, retries }) => {
        await transfer();
        expectBody(target, body);
        expect(retries).toEqual(['nothing has arrived for 0.4 seconds']);
      },
    ));

  it('tries again after errors of the server, as late as it asks to', () =>
    withServer(
      (attempt) => [status(500), status(503, { 'retry-after': '0' }), serveBody(body)][attempt]!,
      async ({ target, transfer, retries }) => {
        await transfer();
        expectBody(target, body);
        expect(retries).toEqual([
          'the server answers 500 Internal Server Error',
          'the server answers 503 Service Unavailable',
        ]);
      },
    ));

  it('waits twice as long after each failure, and as long as Retry-After says', () =>
    withServer(
      (attempt) => [status(500), status(500), status(429, { 'retry-after': '0.2' }), serveBody(body)][attempt]!,
      async ({ transfer }) => {
        const waits: number[] = [];
        await transfer({ attempts: 5, backoff: 10, onRetry: (_, wait) => void waits.push(wait) });
        expect(waits).toEqual([10, 20, 200]);
      },
    ));

  it('does not try again what the server denies', () =>
    withServer(
      () => status(404),
      async ({ transfer, server }) => {
        await expect(transfer()).rejects.toThrow(
          `cannot download ${server.url}: the server answers 404 Not Found; check the address`,
        );
        expect(server.asked.length).toBe(1);
      },
    ));

  it('follows redirects, also relative ones, and goes on over them', () =>
    withServer(
      (attempt) => (request, response) => {
        if (request.url !== '/real') response.writeHead(302, { location: '/real' }).end();
        else serveBody(body, attempt === 1 ? { cutAfter: 60_000 } : {})(request, response);
      },
      async ({ target, transfer, server }) => {
        await transfer();
        expectBody(target, body);
        expect(server.asked.at(-1)!.range).toBe('bytes=60000-');
      },
    ));

  it('ends circles of redirects, and redirects to what is not the web', async () => {
    await withServer(
      () => status(301, { location: '/data/set.tar.gz' }),
      async ({ transfer }) => expect(transfer()).rejects.toThrow('more than 10 redirects'),
    );
    await withServer(
      () => status(301, { location: 'file:///etc/passwd' }),
      async ({ transfer }) => expect(transfer()).rejects.toThrow('"file:///etc/passwd" is no http(s) address'),
    );
  });

  it('finishes where a partial file has all bytes already', () =>
    withServer(
      (attempt) => serveBody(body, attempt === 0 ? { cutAfter: 100_000 } : {}),
      async ({ target, transfer }) => {
        await transfer({ attempts: 1 }).catch(() => undefined);
        
        writeFileSync(`${target}.part`, body);
        await transfer();
        expectBody(target, body);
      },
    ));

  it('starts afresh where the partial file belongs to another address or its note is damaged', () =>
    withServer(
      (attempt) => serveBody(body, attempt % 2 === 0 ? { cutAfter: 100_000 } : {}),
      async ({ target, transfer, server }) => {
        
        await transfer({ attempts: 1 }).catch(() => undefined);
        expect(statSync(`${target}.part`).size).toBe(100_000);
        await transfer({ url: `${server.url}?other` });
        expectBody(target, body);
        await transfer({ attempts: 1 }).catch(() => undefined);
        writeFileSync(`${target}.part.json`, '{"url":');
        await transfer();
        expect(server.asked.map(({ range }) => range)).toEqual([undefined, undefined, undefined, undefined]);
      },
    ));

  it('says so where nobody answers', async () => {
    let url = '';
    await withServer(
      () => status(500),
      async ({ server }) => {
        url = server.url;
        await Promise.resolve();
      },
    );
    await inTempFolder(async (folder) => {
      const call = transferFile({ url, target: join(folder, 'x'), attempts: 2, backoff: 1 });
      await expect(call).rejects.toThrow(`cannot download ${url}: nothing answers there (connection refused)`);
    });
  });
});
