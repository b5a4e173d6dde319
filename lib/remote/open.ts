// From what is known of a remote to a storage that tries again. Opens no connection yet.

import { resolve } from 'node:path';
import type { RemoteAddress } from '../pipeline/address.ts';
import { FileStorage } from './file-storage.ts';
import { HttpStorage } from './http-storage.ts';
import { OpenDalStorage } from './opendal-storage.ts';
import { RetryingStorage, usualRetries } from './retry.ts';
import type { Storage } from './storage.ts';
import { readAuthorities } from './tls.ts';

export interface RemoteAccess {
  readonly name: string;
  readonly url: string;
  readonly address: RemoteAddress;
  /** False: nothing is ever pushed there. */
  readonly push: boolean;
  /** The key that run entries are signed with; null: they are not. */
  readonly key: string | null;
  readonly options: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Folders or files beside which optional packages are looked for. */
  readonly places: readonly string[];
}

const defaultJobs = 8;

/** Throws RemoteFault where a package is missing or an option is wrong. */
export function openStorage(access: RemoteAccess, signal: AbortSignal): Storage {
  const seconds = Number(access.options['timeout'] ?? usualRetries.timeout / 1000);
  const timeout = seconds * 1000;
  return new RetryingStorage(connect(access, timeout), { ...usualRetries, timeout, signal });
}

export function labelOf(access: Pick<RemoteAccess, 'name' | 'url'>): string {
  return `remote "${access.name}" (${access.url})`;
}

function connect(access: RemoteAccess, timeout: number): Storage {
  const { address, secrets, options } = access;
  const label = labelOf(access);
  const jobs = Number(options['jobs'] ?? defaultJobs);
  const ca = options['ca'] === undefined ? null : readAuthorities(resolve(access.root, options['ca']), label);
  switch (address.kind) {
    case 'file':
      return new FileStorage(resolve(access.root, address.path), { label, jobs });
    case 'http':
      return new HttpStorage({
        label,
        jobs,
        base: address.endpoint + address.path,
        authorization: authorizationOf(secrets),
        ca,
        timeout,
      });
    case 's3':
    case 'gs':
    case 'azblob':
    case 'webdav': {
      const { scheme, config, credentialHint } = describeService(access, address);
      return new OpenDalStorage({
        label,
        jobs,
        scheme,
        config: definedOf(config),
        secrets: Object.values(secrets).filter((secret) => secret.length >= 4),
        places: access.places,
        ca,
        credentialHint: `${credentialHint}; see docs/remotes.md`,
      });
    }
  }
}

function authorizationOf({ username, password, token }: Readonly<Record<string, string>>): string | null {
  if (token !== undefined) return `Bearer ${token}`;
  if (username === undefined) return null;
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

interface Service {
  readonly scheme: string;
  readonly config: Readonly<Record<string, string | undefined>>;
  readonly credentialHint: string;
}

type ServiceAddress = Exclude<RemoteAddress, { kind: 'file' | 'http' }>;

function describeService({ options, secrets, name }: RemoteAccess, address: ServiceAddress): Service {
  const variable = `DAGRUN_REMOTE_${name.toUpperCase().replaceAll('-', '_')}_`;
  const { endpoint } = options;
  const anonymous = options['anonymous'] === 'true' ? 'true' : undefined;
  // Asking the machine for credentials makes sense in the cloud of the store itself.
  const elsewhere = endpoint === undefined ? undefined : 'true';
  switch (address.kind) {
    case 's3':
      return {
        scheme: 's3',
        config: {
          bucket: address.bucket,
          root: `/${address.prefix}`,
          endpoint,
          region: options['region'] ?? (endpoint === undefined ? undefined : 'us-east-1'),
          access_key_id: secrets['access_key_id'],
          secret_access_key: secrets['secret_access_key'],
          session_token: secrets['session_token'],
          allow_anonymous: anonymous,
          enable_virtual_host_style: options['virtual_host_style'],
          disable_ec2_metadata: elsewhere,
        },
        credentialHint: `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ${variable}ACCESS_KEY_ID and …_SECRET_ACCESS_KEY, to keys that may use the bucket`,
      };
    case 'gs':
      return {
        scheme: 'gcs',
        config: {
          bucket: address.bucket,
          root: `/${address.prefix}`,
          endpoint,
          token: secrets['token'],
          allow_anonymous: anonymous,
          disable_vm_metadata: elsewhere,
        },
        credentialHint: `let GOOGLE_APPLICATION_CREDENTIALS name a key file that may use the bucket, or set ${variable}TOKEN`,
      };
    case 'azblob':
      return {
        scheme: 'azblob',
        config: {
          container: address.bucket,
          root: `/${address.prefix}`,
          endpoint: endpoint ?? `https://${options['account'] ?? ''}.blob.core.windows.net`,
          account_name: options['account'],
          account_key: secrets['account_key'],
          sas_token: secrets['sas_token'],
        },
        credentialHint: `set \`account\` of the remote, and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or ${variable}ACCOUNT_KEY`,
      };
    case 'webdav':
      return {
        scheme: 'webdav',
        config: {
          endpoint: address.endpoint,
          root: address.path === '' ? '/' : address.path,
          username: secrets['username'],
          password: secrets['password'],
          token: secrets['token'],
        },
        credentialHint: `set ${variable}USERNAME and ${variable}PASSWORD`,
      };
  }
}

function definedOf(config: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter((pair): pair is [string, string] => pair[1] !== undefined));
}
