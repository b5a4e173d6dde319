// Certificates: what is wrong with that of a server, said so that a person can mend it, and trust in an authority of one's own.
//
// OpenDAL trusts the public authorities alone and does not say why a connection failed. So Node.js looks at the certificate where one has
// failed, and where an authority is named (`ca`), OpenDAL speaks to a relay in this process, which speaks TLS with the server.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, createSecureContext, rootCertificates } from 'node:tls';
import { codeOf, messageOf } from '../core/result.ts';
import { RemoteFault } from './problem.ts';

/** Certificates in PEM: the public authorities and that of the file. Throws RemoteFault where it holds none. */
export function readAuthorities(path: string, label: string): readonly string[] {
  try {
    const own = readFileSync(path, 'utf8');
    createSecureContext({ ca: own });
    if (!own.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no certificate in PEM');
    return [...rootCertificates, own];
  } catch (error) {
    throw new RemoteFault(
      'setup',
      `${label}: \`ca\` cannot be used: ${messageOf(error)}`,
      'it names a file with certificates in PEM; a relative path is one below the workspace',
    );
  }
}

/** Undefined: the code is not one about certificates. */
export function certificateFault(label: string, code: string): RemoteFault | undefined {
  const fault = (what: string, hint: string): RemoteFault =>
    new RemoteFault('certificate', `${label}: the certificate of the server ${what} (${code})`, hint);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return fault(
      code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet',
      'have it renewed, or set the clock of this machine right',
    );
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fault('is for another host', 'reach the server by a name that stands in its certificate');
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)
    ? fault(
        'is not trusted',
        'name a file with the certificate of its authority by `ca:` of the remote (for a web server also by NODE_EXTRA_CA_CERTS)',
      )
    : undefined;
}

/** Looks at the certificate of the server behind a URL; undefined where it is sound or cannot be looked at. */
export async function findCertificateFault(
  endpoint: string,
  ca: readonly string[] | null,
  label: string,
): Promise<RemoteFault | undefined> {
  const { protocol, hostname, port } = new URL(endpoint);
  if (protocol !== 'https:') return undefined;
  const host = hostname.replace(/^\[|\]$/g, '');
  const trust = ca === null ? {} : { ca: [...ca] };
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ...trust,
      ...(isName(host) ? { servername: host } : {}),
    });
    const end = (fault: RemoteFault | undefined): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.setTimeout(10_000, () => end(undefined));
    socket.once('secureConnect', () => end(undefined));
    socket.once('error', (error) => end(certificateFault(label, codeOf(error) ?? '')));
  });
}

function isName(host: string): boolean {
  return !/^[\d.]+$|:/.test(host);
}

export interface RelayOptions {
  readonly ca: readonly string[];
  /** True: requests are signed together with the host that they are addressed to, so that it stays as it is. */
  readonly keepHost: boolean;
}

/** An endpoint on 127.0.0.1 that hands everything on to an https endpoint. It ends with the process, and keeps none alive. */
export async function startRelay(endpoint: string, { ca, keepHost }: RelayOptions): Promise<string> {
  const { origin, host, pathname } = new URL(endpoint);
  const agent = new Agent({ keepAlive: true, ca: [...ca] });
  const server = createServer((asked, answer) => {
    const headers = keepHost ? asked.headers : { ...asked.headers, host };
    const onward = requestHttps(`${origin}${asked.url ?? '/'}`, { method: asked.method ?? 'GET', headers, agent });
    handOn(asked, onward, answer);
  });
  server.on('connection', (socket) => socket.unref());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname.replace(/\/$/, '')}`;
}

function handOn(asked: IncomingMessage, onward: ClientRequest, answer: ServerResponse): void {
  // Whoever breaks off, the other side is to see a broken connection and no answer of ours.
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  onward.on('response', (given) => {
    given.on('error', () => answer.destroy());
    answer.writeHead(given.statusCode ?? 502, given.headers);
    given.pipe(answer);
  });
  asked.pipe(onward);
}
