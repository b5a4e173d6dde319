// The places that are pushed to: servers on 127.0.0.1 which keep everything in a folder, and a plain folder.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start, work } from './programs.ts';
import type { Program, ProgramName, Started } from './programs.ts';

export type StoreName = 's3' | 'webdav' | 'folder';

/** How each client is told of the place. */
export interface Store {
  readonly name: StoreName;
  /** What serves it, with its version. */
  readonly title: string;
  readonly dagrun: (prefix: string) => Readonly<Record<string, string>>;
  readonly rclone: (prefix: string) => string;
  /** Options of `dvc remote modify`; `url` is that of the remote. */
  readonly dvc: (prefix: string) => Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Removes what was pushed below a prefix. */
  readonly clear: (prefix: string) => void;
  readonly stop: () => void;
}

const port = 7191;
const keys = { id: 'bench', secret: 'bench-secret' };

/** The last line of what is missing where it cannot be had. */
export async function openStore(
  name: StoreName,
  programs: Readonly<Record<ProgramName, Program | undefined>>,
): Promise<Store | string> {
  const folder = join(work, 'store', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'bench'), { recursive: true });
  const clear = (prefix: string): void => rmSync(join(folder, 'bench', prefix), { recursive: true, force: true });
  const make = { s3: makeS3, webdav: makeWebdav, folder: makeFolder }[name];
  const store = make({ folder, clear, programs });
  if (typeof store !== 'string') await sleep(1500);
  return store;
}

interface Place {
  readonly folder: string;
  readonly clear: (prefix: string) => void;
  readonly programs: Readonly<Record<ProgramName, Program | undefined>>;
}

function makeS3({ folder, clear, programs: { versitygw } }: Place): Store | string {
  if (versitygw === undefined) return 'versitygw is not available (the bench builds it where there is Go)';
  const endpoint = `http://127.0.0.1:${port}`;
  const region = 'us-east-1';
  const server: Started = start(
    [...versitygw.command, '--port', `127.0.0.1:${port}`, '--region', region, '--quiet', 'posix', folder],
    { ROOT_ACCESS_KEY: keys.id, ROOT_SECRET_KEY: keys.secret },
  );
  return {
    name: 's3',
    title: `S3: versitygw ${versitygw.version}`,
    dagrun: (prefix) => ({ url: `s3://bench/${prefix}`, endpoint, region }),
    rclone: (prefix) => `store:bench/${prefix}`,
    dvc: (prefix) => ({ url: `s3://bench/${prefix}`, endpointurl: endpoint, region }),
    env: {
      AWS_ACCESS_KEY_ID: keys.id,
      AWS_SECRET_ACCESS_KEY: keys.secret,
      RCLONE_CONFIG_STORE_TYPE: 's3',
      RCLONE_CONFIG_STORE_PROVIDER: 'Other',
      RCLONE_CONFIG_STORE_ENV_AUTH: 'true',
      RCLONE_CONFIG_STORE_ENDPOINT: endpoint,
      RCLONE_CONFIG_STORE_REGION: region,
      RCLONE_CONFIG_STORE_NO_CHECK_BUCKET: 'true',
    },
    clear,
    stop: server.stop,
  };
}

function makeWebdav({ folder, clear, programs: { rclone } }: Place): Store | string {
  if (rclone === undefined) return 'rclone, which serves it, is not available';
  const host = `127.0.0.1:${port + 1}`;
  const server = start([...rclone.command, 'serve', 'webdav', folder, '--addr', host, '--config', '/nonexistent'], {});
  return {
    name: 'webdav',
    title: `WebDAV: rclone serve ${rclone.version}`,
    dagrun: (prefix) => ({ url: `webdav://${host}/bench/${prefix}` }),
    rclone: (prefix) => `store:bench/${prefix}`,
    dvc: (prefix) => ({ url: `webdav://${host}/bench/${prefix}` }),
    env: {
      RCLONE_CONFIG_STORE_TYPE: 'webdav',
      RCLONE_CONFIG_STORE_URL: `http://${host}`,
      RCLONE_CONFIG_STORE_VENDOR: 'other',
    },
    clear,
    stop: server.stop,
  };
}

function makeFolder({ folder, clear }: Place): Store {
  const path = (prefix: string): string => join(folder, 'bench', prefix);
  return {
    name: 'folder',
    title: 'a folder',
    dagrun: (prefix) => ({ url: path(prefix) }),
    rclone: path,
    dvc: (prefix) => ({ url: path(prefix) }),
    env: {},
    clear,
    stop: () => undefined,
  };
}
