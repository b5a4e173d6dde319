// Real servers on 127.0.0.1 for the tests of remotes, each started by the test that needs it, and a proxy that makes mistakes between a
// client and one of them. What is not installed (scripts/check.mjs installs it) makes its tests "not run", visibly.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createConnection, createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from '@jest/globals';

/** Has node_modules with opendal and azurite, python/ with OpenStack Swift, and bin/ with fake-gcs-server. */
const packages = process.env['DAGRUN_TEST_SERVERS'] ?? fileURLToPath(new URL('servers', import.meta.url));
const s3Program = fileURLToPath(new URL('servers/s3_server.py', import.meta.url));

const gcsProgram = join(packages, 'bin', `fake-gcs-server${process.platform === 'win32' ? '.exe' : ''}`);

/** For the environment of the program under test: where it finds opendal. */
export const packageEnvironment = { DAGRUN_PACKAGES: packages };

function hasModule(name: string): boolean {
  return existsSync(join(packages, 'node_modules', name));
}

export const available = {
  opendal: hasModule('opendal'),
  s3: hasModule('opendal') && existsSync(join(packages, 'python', 'swift')),
  gcs: hasModule('opendal') && existsSync(gcsProgram),
  azurite: hasModule('opendal') && hasModule('azurite'),
  webdav: hasModule('opendal') && spawnSync('rclone', ['version']).status === 0,
  openssl: spawnSync('openssl', ['version']).status === 0,
};

/** `it`, or a skipped test and a line that says why. */
export function itWith(what: keyof typeof available): typeof it {
  if (available[what]) return it;
  console.warn(`not run: tests of remotes that need ${what}; scripts/check.mjs installs it into test/remote/servers`);
  return it.skip as unknown as typeof it;
}

export interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

/** Free ports one after the other, as far as can be known. */
export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server did not come up');
}

async function startProgram(command: string, args: readonly string[], port: number, env = {}): Promise<Running> {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  await waitForPort(port, child);
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

export const s3Keys = { AWS_ACCESS_KEY_ID: 'test:tester', AWS_SECRET_ACCESS_KEY: 'testing' };

/** OpenStack Swift with its S3 interface, with an empty bucket "team". */
export async function startS3(folder: string): Promise<Running> {
  mkdirSync(folder, { recursive: true });
  // Four neighbouring ports.
  const port = (await freePort()) & ~7;
  const python = process.env['DAGRUN_TEST_PYTHON'] ?? 'python3';
  const env = { PYTHONPATH: join(packages, 'python'), PYTHONWARNINGS: 'ignore' };
  const server = await startProgram(python, [s3Program, folder, String(port)], port, env);
  await makeBucket(port);
  return server;
}

async function makeBucket(port: number): Promise<void> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const host = `127.0.0.1:${port}`;
  const names = 'host;x-amz-content-sha256;x-amz-date';
  const headers = `host:${host}\nx-amz-content-sha256:${sha('')}\nx-amz-date:${time}\n`;
  const scope = `${day}/us-east-1/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha(`PUT\n/team\n\n${headers}\n${names}\n${sha('')}`)}`;
  const key = ['us-east-1', 's3', 'aws4_request'].reduce(mac, mac(`AWS4${s3Keys.AWS_SECRET_ACCESS_KEY}`, day));
  const signature = mac(key, text).toString('hex');
  const answer = await fetch(`http://${host}/team`, {
    method: 'PUT',
    headers: {
      'x-amz-date': time,
      'x-amz-content-sha256': sha(''),
      authorization: `AWS4-HMAC-SHA256 Credential=${s3Keys.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    },
  });
  if (!answer.ok) throw new Error(`cannot make the bucket: ${answer.status} ${await answer.text()}`);
}

/** The well-known account of azurite. */
export const azureAccount = 'devstoreaccount1';
export const azureKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Azurite, with an empty container "team". */
export async function startAzurite(folder: string): Promise<Running> {
  const port = await freePort();
  const program = join(packages, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
  const server = await startProgram(
    process.execPath,
    [program, '--blobPort', String(port), '--location', folder, '--silent', '--skipApiVersionCheck'],
    port,
  );
  const date = new Date().toUTCString();
  const version = '2021-08-06';
  const resource = `/${azureAccount}/${azureAccount}/team\nrestype:container`;
  const text = `PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:${date}\nx-ms-version:${version}\n${resource}`;
  const signature = createHmac('sha256', Buffer.from(azureKey, 'base64')).update(text).digest('base64');
  const answer = await fetch(`http://127.0.0.1:${port}/${azureAccount}/team?restype=container`, {
    method: 'PUT',
    headers: { 'x-ms-date': date, 'x-ms-version': version, authorization: `SharedKey ${azureAccount}:${signature}` },
  });
  if (!answer.ok) throw new Error(`cannot make the container: ${answer.status} ${await answer.text()}`);
  return server;
}

/** fake-gcs-server, with an empty bucket "team". It asks for no credentials. */
export async function startGcs(folder: string): Promise<Running> {
  mkdirSync(join(folder, 'team'), { recursive: true });
  const port = await freePort();
  const host = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-public-host', `127.0.0.1:${port}`];
  return startProgram(gcsProgram, [...host, '-filesystem-root', folder], port);
}

export const webdavUser = { username: 'ann', password: 'secret-of-ann' };

/** `rclone serve webdav` on a folder. */
export async function startWebdav(folder: string): Promise<Running> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const { username, password } = webdavUser;
  const args = ['serve', 'webdav', folder, '--addr', `127.0.0.1:${port}`, '--user', username, '--pass', password];
  return startProgram('rclone', [...args, '--config', join(folder, '..', 'no-rclone.conf')], port);
}

/** A plain web server that gives out the files of a folder; with ranges, or without. */
export async function startWeb(folder: string, options: { readonly ranges: boolean }): Promise<Running> {
  const server = createServer((asked, answer) => {
    const path = join(folder, decodeURIComponent(asked.url ?? '/'));
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) {
      answer.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(path);
    const range = options.ranges ? /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? '') : null;
    if (range === null) answer.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    else answer.writeHead(206).end(bytes.subarray(Number(range[1]), Number(range[2]) + 1));
  });
  return listen(server);
}

async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

function openssl(folder: string, ...args: readonly string[]): void {
  const end = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (end.status !== 0) throw new Error(`openssl ${args.join(' ')}: ${end.stderr}`);
}

/** An authority of its own, and certificates that it has signed: a good one, an expired one, and one for another host. */
export class Authority {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const authority = ['-subj', '/CN=authority of a test', '-addext', 'basicConstraints=critical,CA:TRUE'];
    openssl(
      folder,
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      ...authority,
    );
  }

  /** What `ca` may name. */
  get path(): string {
    return join(this.#folder, 'ca.pem');
  }

  issue(name: 'good' | 'expired' | 'elsewhere'): Certificate {
    const folder = this.#folder;
    const host = name === 'elsewhere' ? 'DNS:elsewhere.example' : 'IP:127.0.0.1';
    writeFileSync(join(folder, 'extensions'), `subjectAltName=${host}\nbasicConstraints=CA:FALSE\n`);
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
    openssl(folder, 'req', '-newkey', 'rsa:2048', '-nodes', ...files);
    const signed = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-extfile',
      'extensions',
    ];
    openssl(folder, 'x509', '-req', '-in', `${name}.csr`, '-days', name === 'expired' ? '-1' : '2', ...signed);
    return { key: readFileSync(join(folder, `${name}.key`)), cert: readFileSync(join(folder, `${name}.pem`)) };
  }
}

/** `cut`: the connection breaks in the middle of the body. `truncate`: the body ends early, and says so in its length. `wrong`: one byte is another. `lost`: no answer ever. */
export type Mistake = 'cut' | 'error' | 'truncate' | 'wrong' | 'lost' | 'cut-upload';

/** What to do with a request; undefined: pass it on. `count` is how many there were before it. */
export type Misbehaviour = (
  asked: { readonly method: string; readonly path: string },
  count: number,
) => Mistake | undefined;

/** A proxy in front of a server on 127.0.0.1; over TLS where there is a certificate for it. */
export async function startProxy(
  port: number,
  misbehave: Misbehaviour,
  certificate?: Certificate,
): Promise<Running & { readonly made: Mistake[] }> {
  const made: Mistake[] = [];
  let count = 0;
  const answerAll = (asked: IncomingMessage, answer: ServerResponse): void => {
    const mistake = misbehave({ method: asked.method ?? '', path: asked.url ?? '' }, count++);
    if (mistake !== undefined) made.push(mistake);
    if (mistake === 'lost') return;
    if (mistake === 'error') {
      asked.resume();
      answer.writeHead(503).end('busy');
      return;
    }
    if (mistake === 'cut-upload') {
      asked.once('data', () => asked.socket.destroy());
      return;
    }
    const onward = request(
      { port, host: '127.0.0.1', method: asked.method, path: asked.url, headers: asked.headers },
      (given) => void pass(given, answer, mistake),
    );
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  };
  const server = certificate === undefined ? createServer(answerAll) : createTlsServer(certificate, answerAll);
  return { ...(await listen(server)), made };
}

async function pass(given: IncomingMessage, answer: ServerResponse, mistake: Mistake | undefined): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of given as AsyncIterable<Buffer>) parts.push(part);
  const bytes = Buffer.concat(parts);
  const half = bytes.length >> 1;
  const headers = { ...given.headers };
  if (mistake === 'wrong' && bytes.length > 0) bytes[half] = bytes[half]! ^ 1;
  if (mistake === 'truncate' && bytes.length > 0) {
    headers['content-length'] = String(half);
    answer.writeHead(given.statusCode ?? 500, headers).end(bytes.subarray(0, half));
    return;
  }
  answer.writeHead(given.statusCode ?? 500, headers);
  if (mistake === 'cut' && bytes.length > 0) answer.write(bytes.subarray(0, half), () => answer.destroy());
  else answer.end(bytes);
}
