// A remote in an object store or behind WebDAV, through Apache OpenDAL: an optional package, loaded when such a remote is first used.

import { createRequire } from 'node:module';
import { messageOf } from '../core/result.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import { collectPiece } from './piece.ts';
import type { Piece, Range, Storage, StoredFile } from './storage.ts';
import { RemoteFault, isKind } from './problem.ts';
import { findCertificateFault, startRelay } from './tls.ts';

/** What is used of the package; its own declarations are not there where it is not installed. */
interface Metadata {
  readonly contentLength: bigint | null;
  readonly lastModified: string | null;
  isFile(): boolean;
}
interface Operator {
  list(path: string, options: { recursive: boolean }): Promise<{ path(): string; metadata(): Metadata }[]>;
  stat(path: string): Promise<Metadata>;
  read(path: string, options?: { offset: bigint; size: bigint }): Promise<Buffer>;
  reader(path: string): Promise<{ read(bytes: Buffer): Promise<bigint> }>;
  write(path: string, bytes: Buffer): Promise<unknown>;
  delete(path: string): Promise<void>;
}
interface OpenDal {
  readonly Operator: new (scheme: string, options: Readonly<Record<string, string>>) => Operator;
}

export interface OpenDalOptions {
  readonly label: string;
  readonly jobs: number;
  /** Of OpenDAL: `s3`, `gcs`, `azblob`, `webdav`. */
  readonly scheme: string;
  readonly config: Readonly<Record<string, string>>;
  /** What no message may repeat. */
  readonly secrets: readonly string[];
  /** Folders or files beside which the package is looked for. */
  readonly places: readonly string[];
  /** Certificates of the authorities that are trusted; null: the public ones. */
  readonly ca: readonly string[] | null;
  /** Where secrets of this kind of remote come from. */
  readonly credentialHint: string;
}

const version = '0.49.2';

/** The package, from the first place that has it. Throws RemoteFault where none has. */
export function loadOpenDal(label: string, places: readonly string[]): OpenDal {
  let why = '';
  for (const place of places) {
    try {
      return createRequire(place)('opendal') as OpenDal;
    } catch (error) {
      const says = messageOf(error).split('\n')[0]!;
      if (!says.startsWith("Cannot find module 'opendal'")) why ||= says;
    }
  }
  if (why !== '')
    throw new RemoteFault(
      'setup',
      `${label} needs the package opendal, which does not load: ${why}`,
      `install it anew: npm i opendal@${version}`,
    );
  throw new RemoteFault(
    'setup',
    `${label} needs the package opendal, which is not installed`,
    `npm i opendal@${version} (in the project, or beside dagrun)`,
  );
}

/** A reader fills our buffers, which spares memory that was never touched, but asks for the size of the file first. */
const worthAsking = 4 << 20;

export class OpenDalStorage implements Storage {
  readonly label: string;
  readonly readOnly = false;
  readonly canList = true;
  readonly leavesParts = false;
  readonly jobs: number;
  readonly #options: OpenDalOptions;
  #operator: Promise<Operator> | undefined;

  constructor(options: OpenDalOptions) {
    this.label = options.label;
    this.jobs = options.jobs;
    this.#options = options;
  }

  #open(): Promise<Operator> {
    return (this.#operator ??= this.#connect());
  }

  async #connect(): Promise<Operator> {
    const { label, places, scheme, config, ca } = this.#options;
    const { Operator } = loadOpenDal(label, places);
    const endpoint = ca === null ? undefined : { endpoint: await this.#relay(ca) };
    try {
      return new Operator(scheme, { ...config, ...endpoint });
    } catch (error) {
      throw this.#fault(error, '');
    }
  }

  async #relay(ca: readonly string[]): Promise<string> {
    const { label, scheme, config } = this.#options;
    const { endpoint = '', enable_virtual_host_style: isByHost } = config;
    if (endpoint.startsWith('https:') && isByHost !== 'true')
      return startRelay(endpoint, { ca, keepHost: scheme === 's3' });
    throw new RemoteFault(
      'setup',
      `${label}: \`ca\` is for servers with an https endpoint whose path names the bucket`,
      'set `endpoint` to an https URL, without virtual_host_style; or leave `ca` out',
    );
  }

  /** Runs one request. Where none comes through, the certificate of the server may be why. */
  async #ask<T>(key: string, work: (operator: Operator) => Promise<T>): Promise<T> {
    const operator = await this.#open();
    try {
      return await work(operator);
    } catch (error) {
      const fault = this.#fault(error, key);
      const { ca, config, label } = this.#options;
      const { endpoint } = config;
      const certificate =
        fault.problem.kind === 'offline' && endpoint !== undefined
          ? await findCertificateFault(endpoint, ca, label)
          : undefined;
      throw certificate ?? fault;
    }
  }

  async list(prefix: string): Promise<readonly StoredFile[]> {
    try {
      const entries = await this.#ask(prefix, (operator) => operator.list(prefix, { recursive: true }));
      return entries.flatMap((entry) => describe(entry.path(), entry.metadata()) ?? []);
    } catch (error) {
      // A folder that nothing was written to yet; of a bucket that is not there the store says so in other words.
      if (isKind(error, 'missing')) return [];
      throw error;
    }
  }

  async stat(key: string): Promise<StoredFile | undefined> {
    try {
      return describe(key, await this.#ask(key, (operator) => operator.stat(key)));
    } catch (error) {
      if (isKind(error, 'missing')) return undefined;
      throw error;
    }
  }

  read(key: string, range?: Range): Promise<Buffer> {
    const part = range === undefined ? undefined : { offset: BigInt(range.offset), size: BigInt(range.length) };
    return this.#ask(key, (operator) => operator.read(key, part));
  }

  readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece> {
    return this.#ask(key, async (operator) => {
      if (length <= worthAsking) {
        const parts = [await operator.read(key, { offset: 0n, size: BigInt(length) })];
        return collectPiece(length, buffers, (rest) => Promise.resolve(parts.pop()?.copy(rest) ?? 0));
      }
      const reader = await operator.reader(key);
      return collectPiece(length, buffers, async (rest) => Number(await reader.read(rest)));
    });
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      await this.#ask(key, (operator) => operator.write(key, buffer));
    } catch (error) {
      // Not every store says in other words that it is the bucket which is not there.
      throw isKind(error, 'missing') ? noPlace(this.label) : error;
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let start = 0; start < keys.length; start += this.jobs) {
      await Promise.all(keys.slice(start, start + this.jobs).map((key) => this.#remove(key)));
    }
  }

  async #remove(key: string): Promise<void> {
    try {
      await this.#ask(key, (operator) => operator.delete(key));
    } catch (error) {
      if (!isKind(error, 'missing')) throw error;
    }
  }

  /** All errors of OpenDAL have one code; what happened stands at the start of the message. */
  #fault(error: unknown, key: string): RemoteFault {
    const says = this.#scrub(messageOf(error));
    const { credentialHint, label } = this.#options;
    const at = key === '' ? label : `${label}: "${key}"`;
    if (/NoSuchBucket|ContainerNotFound|bucket does not exist|NoSuchContainer/i.test(says)) return noPlace(label);
    if (
      /SignatureDoesNotMatch|InvalidAccessKeyId|AuthenticationFailed|AuthorizationFailure|status: 40[13]|^PermissionDenied/.test(
        says,
      )
    )
      return new RemoteFault('denied', `${label} refuses the access: ${codeIn(says)}`, credentialHint);
    if (/no valid credential|credential|loading credential/i.test(says) && !/status: /.test(says))
      return new RemoteFault('denied', `${label}: there are no credentials`, credentialHint);
    if (/^NotFound/.test(says)) return new RemoteFault('missing', `${at} is not there`);
    if (
      /dns error|Connection refused|error trying to connect|error sending request|ConnectError|network is unreachable|tcp connect/i.test(
        says,
      )
    )
      return new RemoteFault(
        'offline',
        `${label} cannot be reached`,
        'check the network and the endpoint of the remote',
      );
    if (/region is missing/.test(says))
      return new RemoteFault('setup', `${label} has no region`, 'set `region` of the remote, or AWS_REGION');
    if (/^ConfigInvalid/.test(says))
      return new RemoteFault('setup', `${label}: ${brief(says)}`, 'check the options of the remote');
    if (/^Unsupported/.test(says))
      return new RemoteFault('other', `${at}: the store cannot do that (${brief(says)})`, 'use another remote');
    // Whatever else the network or the server has done may be different next time.
    return new RemoteFault('transient', `${at}: ${brief(says)}`, 'try again later');
  }

  #scrub(text: string): string {
    let clean = text;
    for (const secret of this.#options.secrets)
      clean = clean.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***');
    return clean.replace(
      /((?:sig|signature|x-amz-signature|x-amz-credential|authorization)["']?[=:]\s*)[^&\s,}]+/gi,
      '$1***',
    );
  }
}

function noPlace(label: string): RemoteFault {
  return new RemoteFault(
    'no-place',
    `${label}: the bucket does not exist`,
    'create it, or correct the url of the remote',
  );
}

function describe(key: string, metadata: Metadata): StoredFile | undefined {
  if (!metadata.isFile()) return undefined;
  const modified = metadata.lastModified === null ? NaN : Date.parse(metadata.lastModified);
  return { key, size: Number(metadata.contentLength ?? 0), modified: Number.isNaN(modified) ? null : modified };
}

/** What a service calls its refusal. */
function codeIn(says: string): string {
  return (
    /code: "?([A-Za-z]+)|<Code>([A-Za-z]+)/.exec(says)?.slice(1).find(Boolean) ??
    /status: (\d{3})/.exec(says)?.[1] ??
    'permission denied'
  );
}

/** The part of a message that a person can use. */
function brief(says: string): string {
  const source = /source: ([^\n]+)/.exec(says)?.[1];
  const first = says.split(/\n|Context:/)[0]!.trim();
  const text = source === undefined ? first : `${first}: ${source}`;
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
