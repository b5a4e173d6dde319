import { describe, expect, it } from '@jest/globals';
import { parseAddress } from './address.ts';
import { addRemote } from './edit-remote.ts';
import { parsePipeline } from './parse.ts';

function parse(text: string): ReturnType<typeof parsePipeline> {
  return parsePipeline({ file: 'pipeline.yaml', lockFile: 'pipeline.lock', text, readSource: () => undefined });
}

function faults(text: string): string[] {
  const parsed = parse(text);
  return parsed.ok ? [] : parsed.error.map(({ at, message }) => `${at?.line}:${at?.column} ${message}`);
}

describe('remotes:', () => {
  it('are read with their options', () => {
    const parsed = parse(`remotes:
  disk: /mnt/cache
  origin: {url: 's3://b/p', default: true, push: false, signing_key: KEY, region: eu, jobs: 4}
`);
    expect(parsed.ok && parsed.value.remotes).toEqual([
      { name: 'disk', url: '/mnt/cache', isDefault: false, push: true, options: {}, at: [2, 3] },
      {
        name: 'origin',
        url: 's3://b/p',
        isDefault: true,
        push: false,
        signingKey: 'KEY',
        options: { region: 'eu', jobs: '4' },
        at: [3, 3],
      },
    ]);
  });

  it.each([
    ['remotes: {a: "ftp://x/y"}', '1:14 remotes.a: there is no kind of remote "ftp:"'],
    ['remotes: {a: "s3://"}', '1:14 remotes.a: the URL names no bucket'],
    [
      'remotes: {a: "https://ann:pw@host/x"}',
      '1:14 remotes.a: the URL of scheme https: holds a user name or a password',
    ],
    ['remotes: {a: "s3://b/%zz"}', '1:14 remotes.a: the URL of scheme s3: has a "%" that begins no character'],
    ['remotes: {a: "file://host/x"}', '1:14 remotes.a: the URL names a host'],
    ['remotes: {a: {url: x, password: pw}}', '1:23 remotes.a: "password" is a secret'],
    ['remotes: {a: {url: x, regoin: eu}}', '1:23 remotes.a: there is no option "regoin"'],
    [
      'remotes: {a: {url: x, signing_key: "the key itself"}}',
      '1:36 remotes.a.signing_key: that is not the name of an environment variable',
    ],
    ['remotes: {a: {url: x, default: true}, b: {url: y, default: true}}', '1:39 remotes: more than one is the default'],
  ])('%s', (text, fault) => {
    const found = faults(text);
    expect(found).toEqual([fault]);
    expect(found.join()).not.toContain('pw@');
  });
});

describe('addresses', () => {
  it.each([
    ['s3://bucket/a/b/', { kind: 's3', bucket: 'bucket', prefix: 'a/b' }],
    ['webdavs://host:8/x', { kind: 'webdav', endpoint: 'https://host:8', path: '/x' }],
    ['http://host', { kind: 'http', endpoint: 'http://host', path: '' }],
    ['file:///a/b', { kind: 'file', path: '/a/b' }],
    ['../shared', { kind: 'file', path: '../shared' }],
  ])('%s', (url, address) => {
    expect(parseAddress(url)).toEqual({ ok: true, value: address });
  });
});

describe('adding a remote', () => {
  it.each([
    ['', 'remotes:\n  r: "u"\n'],
    ['# note\nstages: {}', '# note\nstages: {}\n\nremotes:\n  r: "u"\n'],
    [
      'remotes:\n    # of the team\n    a: x\nstages: {}\n',
      'remotes:\n    # of the team\n    r: "u"\n    a: x\nstages: {}\n',
    ],
    ['remotes: {a: x}\n', 'remotes: {r: "u", a: x}\n'],
  ])('%j', (before, after) => {
    expect(addRemote(before, 'f', 'r', { url: 'u' })).toEqual({ ok: true, value: after });
  });

  it('refuses a name that is taken', () => {
    expect(addRemote('remotes: {r: x}\n', 'f', 'r', { url: 'u' }).ok).toBe(false);
  });
});
