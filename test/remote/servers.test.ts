// Remotes on real servers, with the real program: an S3 server that checks signatures, azurite, WebDAV, plain web servers, and a proxy that
// makes mistakes in between.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { step, useRig } from '../rig.ts';
import type { Finished } from '../rig.ts';
import {
  Authority,
  available,
  azureAccount,
  azureKey,
  itWith,
  packageEnvironment,
  s3Keys,
  startAzurite,
  startGcs,
  startProxy,
  startS3,
  startWeb,
  startWebdav,
  webdavUser,
} from './servers.ts';
import type { Certificate, Misbehaviour, Mistake, Running } from './servers.ts';

const rig = useRig();
const base = mkdtempSync(join(tmpdir(), 'dagrun-remote-'));
let s3: Running | undefined;

beforeAll(async () => {
  if (available.s3) s3 = await startS3(join(base, 's3'));
});
afterAll(async () => {
  await s3?.stop();
  rmSync(base, { recursive: true, force: true });
});

type Environment = Readonly<Record<string, string>>;

function makePipeline(remote: object): void {
  rig.pipeline({
    remotes: { origin: remote },
    stages: {
      make: {
        cmd: step(
          'make',
          'mkdir d && for i in 1 2 3 4 5; do echo "$i" > d/$i; done && touch d/empty && yes one | head -c 20000000 > big',
        ),
        outs: ['d', 'big'],
      },
    },
  });
}

function becomeFresh(): void {
  for (const name of ['d', 'big', '.dagrun', 'cache']) rig.remove(name);
}

async function good(args: readonly string[], env: Environment): Promise<Finished> {
  const run = await rig.run(args, { env: { ...packageEnvironment, ...env } });
  if (run.code !== 0) throw new Error(`dagrun ${args.join(' ')} ended with ${run.code}: ${run.output}`);
  return run;
}

/** Push, pull into nothing, gc: what every kind of remote has to be able to do. */
async function roundTrip(env: Environment): Promise<void> {
  await rig.good();
  await good(['remote', 'test'], env);
  expect((await good(['push'], env)).stdout).toContain('pushed 1 run');
  expect((await good(['push'], env)).stdout).toContain('1 run there already');
  becomeFresh();
  expect((await good(['pull'], env)).stdout).toContain('2 outs restored');
  await good(['cache', 'verify'], env);
  expect((await good(['status', '--remote'], env)).stdout).toContain('1 stage here and on origin');
  expect((await good(['gc', '--remote', '--workspace', '--grace', '0s'], env)).stdout).toContain('removed 0 runs');
  expect((await rig.good()).executed).toEqual([]);
}

const s3Remote = (port: number, prefix: string): object => ({
  url: `s3://team/${prefix}`,
  endpoint: `http://127.0.0.1:${port}`,
});

itWith('opendal')('a bucket of S3 without a region: the command says what is missing, and how to set it', async () => {
  makePipeline({ url: 's3://bucket/prefix' });
  // Whoever runs the tests may have one.
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_CONFIG_FILE', 'AWS_PROFILE'])
    Reflect.deleteProperty(process.env, name);
  const run = await rig.run(['remote', 'test'], { env: { ...packageEnvironment, HOME: base } });
  expect(run.code).toBe(1);
  expect(run.stderr).toBe(
    'remote "origin" (s3://bucket/prefix) has no region\n  hint: set `region` of the remote, or AWS_REGION\n',
  );
});

describe('S3', () => {
  itWith('s3')('takes and gives', async () => {
    makePipeline(s3Remote(s3!.port, 'round/trip'));
    await roundTrip(s3Keys);
  });

  itWith('s3')(
    'a wrong key, a missing bucket and a server that is away are told apart, and no secret is repeated',
    async () => {
      makePipeline(s3Remote(s3!.port, 'errors'));
      await rig.good();
      const env = { ...packageEnvironment, ...s3Keys, AWS_SECRET_ACCESS_KEY: 'not-the-secret-at-all' };
      const wrong = await rig.run(['push'], { env });
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toContain('refuses the access: SignatureDoesNotMatch');
      expect(wrong.stderr).toContain('AWS_SECRET_ACCESS_KEY');
      expect(wrong.output).not.toContain('not-the-secret-at-all');
      const right = { ...packageEnvironment, ...s3Keys };
      makePipeline({ ...s3Remote(s3!.port, ''), url: 's3://nobody/here' });
      const noBucket = await rig.run(['push'], { env: right });
      expect(noBucket.stderr).toContain('the bucket does not exist');
      makePipeline(s3Remote(1, 'away'));
      const away = await rig.run(['push'], { env: right });
      expect(away.stderr).toContain('cannot be reached');
      expect(away.output).not.toContain(s3Keys.AWS_SECRET_ACCESS_KEY + '\n');
    },
  );

  it('says how to install what it needs', async () => {
    makePipeline(s3Remote(1, 'x'));
    await rig.good();
    const run = await rig.run(['push'], { env: { DAGRUN_PACKAGES: rig.root } });
    if (run.stderr.includes('cannot be reached')) return; // opendal is installed beside dagrun itself.
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('npm i opendal@0.49.2');
  });
});

/** Of the answers that bring blobs. */
function everyOtherBlob(mistake: Mistake): Misbehaviour {
  let answers = 0;
  return ({ method, path }) =>
    method === 'GET' && path.includes('blobs/') && answers++ % 2 === 0 ? mistake : undefined;
}

describe('between here and an S3 server', () => {
  /** Every mistake once or twice, on requests about the given folder. */
  const cases: readonly (readonly [string, 'push' | 'pull', Misbehaviour])[] = [
    ['errors while pushing', 'push', (_asked, count) => (count % 3 === 1 ? 'error' : undefined)],
    [
      'uploads that are cut',
      'push',
      ({ method, path }, count) =>
        method === 'PUT' && path.includes('blobs') && count % 2 === 0 ? 'cut-upload' : undefined,
    ],
    ['errors while pulling', 'pull', (_asked, count) => (count % 3 === 1 ? 'error' : undefined)],
    ['connections cut in the middle', 'pull', everyOtherBlob('cut')],
    ['bodies that end early', 'pull', everyOtherBlob('truncate')],
  ];

  (available.s3 ? it : it.skip).each(cases)('%s: nothing is lost', async (name, when, misbehave) => {
    const proxy = await startProxy(s3!.port, misbehave);
    const prefix = name.replaceAll(' ', '-');
    try {
      makePipeline(s3Remote(when === 'push' ? proxy.port : s3!.port, prefix));
      await rig.good();
      await good(['push'], s3Keys);
      makePipeline(s3Remote(when === 'pull' ? proxy.port : s3!.port, prefix));
      becomeFresh();
      await good(['pull'], s3Keys);
      expect(proxy.made.length).toBeGreaterThan(0);
      expect((await rig.good()).executed).toEqual([]);
      await good(['cache', 'verify'], s3Keys);
    } finally {
      await proxy.stop();
    }
  });

  itWith('s3')('wrong bytes, once, are read again; wrong bytes always are a miss', async () => {
    let wrong = 1;
    const proxy = await startProxy(s3!.port, ({ path, method }) =>
      method === 'GET' && path.includes('blobs/') && wrong-- > 0 ? 'wrong' : undefined,
    );
    try {
      makePipeline(s3Remote(proxy.port, 'wrong'));
      await rig.good();
      await good(['push'], s3Keys);
      becomeFresh();
      await good(['fetch'], s3Keys);
      expect(proxy.made).toContain('wrong');
      wrong = Infinity;
      becomeFresh();
      const run = await rig.repro(['--pull'], { env: { ...packageEnvironment, ...s3Keys } });
      expect(run.executed).toEqual(['make']);
      expect(run.stdout).toContain('damaged');
    } finally {
      await proxy.stop();
    }
  });

  itWith('s3')('a peer that says nothing is given up', async () => {
    const proxy = await startProxy(s3!.port, (_asked, count) => (count === 0 ? 'lost' : undefined));
    try {
      makePipeline({ ...s3Remote(proxy.port, 'silent'), timeout: 1 });
      await rig.good();
      await good(['push'], s3Keys);
      expect(proxy.made).toEqual(['lost']);
    } finally {
      await proxy.stop();
    }
  });

  itWith('s3')('a push that is cut off for good leaves nothing that looks whole', async () => {
    const proxy = await startProxy(s3!.port, ({ method, path }) =>
      method === 'PUT' && path.includes('blobs') ? 'error' : undefined,
    );
    try {
      makePipeline(s3Remote(proxy.port, 'cut-off'));
      await rig.good();
      const run = await rig.run(['push'], { env: { ...packageEnvironment, ...s3Keys } });
      expect(run.code).toBe(1);
      expect(run.stderr).toContain('try again later');
      makePipeline(s3Remote(s3!.port, 'cut-off'));
      expect((await good(['status', '--remote'], s3Keys)).stdout).toContain('here only');
      expect((await good(['push'], s3Keys)).stdout).toContain('pushed 1 run');
    } finally {
      await proxy.stop();
    }
  });
});

describe('over TLS', () => {
  /** What is told of a server, where its authority is named and where it is not. */
  const faults = [
    ['an authority that nobody knows', 'good', false, 'is not trusted', '`ca:` of the remote'],
    ['an expired certificate', 'expired', true, 'has expired', 'renewed'],
    [
      'the certificate of another host',
      'elsewhere',
      true,
      'is for another host',
      'a name that stands in its certificate',
    ],
  ] as const;
  let authority: Authority | undefined;
  const issue = (name: 'good' | 'expired' | 'elsewhere'): Certificate =>
    (authority ??= new Authority(join(base, 'authority'))).issue(name);
  const noMistake = (): undefined => undefined;
  // What this machine trusts otherwise is no matter of the test.
  const bare = { ...packageEnvironment, ...s3Keys, NODE_EXTRA_CA_CERTS: '' };
  const isPossible = available.s3 && available.openssl;

  (isPossible ? it : it.skip).each(faults)('S3 behind %s', async (_name, which, named, message, hint) => {
    const proxy = await startProxy(s3!.port, noMistake, issue(which));
    try {
      const remote = { url: 's3://team/tls', endpoint: `https://127.0.0.1:${proxy.port}` };
      makePipeline(named ? { ...remote, ca: authority!.path } : remote);
      await rig.good();
      const run = await rig.run(['push'], { env: bare });
      expect(run.code).toBe(1);
      expect(run.stderr).toContain(`the certificate of the server ${message}`);
      expect(run.stderr).toContain(hint);
    } finally {
      await proxy.stop();
    }
  });

  (isPossible ? it : it.skip)('S3 whose authority is named', async () => {
    const proxy = await startProxy(s3!.port, noMistake, issue('good'));
    try {
      const endpoint = `https://127.0.0.1:${proxy.port}`;
      makePipeline({ url: 's3://team/tls-good', endpoint, ca: authority!.path });
      await roundTrip(bare);
      makePipeline({ url: 's3://team/tls-good', endpoint, ca: 'pipeline.yaml' });
      const run = await rig.run(['push'], { env: bare });
      expect(run.code).toBe(1);
      expect(run.stderr).toContain('`ca` cannot be used');
    } finally {
      await proxy.stop();
    }
  });

  itWith('openssl')('a web server', async () => {
    makePipeline({ url: '../shared-tls' });
    await rig.good(['--push']);
    const server = await startWeb(join(rig.root, '..', 'shared-tls'), { ranges: true });
    try {
      for (const [, which, named, message, hint] of faults) {
        const proxy = await startProxy(server.port, noMistake, issue(which));
        const url = `https://127.0.0.1:${proxy.port}`;
        makePipeline(named ? { url, ca: authority!.path } : { url });
        becomeFresh();
        const run = await rig.run(['fetch'], { env: bare });
        await proxy.stop();
        expect(run.code).toBe(1);
        expect(run.stderr).toContain(`the certificate of the server ${message}`);
        expect(run.stderr).toContain(hint);
      }
      const proxy = await startProxy(server.port, noMistake, issue('good'));
      const url = `https://127.0.0.1:${proxy.port}`;
      for (const [remote, env] of [
        [{ url, ca: authority!.path }, bare],
        [{ url }, { ...bare, NODE_EXTRA_CA_CERTS: authority!.path }],
      ] as const) {
        makePipeline(remote);
        becomeFresh();
        expect((await good(['pull'], env)).stdout).toContain('2 outs restored');
      }
      await proxy.stop();
    } finally {
      await server.stop();
    }
  });
});

describe('other servers', () => {
  itWith('gcs')('Google Cloud Storage', async () => {
    const server = await startGcs(join(base, 'gcs'));
    try {
      const remote = { url: 'gs://team/some/prefix', endpoint: `http://127.0.0.1:${server.port}` };
      makePipeline({ ...remote, anonymous: true });
      await roundTrip({});
      makePipeline(remote);
      becomeFresh();
      const token = 'a-token-of-a-team';
      expect((await good(['pull'], { DAGRUN_REMOTE_ORIGIN_TOKEN: token })).stdout).toContain('2 outs restored');
      const none = await rig.run(['push', '--force'], { env: packageEnvironment });
      expect(none.code).toBe(1);
      expect(none.stderr).toContain('there are no credentials');
      expect(none.stderr).toContain('GOOGLE_APPLICATION_CREDENTIALS');
      makePipeline({ ...remote, url: 'gs://nobody/here' });
      const noBucket = await rig.run(['push'], { env: { ...packageEnvironment, DAGRUN_REMOTE_ORIGIN_TOKEN: token } });
      expect(noBucket.code).toBe(1);
      expect(noBucket.stderr).toContain('the bucket does not exist');
      expect(noBucket.output).not.toContain(token);
    } finally {
      await server.stop();
    }
  });

  itWith('azurite')('Azure Blob', async () => {
    const server = await startAzurite(join(base, 'azurite'));
    try {
      makePipeline({
        url: 'azblob://team/some/prefix',
        endpoint: `http://127.0.0.1:${server.port}/${azureAccount}`,
        account: azureAccount,
      });
      await roundTrip({ AZURE_STORAGE_ACCOUNT_KEY: azureKey });
      const other = Buffer.from('another key of the same length!!').toString('base64');
      const wrong = await rig.run(['push', '--force'], {
        env: { ...packageEnvironment, AZURE_STORAGE_ACCOUNT_KEY: other },
      });
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toContain('refuses the access');
      expect(wrong.output).not.toContain(other);
    } finally {
      await server.stop();
    }
  });

  itWith('webdav')('WebDAV', async () => {
    const server = await startWebdav(join(base, 'webdav'));
    try {
      makePipeline({ url: `webdav://127.0.0.1:${server.port}/cache` });
      const env = {
        DAGRUN_REMOTE_ORIGIN_USERNAME: webdavUser.username,
        DAGRUN_REMOTE_ORIGIN_PASSWORD: webdavUser.password,
      };
      await roundTrip(env);
      const wrong = await rig.run(['push', '--force'], {
        env: { ...packageEnvironment, ...env, DAGRUN_REMOTE_ORIGIN_PASSWORD: 'wrong-password' },
      });
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toContain('refuses the access');
      expect(wrong.output).not.toContain('wrong-password');
    } finally {
      await server.stop();
    }
  });

  it.each([
    ['with ranges', true],
    ['without ranges', false],
  ])('a web server, read-only, %s', async (_name, ranges) => {
    makePipeline({ url: '../shared' });
    await rig.good(['--push']);
    const server = await startWeb(join(rig.root, '..', 'shared'), { ranges });
    try {
      makePipeline({ url: `http://127.0.0.1:${server.port}` });
      becomeFresh();
      expect((await good(['remote', 'test'], {})).stdout).not.toContain('written');
      expect((await good(['pull'], {})).stdout).toContain('2 outs restored');
      const pushed = await rig.run(['push']);
      expect(pushed.code).toBe(2);
      expect(pushed.stderr).toContain('can only be read');
    } finally {
      await server.stop();
    }
  });
});
