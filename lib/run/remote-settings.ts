// Which remotes there are, and how each is reached: the pipeline file, the configuration of the user, and the environment put together.
// Secrets come only from the last two. Opens no connection.

import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { suggest } from '../core/suggest.ts';
import { isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import { addressForms, parseAddress } from '../pipeline/address.ts';
import type { RemoteAddress } from '../pipeline/address.ts';
import { remoteNamePattern, remoteOptions, secretOptions } from '../pipeline/remotes.ts';
import type { RemoteAccess } from '../remote/open.ts';
import type { Project } from './project.ts';
import { readUserConfig, userConfigPath } from './user-config.ts';

export interface KnownRemote {
  readonly name: string;
  readonly url: string;
  readonly isDefault: boolean;
  readonly push: boolean;
  readonly signingKey: string | undefined;
  readonly options: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly from: 'pipeline' | 'user';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** All remotes, those of the pipeline first. */
export async function listRemotes(project: Project): Promise<Result<readonly KnownRemote[], CommandFailure>> {
  const config = await readUserConfig(project.environment);
  if (!config.ok) return config;
  const remotes = new Map<string, KnownRemote>();
  for (const { name, url, isDefault, push, signingKey, options } of project.pipeline.remotes ?? [])
    remotes.set(name, { name, url, isDefault, push, signingKey, options, secrets: {}, from: 'pipeline' });
  const own = config.value['remotes'] ?? {};
  const path = userConfigPath(project.environment);
  if (!isObject(own)) return err(failure('configuration', { message: `${path}: remotes: expected a map` }));
  for (const [name, value] of Object.entries(own)) {
    const read = readOwn(path, name, value, remotes.get(name));
    if (!read.ok) return read;
    // What a user calls the default is that, whatever the pipeline says.
    if (read.value.isDefault && read.value.from === 'user')
      for (const [other, known] of remotes) remotes.set(other, { ...known, isDefault: false });
    remotes.set(name, read.value);
  }
  return ok([...remotes.values()]);
}

const plainKeys: readonly string[] = remoteOptions;
const secretKeys: readonly string[] = secretOptions;

/** Adds to what the pipeline says of a remote of that name, or defines one. */
function readOwn(
  path: string,
  name: string,
  value: Value,
  known: KnownRemote | undefined,
): Result<KnownRemote, CommandFailure> {
  const refuse = (message: string, hint?: string): Result<never, CommandFailure> =>
    err(failure('configuration', { message: `${path}: remotes.${name}: ${message}`, hint }));
  if (!new RegExp(remoteNamePattern).test(name)) return refuse('that is no name for a remote');
  const fields = typeof value === 'string' ? { url: value } : value;
  if (!isObject(fields)) return refuse('expected a URL, or a map');
  const options: Record<string, string> = { ...known?.options };
  const secrets: Record<string, string> = {};
  for (const [key, field] of Object.entries(fields)) {
    const text = typeof field === 'object' ? undefined : String(field);
    if (text === undefined) return refuse(`${key}: expected a single value`);
    if (secretKeys.includes(key)) secrets[key] = text;
    else if (plainKeys.includes(key)) options[key] = text;
    else if (!['url', 'default', 'push', 'signing_key'].includes(key)) return refuse(`there is no option "${key}"`);
  }
  const url = typeof fields['url'] === 'string' ? fields['url'] : undefined;
  // A pipeline of somebody else must not be able to have secrets sent to a place of its choice.
  if (url === undefined && Object.keys(secrets).length > 0)
    return refuse('secrets need the `url` that they are for beside them', `add url: ${known?.url ?? '…'}`);
  const place = url ?? known?.url;
  if (place === undefined) return refuse('it has no url', `write ${addressForms}`);
  const signingKey = typeof fields['signing_key'] === 'string' ? fields['signing_key'] : known?.signingKey;
  return ok({
    name,
    url: place,
    isDefault: typeof fields['default'] === 'boolean' ? fields['default'] : (known?.isDefault ?? false),
    push: typeof fields['push'] === 'boolean' ? fields['push'] : (known?.push ?? true),
    signingKey,
    options,
    secrets,
    from: url === undefined ? (known?.from ?? 'user') : 'user',
  });
}

/** The remote of that name; without one the default, or the only one there is. `naming`: how the command is told a name. */
export async function chooseRemote(
  project: Project,
  name: string | undefined,
  naming = '-r NAME',
): Promise<Result<RemoteAccess, CommandFailure>> {
  const remotes = await listRemotes(project);
  if (!remotes.ok) return remotes;
  const [only, ...more] = remotes.value;
  const found =
    name === undefined
      ? (remotes.value.find((remote) => remote.isDefault) ?? (more.length === 0 ? only : undefined))
      : remotes.value.find((remote) => remote.name === name);
  if (found !== undefined) return accessOf(project, found);
  if (only === undefined)
    return err(failure('usage', { message: 'no remote is known', hint: '`dagrun remote add NAME URL` adds one' }));
  const names = remotes.value.map((remote) => remote.name);
  if (name === undefined)
    return err(
      failure('usage', {
        message: `there are ${names.length} remotes, and none is the default: ${names.join(', ')}`,
        hint: `name one (${naming}), or set \`default: true\` for one`,
      }),
    );
  const near = suggest(name, names);
  return err(
    failure('usage', {
      message: `there is no remote "${name}"`,
      hint: near === undefined ? `there are: ${names.join(', ')}` : `did you mean "${near}"?`,
    }),
  );
}

/** With the secrets of the environment. */
export function accessOf(project: Project, remote: KnownRemote): Result<RemoteAccess, CommandFailure> {
  const { name, url, push, signingKey } = remote;
  const address = parseAddress(url);
  if (!address.ok)
    return err(
      failure('configuration', { message: `remote "${name}": ${address.error.message}`, hint: address.error.hint }),
    );
  const { environment, root } = project;
  const key = signingKey === undefined ? null : (environment[signingKey] ?? '');
  if (key === '')
    return err(
      failure('configuration', {
        message: `remote "${name}" signs its runs with the key in ${signingKey!}, which is not set`,
        hint: `set ${signingKey!} in the environment`,
      }),
    );
  return ok({
    name,
    url,
    address: address.value,
    push,
    key,
    options: { ...impliedOptions(address.value, environment), ...remote.options },
    secrets: { ...impliedSecrets(address.value, environment), ...remote.secrets, ...namedSecrets(name, environment) },
    root,
    places: packagePlaces(environment, root),
  });
}

/** `DAGRUN_REMOTE_<NAME>_<SECRET>`, for any remote. */
function namedSecrets(name: string, environment: Environment): Record<string, string> {
  const prefix = `DAGRUN_REMOTE_${name.toUpperCase().replaceAll('-', '_')}_`;
  return pick(
    environment,
    secretOptions.map((secret) => [secret, [prefix + secret.toUpperCase()]] as const),
  );
}

/** The variables that the tools of each service read. */
function impliedSecrets({ kind }: RemoteAddress, environment: Environment): Record<string, string> {
  if (kind === 's3')
    return pick(environment, [
      ['access_key_id', ['AWS_ACCESS_KEY_ID']],
      ['secret_access_key', ['AWS_SECRET_ACCESS_KEY']],
      ['session_token', ['AWS_SESSION_TOKEN']],
    ]);
  if (kind === 'azblob')
    return pick(environment, [
      ['account_key', ['AZURE_STORAGE_ACCOUNT_KEY', 'AZURE_STORAGE_KEY']],
      ['sas_token', ['AZURE_STORAGE_SAS_TOKEN']],
    ]);
  return {};
}

function impliedOptions({ kind }: RemoteAddress, environment: Environment): Record<string, string> {
  if (kind === 's3')
    return pick(environment, [
      ['endpoint', ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']],
      ['region', ['AWS_REGION', 'AWS_DEFAULT_REGION']],
    ]);
  if (kind === 'azblob')
    return pick(environment, [['account', ['AZURE_STORAGE_ACCOUNT', 'AZURE_STORAGE_ACCOUNT_NAME']]]);
  return {};
}

function pick(
  environment: Environment,
  wanted: readonly (readonly [string, readonly string[]])[],
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, names] of wanted) {
    const value = names.map((name) => environment[name]).find((text) => text !== undefined && text !== '');
    if (value !== undefined) found[key] = value;
  }
  return found;
}

/** `DAGRUN_PACKAGES` names a folder that has a node_modules; then the workspace, then the place of this program. */
export function packagePlaces(environment: Environment, root: string): readonly string[] {
  const named = environment['DAGRUN_PACKAGES'];
  const folders = named === undefined || named === '' ? [] : [`${named}/package.json`];
  return [...folders, `${root}/package.json`, ...process.argv.slice(1, 2)];
}
