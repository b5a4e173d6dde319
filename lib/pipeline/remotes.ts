// `remotes:` of a pipeline file: names and addresses of shared caches, and how they are used. Secrets have no place there.
// The same form is that of a user's own configuration file (run/remote-settings.ts), in which secrets may stand.

import { parseAddress } from './address.ts';
import { didYouMean } from './hint.ts';
import type { RemoteSettings } from './pipeline.ts';
import type { Reader } from './reader.ts';
import type { Entry, MapNode, Node } from './yaml.ts';

/** Options that are handed on to what speaks to the store. */
export const remoteOptions = [
  'endpoint',
  'region',
  'account',
  'ca',
  'anonymous',
  'virtual_host_style',
  'jobs',
  'timeout',
] as const;
/** What only the environment or a user's own configuration may hold. */
export const secretOptions = [
  'access_key_id',
  'secret_access_key',
  'session_token',
  'account_key',
  'sas_token',
  'username',
  'password',
  'token',
] as const;
export const remoteNamePattern = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';

const known: readonly string[] = ['url', 'default', 'push', 'signing_key', ...remoteOptions];

export function readRemotes(reader: Reader, node: Node | undefined): readonly RemoteSettings[] {
  if (node === undefined) return [];
  const remotes = reader.map(node, 'remotes').flatMap((entry) => readRemote(reader, entry) ?? []);
  const [, second] = remotes.filter((remote) => remote.isDefault);
  if (second !== undefined && node.kind === 'map')
    reader.fault(node.entries.get(second.name)!.at, 'remotes: more than one is the default', {
      hint: 'leave `default: true` at one of them',
    });
  return remotes;
}

function readRemote(reader: Reader, { key: name, at, value }: Entry): RemoteSettings | undefined {
  const field = `remotes.${name}`;
  const place = reader.shared.faults.placeOf(at);
  if (value.kind !== 'map') {
    const url = readUrl(reader, value, field);
    return url === undefined ? undefined : { name, url, isDefault: false, push: true, options: {}, at: place };
  }
  for (const entry of value.entries.values()) refuseKey(reader, entry, field);
  const node = (key: string): Node | undefined => value.entries.get(key)?.value;
  const urlNode = node('url');
  const url = urlNode === undefined ? undefined : readUrl(reader, urlNode, `${field}.url`);
  const flag = (key: string, otherwise: boolean): boolean => {
    const found = node(key);
    return found === undefined ? otherwise : (reader.flag(found, `${field}.${key}`) ?? otherwise);
  };
  const signingKey = readVariable(reader, node('signing_key'), `${field}.signing_key`);
  if (url === undefined) return undefined;
  return {
    name,
    url,
    isDefault: flag('default', false),
    push: flag('push', true),
    ...(signingKey === undefined ? {} : { signingKey }),
    options: readOptions(reader, value, field),
    at: place,
  };
}

function readUrl(reader: Reader, node: Node, field: string): string | undefined {
  const url = reader.text(node, field);
  if (url === undefined) return undefined;
  const address = parseAddress(url);
  if (address.ok) return url;
  reader.fault(node, `${field}: ${address.error.message}`, { hint: address.error.hint, derived: url === '' });
  return undefined;
}

function refuseKey(reader: Reader, { key, at }: Entry, field: string): void {
  if (known.includes(key)) return;
  const secret = (secretOptions as readonly string[]).includes(key);
  const hint = secret
    ? 'secrets come from the environment or from your own configuration file, see docs/remotes.md'
    : () => didYouMean(key, known);
  reader.fault(at, secret ? `${field}: "${key}" is a secret` : `${field}: there is no option "${key}"`, { hint });
}

/** What is wrong with a `signing_key`; undefined: nothing. */
export function refuseVariable(name: string): { readonly message: string; readonly hint: string } | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return undefined;
  return {
    message: 'that is not the name of an environment variable',
    hint: 'name the variable that holds the key; the key itself never stands in a file',
  };
}

function readVariable(reader: Reader, node: Node | undefined, field: string): string | undefined {
  const name = node === undefined ? undefined : reader.text(node, field);
  if (node === undefined || name === undefined) return undefined;
  const refused = refuseVariable(name);
  if (refused === undefined) return name;
  reader.fault(node, `${field}: ${refused.message}`, { hint: refused.hint });
  return undefined;
}

function readOptions(reader: Reader, node: MapNode, field: string): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  for (const key of remoteOptions) {
    const found = node.entries.get(key)?.value;
    const value = found === undefined ? undefined : reader.scalar(found, `${field}.${key}`);
    if (found === undefined || value === undefined) continue;
    const text = typeof value === 'object' ? '' : String(value);
    const refused = refuseOption(key, text);
    if (refused === undefined) options[key] = text;
    else reader.fault(found, `${field}.${key}: ${refused}`, { derived: true });
  }
  return options;
}

/** What is wrong with the value of an option; undefined: nothing. */
export function refuseOption(key: (typeof remoteOptions)[number], text: string): string | undefined {
  const wanted = wantedForm(key);
  if (wanted === undefined || wanted.pattern.test(text)) return undefined;
  // It may be a password that stands there.
  return text.includes('@') ? `expected ${wanted.words}` : `expected ${wanted.words}, got "${text}"`;
}

function wantedForm(key: (typeof remoteOptions)[number]): { pattern: RegExp; words: string } | undefined {
  if (key === 'anonymous' || key === 'virtual_host_style') return { pattern: /^(true|false)$/, words: 'true or false' };
  if (key === 'jobs') return { pattern: /^([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/, words: 'a whole number from 1 to 256' };
  if (key === 'timeout') return { pattern: /^[1-9]\d{0,4}$/, words: 'whole seconds from 1' };
  return key === 'endpoint'
    ? { pattern: /^https?:\/\/[^@?#]+$/, words: 'a URL without user name and query' }
    : undefined;
}
