// A remote that is a web server with the files of one: read-only, without listings, with ranges where the server knows them.

import { request as requestHttp, Agent as HttpAgent } from 'node:http';
import { request as requestHttps, Agent as HttpsAgent } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { codeOf, messageOf } from '../core/result.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import { collectPiece } from './piece.ts';
import type { Piece, Range, Storage, StoredFile } from './storage.ts';
import { RemoteFault } from './problem.ts';
import { readOnlyFault } from './retry.ts';
import { certificateFault } from './tls.ts';

export interface HttpOptions {
  readonly label: string;
  readonly jobs: number;
  /** Scheme, host, port and path, without a slash at the end. */
  readonly base: string;
  /** The value of the Authorization header; null: none is sent. */
  readonly authorization: string | null;
  /** Certificates of the authorities that are trusted; null: those that Node.js trusts. */
  readonly ca: readonly string[] | null;
  /** Milliseconds of silence after which the connection is given up. */
  readonly timeout: number;
}

/** Nothing that a remote holds comes near to it. */
const largestAnswer = 1 << 30;

export class HttpStorage implements Storage {
  readonly label: string;
  readonly readOnly = true;
  readonly canList = false;
  readonly leavesParts = false;
  readonly jobs: number;
  readonly #options: HttpOptions;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.label = options.label;
    this.jobs = options.jobs;
    const agentOptions = { keepAlive: true, maxSockets: options.jobs };
    const trust = options.ca === null ? {} : { ca: [...options.ca] };
    this.#agent = options.base.startsWith('https:')
      ? new HttpsAgent({ ...agentOptions, ...trust })
      : new HttpAgent(agentOptions);
  }

  list(): Promise<readonly StoredFile[]> {
    return Promise.reject(new RemoteFault('other', `${this.label} cannot be listed`, 'use another remote for this'));
  }

  async stat(key: string): Promise<StoredFile | undefined> {
    const answer = await this.#ask('HEAD', key, undefined);
    answer.resume();
    if (answer.statusCode === 404 || answer.statusCode === 410) return undefined;
    this.#check(answer, key);
    return { key, size: Number(answer.headers['content-length'] ?? 0), modified: null };
  }

  async read(key: string, range?: Range): Promise<Buffer> {
    const answer = await this.#get(key, range);
    const bytes = await this.#collect(answer, key);
    if (range === undefined || answer.statusCode === 206) return bytes;
    // A server that knows no ranges sends the whole.
    return bytes.subarray(range.offset, range.offset + range.length);
  }

  async readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece> {
    const answer = await this.#get(key, undefined);
    try {
      const parts = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
      return await collectPiece(length, buffers, async (rest) => {
        const next = await parts.next();
        return next.done === true ? 0 : next.value.copy(rest);
      });
    } catch (error) {
      throw this.#lost(error, key);
    }
  }

  /** An answer that has the bytes. */
  async #get(key: string, range: Range | undefined): Promise<IncomingMessage> {
    const answer = await this.#ask('GET', key, range);
    try {
      this.#check(answer, key);
      return answer;
    } catch (error) {
      answer.resume();
      throw error;
    }
  }

  async #collect(answer: IncomingMessage, key: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    let size = 0;
    try {
      for await (const part of answer as AsyncIterable<Buffer>) {
        parts.push(part);
        size += part.length;
        if (size > largestAnswer)
          throw new RemoteFault('other', `${this.label}: "${key}" is too large`, 'check the URL');
      }
    } catch (error) {
      throw this.#lost(error, key);
    }
    const promised = answer.headers['content-length'];
    if (promised !== undefined && Number(promised) !== size)
      throw new RemoteFault('transient', `${this.label}: only a part of "${key}" came`, 'try again later');
    return Buffer.concat(parts, size);
  }

  write(): Promise<void> {
    return Promise.reject(readOnlyFault(this.label));
  }

  remove(): Promise<void> {
    return Promise.reject(readOnlyFault(this.label));
  }

  #ask(method: 'GET' | 'HEAD', key: string, range: Range | undefined): Promise<IncomingMessage> {
    const { base, authorization, timeout } = this.#options;
    const url = `${base}/${key.split('/').map(encodeURIComponent).join('/')}`;
    const headers: Record<string, string> = {};
    if (authorization !== null) headers['authorization'] = authorization;
    if (range !== undefined) headers['range'] = `bytes=${range.offset}-${range.offset + range.length - 1}`;
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const request = send(url, { method, headers, agent: this.#agent, timeout }, resolve);
      request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      request.on('error', (error) => reject(this.#lost(error, key)));
      request.end();
    });
  }

  #check(answer: IncomingMessage, key: string): void {
    const status = answer.statusCode ?? 0;
    if (status === 200 || status === 206) return;
    const what = `${this.label} answers ${status} to "${key}"`;
    if (status === 404 || status === 410) throw new RemoteFault('missing', `${this.label}: "${key}" is not there`);
    if (status === 401 || status === 403)
      throw new RemoteFault('denied', what, 'check user name and password or token of the remote');
    if (status >= 500 || status === 408 || status === 429) throw new RemoteFault('transient', what, 'try again later');
    throw new RemoteFault('other', what, 'check the URL of the remote');
  }

  #lost(error: unknown, key: string): RemoteFault {
    if (error instanceof RemoteFault) return error;
    const code = codeOf(error) ?? '';
    const says = messageOf(error);
    const certificate = certificateFault(this.label, code);
    if (certificate !== undefined) return certificate;
    if (code === 'ENOTFOUND' || code === 'ECONNREFUSED' || code === 'EAI_AGAIN' || code === 'ENETUNREACH')
      return new RemoteFault('offline', `${this.label} cannot be reached: ${says}`, 'check the network and the URL');
    if (code === '') throw error;
    return new RemoteFault(
      'transient',
      `${this.label}: the connection was lost at "${key}": ${says}`,
      'try again later',
    );
  }
}
