// What the URL of a remote says: where its files lie, and how they are reached. Pure: opens nothing.

import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';

export type RemoteAddress =
  /** A folder: absolute, or relative to the workspace root. */
  | { readonly kind: 'file'; readonly path: string }
  /** `prefix` has no slash at either end and may be empty. */
  | { readonly kind: 's3' | 'gs' | 'azblob'; readonly bucket: string; readonly prefix: string }
  /** `endpoint` is scheme, host and port; `path` starts with a slash and ends with none, or is empty. */
  | { readonly kind: 'webdav'; readonly endpoint: string; readonly path: string }
  | { readonly kind: 'http'; readonly endpoint: string; readonly path: string };

export interface AddressFault {
  readonly message: string;
  readonly hint: string;
}

export const addressForms =
  's3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix, webdav(s)://host/path, http(s)://host/path (read-only), or a path';

/** Never repeats a URL that holds a password in its messages. */
export function parseAddress(url: string): Result<RemoteAddress, AddressFault> {
  if (url === '') return err({ message: 'the URL is empty', hint: `write ${addressForms}` });
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  // A single letter is a drive.
  if (scheme === undefined || scheme.length === 1) return ok({ kind: 'file', path: url });
  const parsed = tryUrl(url);
  if (parsed === undefined)
    return err({ message: `the URL of scheme ${scheme}: cannot be read`, hint: `write ${addressForms}` });
  if (parsed.username !== '' || parsed.password !== '')
    return err({
      message: `the URL of scheme ${scheme}: holds a user name or a password`,
      hint: 'secrets come from the environment or from your own configuration file, see docs/remotes.md',
    });
  if (parsed.search !== '' || parsed.hash !== '')
    return err({ message: `the URL of scheme ${scheme}: has a "?" or "#" part`, hint: 'leave it out' });
  return fromUrl(scheme, parsed);
}

function tryUrl(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

function fromUrl(scheme: string, url: URL): Result<RemoteAddress, AddressFault> {
  const path = decode(url.pathname)?.replace(/\/+$/, '');
  if (path === undefined)
    return err({
      message: `the URL of scheme ${scheme}: has a "%" that begins no character`,
      hint: 'write %25 for "%"',
    });
  switch (scheme) {
    case 'file':
      if (url.host !== '')
        return err({ message: 'the URL names a host', hint: 'write file:///path, or just the path' });
      return ok({ kind: 'file', path: path === '' ? '/' : path });
    case 's3':
    case 'gs':
    case 'azblob':
      if (url.host === '') return err({ message: `the URL names no bucket`, hint: `write ${scheme}://bucket/prefix` });
      return ok({ kind: scheme, bucket: url.host, prefix: path.replace(/^\/+/, '') });
    case 'webdav':
    case 'webdavs':
      return webAddress('webdav', scheme === 'webdav' ? 'http' : 'https', url.host, path);
    case 'http':
    case 'https':
      return webAddress('http', scheme, url.host, path);
    default:
      return err({ message: `there is no kind of remote "${scheme}:"`, hint: `write ${addressForms}` });
  }
}

/** Undefined where what is encoded is no text. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function webAddress(
  kind: 'webdav' | 'http',
  scheme: string,
  host: string,
  path: string,
): Result<RemoteAddress, AddressFault> {
  if (host === '') return err({ message: 'the URL names no host', hint: `write ${kind}://host/path` });
  return ok({ kind, endpoint: `${scheme}://${host}`, path });
}
