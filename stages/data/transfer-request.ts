// One HTTP(S) GET: follows redirects, ends a connection on which nothing happens, and turns statuses that bring no file into reasons.

import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';

/** The server answered, but not with the file. */
export class Refused extends Error {
  /** Worth another attempt: the trouble is the server's. */
  readonly temporary: boolean;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined;

  constructor(message: string, options: { readonly temporary: boolean; readonly retryAfter?: number | undefined }) {
    super(message);
    this.temporary = options.temporary;
    this.retryAfter = options.retryAfter;
  }
}

export interface RequestOptions {
  /** Milliseconds without a byte after which the request fails. */
  readonly stall: number;
  /** The part that is wanted, if the file is still the one that the validator names. */
  readonly range?: { readonly offset: number; readonly validator: string } | undefined;
}

const mostRedirects = 10;

/**
 * The response to a GET, its body still to be read: status 200, or 206 or 416 where a range was asked for. Fails with `Refused`, or with the error
 * of the connection. The caller destroys the response.
 */
export async function request(url: string, options: RequestOptions): Promise<IncomingMessage> {
  let address = parseUrl(url);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await get(address, options);
    const { statusCode = 0, headers } = response;
    const answered = statusCode === 200 || (options.range !== undefined && (statusCode === 206 || statusCode === 416));
    if (answered) return response;
    response.resume().destroy();
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) throw refusal(response);
    address = parseUrl(headers.location, address);
  }
  throw new Refused(`more than ${mostRedirects} redirects`, { temporary: false });
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new Refused(`"${text}" is no http(s) address`, { temporary: false });
}

function refusal({ statusCode = 0, statusMessage = '', headers }: IncomingMessage): Refused {
  const temporary = statusCode >= 500 || statusCode === 429 || statusCode === 408;
  const hint = statusCode === 404 || statusCode === 410 ? '; check the address' : '';
  const seconds = Number(headers['retry-after']);
  const retryAfter = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  return new Refused(`the server answers ${statusCode} ${statusMessage}${hint}`, { temporary, retryAfter });
}

function get(url: URL, { stall, range }: RequestOptions): Promise<IncomingMessage> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'dagrun-pipeline' };
  if (range !== undefined) {
    headers['range'] = `bytes=${range.offset}-`;
    headers['if-range'] = range.validator;
  }
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    const call = (url.protocol === 'https:' ? https : http).get(url, { headers, agent: false }, (answer) => {
      response = answer;
      resolve(answer);
    });
    // The response, where there is one, has the reader whom the reason must reach.
    call.setTimeout(stall, () => (response ?? call).destroy(new Error(`nothing has arrived for ${stall / 1000} seconds`)));
    call.on('error', reject);
  });
}
