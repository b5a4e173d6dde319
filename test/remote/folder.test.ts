// Remotes that are folders, with the real program: what is moved, what is not, and what happens to damage, forgery and interruption.

import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { step, useRig } from '../rig.ts';
import type { Finished } from '../rig.ts';

const rig = useRig();
/** Only root can become somebody else. */
const asRoot = process.getuid?.() === 0 ? it : it.skip;

/** A large out, a folder with small files and an empty one, and a stage on top. */
function makePipeline(options: { remote?: object; stage?: object } = {}): void {
  rig.write({ seed: 'one' });
  rig.pipeline({
    remotes: { origin: { url: '../remote', ...options.remote } },
    stages: {
      make: {
        cmd: step(
          'make',
          `mkdir -p d/sub && for i in 1 2 3 4 5; do echo "$i of $(cat seed)" > d/$i; done && touch d/empty && cp d/1 d/sub/copy && yes "$(cat seed)" | head -c 20000000 > big`,
        ),
        deps: ['seed'],
        outs: ['d', 'big'],
        ...options.stage,
      },
      sum: { cmd: step('sum', 'cat d/1 d/2 > s'), deps: ['d'], outs: ['s'] },
    },
  });
}

const remotePath = (...parts: string[]): string => join(rig.root, '..', 'remote', ...parts);

function remoteFiles(prefix = ''): string[] {
  if (!existsSync(remotePath())) return [];
  return readdirSync(remotePath(), { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(remotePath().length + 1))
    .filter((key) => key.startsWith(prefix))
    .sort();
}

/** Forgets everything that is not in git. */
function becomeFresh(): void {
  for (const name of ['d', 'big', 's', '.dagrun']) rig.remove(name);
  rmSync(rig.path('cache'), { recursive: true, force: true });
}

async function good(...args: string[]): Promise<Finished> {
  const run = await rig.run(args);
  if (run.code !== 0) throw new Error(`dagrun ${args.join(' ')} ended with ${run.code}: ${run.output}`);
  return run;
}

function json(run: Finished): Record<string, unknown> {
  return JSON.parse(run.stdout.split('\n')[0]!) as Record<string, unknown>;
}

describe('push and pull', () => {
  it('brings everything to a workspace that has nothing', async () => {
    makePipeline();
    await rig.good();
    const before = rig.snapshot();
    const pushed = json(await good('push', '--json'));
    expect(pushed).toMatchObject({ remote: 'origin', runs: 2, known: 0, skipped: [] });
    becomeFresh();
    await good('pull');
    const seen = rig.snapshot();
    for (const path of Object.keys(before)) if (!/^(cache|\.dagrun)/.test(path)) expect(seen[path]).toBe(before[path]);
    expect(await rig.states()).toEqual({ make: 'fresh', sum: 'fresh' });
    await good('cache', 'verify');
  });

  it('brings many pieces at a time to several stages, and says nothing that is not for people', async () => {
    rig.write({ seed: 'one' });
    const make = (name: string): object => ({
      cmd: step(name, `truncate -s 85M ${name} && echo ${name} >> ${name}`),
      deps: ['seed'],
      outs: [name],
    });
    rig.pipeline({ remotes: { origin: { url: '../remote' } }, stages: { a: make('a'), b: make('b'), c: make('c') } });
    await rig.good();
    const before = rig.snapshot();
    await good('push');
    for (const name of ['a', 'b', 'c', '.dagrun']) rig.remove(name);
    rmSync(rig.path('cache'), { recursive: true });
    const pulled = await good('repro', '--pull', '-j', '3');
    expect(pulled.stderr).toBe('');
    for (const name of ['a', 'b', 'c']) expect(rig.snapshot()[name]).toBe(before[name]);
    expect(rig.files('cache/tmp')).toEqual([]);
    expect(await rig.states()).toEqual({ a: 'fresh', b: 'fresh', c: 'fresh' });
  });

  it('moves only what is missing', async () => {
    makePipeline();
    await rig.good();
    await good('push');
    const before = remoteFiles('blobs/');
    expect(json(await good('push', '--json'))).toMatchObject({ runs: 0, bytes: 0, known: 2 });
    // Another file in the folder of small ones: the large out and the others are there already.
    rig.pipeline(rig.read('pipeline.yaml').replace('touch d/empty', 'touch d/empty && echo new > d/new'));
    await rig.good();
    expect(json(await good('push', '--json'))['bytes']).toBeLessThan(2000);
    expect(remoteFiles('blobs/').length).toBe(before.length + 1);
    expect(json(await good('fetch', '--json'))).toMatchObject({ runs: 0, bytes: 0 });
  });

  it('sends nothing of a run that lacks something, unless that is there already', async () => {
    makePipeline();
    await rig.good();
    const gone = rig.files('cache/objects').find((path) => rig.read(path) === '3 of one\n')!;
    rig.remove(gone);
    const refused = await rig.run(['push', 'make']);
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(/the run \w+… of make: object \w+ is not in the cache/);
    expect(remoteFiles('blobs/')).toEqual([]);
    expect(remoteFiles('runs/')).toEqual([]);
    rmSync(rig.path('cache'), { recursive: true });
    rig.remove('.dagrun');
    await rig.good(['--force']);
    await good('push', 'make');
    // The next result differs in one file alone. What it shares with the last one need not be here any more.
    rig.pipeline(rig.read('pipeline.yaml').replace('touch d/empty', 'touch d/empty && echo new > d/new'));
    await rig.good();
    rig.remove(gone);
    expect(json(await good('push', 'make', '--json'))).toMatchObject({ runs: 1, skipped: [] });
    becomeFresh();
    await good('pull', 'make');
    expect(rig.read('d/3')).toBe('3 of one\n');
    expect(rig.read('d/new')).toBe('new\n');
  });

  it('does not even read a large object that it has pushed before, unless that has gone from there', async () => {
    makePipeline();
    await rig.good();
    await good('push');
    const big = rig.read('big');
    const [object] = rig.objectsWith(big);
    const change = async (name: string): Promise<void> => {
      rig.pipeline(rig.read('pipeline.yaml').replace('touch d/empty', `touch d/empty && echo ${name} > d/${name}`));
      await rig.good();
    };
    await change('new');
    // Whoever read it would find this.
    rig.damage(object!, big.replace('one', 'two'));
    expect(json(await good('push', '--json'))).toMatchObject({ runs: 2, skipped: [] });
    const [piece] = remoteFiles('blobs/').filter((key) => statSync(remotePath(key)).size === 16 << 20);
    rmSync(remotePath(piece!));
    await change('newer');
    expect(json(await good('push', '--json'))['bytes']).toBeGreaterThan(16 << 20);
    becomeFresh();
    await good('pull');
    expect(rig.read('big') === big).toBe(true);
  });

  it('packs small files', async () => {
    rig.pipeline({
      remotes: { origin: '../remote' },
      stages: { many: { cmd: 'mkdir d && for i in $(seq 300); do echo $i > d/$i; done', outs: ['d'] } },
    });
    await rig.good();
    await good('push');
    expect(remoteFiles('blobs/').length).toBe(1);
    rmSync(rig.path('cache'), { recursive: true });
    rig.remove('d');
    await good('pull');
    expect(rig.files('d').length).toBe(300);
  });

  it('leaves runs of a stage with push: false here', async () => {
    makePipeline({ stage: { push: false } });
    await rig.good();
    expect(json(await good('push', '--json'))).toMatchObject({ runs: 1 });
    expect((await good('status', '--remote')).stdout).toContain('make: here only');
  });

  it('fetch fills the cache alone, and status --remote tells places apart', async () => {
    makePipeline();
    await rig.good();
    expect((await good('status', '--remote')).stdout).toContain('make: here only');
    await good('push');
    expect((await good('status', '--remote')).stdout).toContain('2 stages here and on origin');
    becomeFresh();
    expect((await good('status', '--remote')).stdout).toContain('make: on origin only');
    await good('fetch');
    expect(rig.has('big')).toBe(false);
    expect((await rig.good()).restored).toEqual(['make', 'sum']);
  });

  it('says which remotes there are, and what is wrong with a name', async () => {
    makePipeline();
    const wrong = await rig.run(['push', '-r', 'orign']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('did you mean "origin"?');
    await good('remote', 'add', 'disk', '/somewhere', '--default');
    expect((await good('remote', 'list')).stdout).toContain('disk  /somewhere  (default)\n');
    expect(JSON.parse((await good('remote', 'list', '--json')).stdout)).toMatchObject({
      remotes: expect.arrayContaining([
        expect.objectContaining({ name: 'disk', default: true, from: 'pipeline' }),
      ]) as unknown,
    });
    expect((await rig.run(['remote', 'add', 'disk', '/other'])).code).toBe(2);
    expect((await good('remote', 'test', 'origin')).stdout).toContain('read and written to');
  });

  it.each([
    [['push'], 'name one (-r NAME), or set `default: true` for one'],
    [['gc', '--remote', '--workspace'], 'name one (-r NAME), or set `default: true` for one'],
    [['remote', 'test'], 'name one (`dagrun remote test NAME`), or'],
    [['status', '--remote', 'origin', 'make'], 'there is no stage or out "origin"\n  hint: `-r origin` names a remote'],
    [['status', '--remote', 'nowhere'], 'hint: `dagrun dag` lists the stages'],
    [['gc', '--workspace', '--remote', 'disk'], '"disk" is one argument too many\n  hint: `-r disk` names a remote'],
    [['gc', '--workspace', 'disk'], 'hint: `dagrun gc --help` lists the options'],
  ])('%j: says how a remote is named', async (args, message) => {
    makePipeline();
    await good('remote', 'add', 'disk', '/somewhere');
    const run = await rig.run(args);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(message);
  });

  it.each([
    ['an endpoint that is no URL', ['--endpoint', 'minio'], '--endpoint: expected a URL'],
    ['a region without a name', ['--region', ''], '--region: it is empty'],
    ['a key in place of its variable', ['--signing-key', 'the key itself'], 'not the name of an environment variable'],
    ['a user name in the endpoint', ['--endpoint', 'https://ann:pw@host'], '--endpoint: expected a URL without'],
  ])('adds no remote that every other command would refuse: %s', async (_what, options, message) => {
    makePipeline();
    const before = rig.read('pipeline.yaml');
    const run = await rig.run(['remote', 'add', 'other', 's3://bucket/prefix', ...options]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(message);
    expect(run.stderr).not.toContain('ann:pw');
    expect(rig.read('pipeline.yaml')).toBe(before);
  });
});

describe('repro --pull and --push', () => {
  it('fetches what is known instead of executing, and shares what was executed', async () => {
    makePipeline();
    const first = await rig.good(['--pull', '--push']);
    expect(first.executed).toEqual(['make', 'sum']);
    expect(first.events.find((event) => event.kind === 'transfer' && event['direction'] === 'pushed')).toMatchObject({
      runs: 2,
    });
    becomeFresh();
    rig.remove('pipeline.lock');
    const second = await rig.good(['--pull', '--push']);
    expect(second.restored).toEqual(['make', 'sum']);
    expect(second.executed).toEqual([]);
    rig.write({ seed: 'two' });
    expect((await rig.good(['--pull'])).executed).toEqual(['make', 'sum']);
  });

  it('fetches just what the targets need', async () => {
    makePipeline();
    await rig.good(['--push']);
    becomeFresh();
    await rig.good(['make', '--pull']);
    const events = (await rig.good(['--pull', 'make'])).events;
    expect(events.find((event) => event.kind === 'transfer')).toMatchObject({ runs: 0 });
    expect(rig.has('s')).toBe(false);
  });

  it('brings the history that a stage reads', async () => {
    rig.pipeline({
      remotes: { origin: '../remote' },
      stages: {
        train: { foreach: ['a', 'b'], do: { cmd: 'echo ${item} > ${item}.txt', outs: ['${item}.txt'] } },
        compare: { cmd: step('compare', 'cp "$DAGRUN_CONTEXT" all.json'), runs: ['train'], outs: ['all.json'] },
      },
    });
    await rig.good(['--push']);
    rmSync(rig.path('cache'), { recursive: true });
    for (const name of ['a.txt', 'b.txt', 'all.json', 'pipeline.lock', '.dagrun']) rig.remove(name);
    const run = await rig.good(['--pull']);
    expect(run.executed).toEqual([]);
  });

  it('does not start where the remote cannot be used', async () => {
    makePipeline({ remote: { url: 'http://127.0.0.1:1/nowhere' } });
    const run = await rig.repro(['--push']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('can only be read');
    expect(rig.executed()).toEqual([]);
  });
});

describe('damage and interruption', () => {
  /** Overwrites the middle of the largest blob. */
  function damageBlob(): string {
    const [largest] = remoteFiles('blobs/').sort(
      (a, b) => readFileSync(remotePath(b)).length - readFileSync(remotePath(a)).length,
    );
    const bytes = readFileSync(remotePath(largest!));
    bytes[bytes.length >> 1]! ^= 1;
    chmodSync(remotePath(largest!), 0o644);
    writeFileSync(remotePath(largest!), bytes);
    return largest!;
  }

  it('a damaged blob is never used, and heals by push --force', async () => {
    makePipeline();
    await rig.good(['--push']);
    damageBlob();
    const keep = readFileSync(rig.path('big'));
    becomeFresh();
    const run = await rig.run(['fetch']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('is damaged there');
    expect(run.stderr).toContain('push --force');
    const again = await rig.repro(['--pull']);
    expect(again.executed).toEqual(['make']);
    expect(readFileSync(rig.path('big')).equals(keep)).toBe(true);
    await good('push', '--force');
    becomeFresh();
    await good('pull');
  });

  it('an entry without its blobs, or a cut one, is a miss', async () => {
    makePipeline();
    await rig.good(['--push']);
    for (const key of remoteFiles('blobs/')) rmSync(remotePath(key));
    becomeFresh();
    const run = await rig.run(['fetch']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('not there any more');
    expect(rig.files('cache/runs')).toEqual([]);
    for (const key of remoteFiles('runs/'))
      writeFileSync(remotePath(key), readFileSync(remotePath(key)).subarray(0, 100));
    expect((await rig.run(['fetch'])).stderr).toContain('only a part of one');
    expect((await rig.repro(['--pull'])).executed).toEqual(['make', 'sum']);
  });

  it('damage in the cache goes no further', async () => {
    makePipeline();
    await rig.good();
    const [object] = rig.objectsWith('1 of one\n');
    rig.damage(object!, '9 of one\n');
    const run = await rig.run(['push']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('damaged or gone');
    expect(remoteFiles('runs/').length).toBeLessThan(2);
  });

  it('what an interrupted pull left is gone on from', async () => {
    makePipeline();
    await rig.good(['--push']);
    const lock = rig.readJson('pipeline.lock') as {
      stages: Record<string, { outs: { path: string; digest: string }[] }>;
    };
    const { digest } = lock.stages['make']!.outs.find((out) => out.path === 'big')!;
    const bytes = readFileSync(rig.path('big'));
    becomeFresh();
    // The first piece is whole, the second only begun.
    rig.write({ [`cache/tmp/part-${digest}`]: bytes.subarray(0, (16 << 20) + 1000) });
    const fetched = json(await good('fetch', '--json'));
    expect(fetched['bytes']).toBeLessThan(bytes.length - (16 << 20) + 10_000);
    await good('cache', 'verify');
  });
});

describe('signing', () => {
  const key = { KEY: 'a key that nobody guesses' };

  /** Replaces the results of both runs by others, as somebody who may write to the remote could. */
  async function poison(env: Record<string, string>): Promise<void> {
    becomeFresh();
    rig.remove('pipeline.lock');
    rmSync(remotePath(), { recursive: true, force: true });
    const evil = rig.read('pipeline.yaml');
    await rig.good([]);
    const digestBefore = createHash('sha256').update(rig.read('s')).digest('hex');
    rig.write({ s: 'evil' });
    await good('commit', 'sum');
    expect(createHash('sha256').update(rig.read('s')).digest('hex')).not.toBe(digestBefore);
    const run = await rig.run(['push', '--all'], { env });
    if (run.code !== 0) throw new Error(run.output);
    expect(rig.read('pipeline.yaml')).toBe(evil);
  }

  it('takes what was signed with the key', async () => {
    makePipeline({ remote: { signing_key: 'KEY' } });
    await rig.good(['--push'], { env: key });
    becomeFresh();
    expect((await rig.good(['--pull'], { env: key })).restored).toEqual(['make', 'sum']);
  });

  it.each([
    ['unsigned', {}, 'it is not signed'],
    ['forged', { signing_key: 'KEY' }, 'it was not signed with this key'],
  ])('a poisoned remote gives nothing: %s', async (_name, attacker, message) => {
    makePipeline({ remote: attacker });
    await poison({ KEY: 'another key' });
    becomeFresh();
    rig.remove('pipeline.lock');
    makePipeline({ remote: { signing_key: 'KEY' } });
    const run = await rig.good(['--pull'], { env: key });
    expect(run.executed).toEqual(['make', 'sum']);
    expect(rig.read('s')).not.toContain('evil');
    expect(JSON.stringify(run.events)).toContain(message);
  });

  it('a signed entry does not cover other contents', async () => {
    makePipeline({ remote: { signing_key: 'KEY' } });
    await rig.good(['--push'], { env: key });
    for (const path of remoteFiles('runs/')) {
      const text = readFileSync(remotePath(path), 'utf8');
      const [head, ...rest] = text.split('\n');
      const envelope = JSON.parse(head!) as { inline: string; contents: string };
      envelope.inline = envelope.inline.replace(/ [0-9a-f]{64} /, ` ${'0'.repeat(64)} `);
      envelope.contents = createHash('sha256').update(envelope.inline).digest('hex');
      writeFileSync(remotePath(path), [JSON.stringify(envelope), ...rest].join('\n'));
    }
    becomeFresh();
    const run = await rig.repro(['--pull'], { env: key });
    expect(run.executed).toEqual(['make', 'sum']);
    expect(run.stdout).toContain('it was not signed with this key');
  });

  it('needs the key', async () => {
    makePipeline({ remote: { signing_key: 'KEY' } });
    const run = await rig.run(['push']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('KEY, which is not set');
  });
});

describe('gc --remote', () => {
  it('removes what no scope keeps, and nothing that is kept', async () => {
    makePipeline();
    await rig.good(['--push']);
    rig.write({ seed: 'two' });
    await rig.good(['--push']);
    const blobs = remoteFiles('blobs/').length;
    // Everything is young yet.
    expect(json(await good('gc', '--remote', '--workspace', '--json'))).toMatchObject({ runs: 0, files: 0 });
    expect(json(await good('gc', '--remote', '--workspace', '--grace', '0s', '--dry', '--json'))).toMatchObject({
      runs: 2,
    });
    expect(remoteFiles('blobs/').length).toBe(blobs);
    expect(json(await good('gc', '--remote', '--workspace', '--grace', '0s', '--json'))).toMatchObject({ runs: 2 });
    expect(remoteFiles('runs/').length).toBe(2);
    expect(remoteFiles('blobs/').length).toBeLessThan(blobs);
    expect(remoteFiles('active/')).toEqual([]);
    becomeFresh();
    await good('pull');
    expect((await rig.good()).skipped).toEqual(['make', 'sum']);
  });

  it('gives way to a push that is under way, and a push to a gc', async () => {
    makePipeline();
    await rig.good(['--push']);
    rig.write({ '../remote/active/push-somebody': '{"host":"box","pid":77}\n' });
    const collected = await rig.run(['gc', '--remote', '--workspace']);
    expect(collected.code).toBe(3);
    expect(collected.stderr).toContain('a push is under way (process 77 on box)');
    rmSync(remotePath('active'), { recursive: true });
    rig.write({ '../remote/active/gc-somebody': '{"host":"box","pid":78}\n', seed: 'two' });
    await rig.good();
    const pushed = await rig.run(['push']);
    expect(pushed.code).toBe(3);
    expect(pushed.stderr).toContain('a gc is at work (process 78 on box)');
  });

  /** A pipeline whose out takes a while to move. */
  async function makeLarge(): Promise<void> {
    rig.pipeline({
      remotes: { origin: '../remote' },
      stages: { make: { cmd: 'head -c 100000000 /dev/urandom > big', outs: ['big'] } },
    });
    await rig.good();
  }

  /** Kills the command once a part of at least 1 MB of a file is in the folder. */
  async function killIn(folder: string, ...args: string[]): Promise<void> {
    const run = rig.start(args);
    const isLarge = (name: string): boolean =>
      (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0) > 1_000_000;
    await run.waitFor(() => existsSync(folder) && readdirSync(folder).some(isLarge));
    run.signal('SIGKILL');
    expect((await run.end()).signal).toBe('SIGKILL');
  }

  function makeOld(...prefixes: string[]): void {
    for (const key of prefixes.flatMap((prefix) => remoteFiles(prefix))) utimesSync(remotePath(key), 1, 1);
  }

  it('removes what a killed push was writing once nobody can be at it any more', async () => {
    await makeLarge();
    await killIn(remotePath('tmp'), 'push');
    const left = remoteFiles('tmp/').length;
    expect(left).toBeGreaterThan(0);
    makeOld('active/');
    const gc = (...more: string[]): Promise<Finished> =>
      good('gc', '--remote', '--workspace', '--grace', '0s', ...more);
    // Somebody might be writing it yet.
    expect(json(await gc('--json'))).toMatchObject({ leftovers: 0 });
    expect(remoteFiles('tmp/').length).toBe(left);
    makeOld('tmp/');
    const dry = await gc('--dry');
    expect(dry.stdout).toContain(`and ${left} part${left === 1 ? '' : 's'} of interrupted pushes`);
    expect(remoteFiles('tmp/').length).toBe(left);
    expect(json(await gc('--json'))).toMatchObject({ leftovers: left });
    expect(remoteFiles('tmp/')).toEqual([]);
  });

  asRoot('goes on where something in tmp/ is of another user, and says what could not be removed', async () => {
    makePipeline();
    await rig.good();
    await good('push');
    const left = ['tmp/1-1-1.part', 'tmp/2-2-2.part', 'tmp/3-3-3.part'];
    rig.write(Object.fromEntries([...left, 'tmp/theirs/file'].map((key) => [`../remote/${key}`, 'left'])));
    makeOld('tmp/');
    const nobody = 65_534;
    execFileSync('chown', ['-R', String(nobody), join(rig.root, '..')]);
    // As in /tmp: everybody may write there, and remove what is their own.
    for (const key of ['tmp', 'tmp/theirs', left[1]!]) chownSync(remotePath(key), 0, 0);
    chmodSync(remotePath('tmp'), 0o1777);
    chmodSync(remotePath('tmp/theirs'), 0o700);
    // Another user may not look into the home of this one.
    const env = { DAGRUN_CONFIG: rig.path('none.yaml') };
    const run = await rig.run(['gc', '--remote', '--workspace', '--json'], { uid: nobody, env });
    expect(run.code).toBe(0);
    expect(json(run)).toMatchObject({ leftovers: 2 });
    expect(run.stderr).toMatch(
      /^warning: .*remote "origin".*: "tmp\/2-2-2.part": permission denied\n {2}hint: check who/,
    );
    expect(remoteFiles('tmp/')).toEqual([left[1], 'tmp/theirs/file']);
  });

  it('is not needed for that where somebody pushes again', async () => {
    await makeLarge();
    await killIn(remotePath('tmp'), 'push');
    const others = ['tmp/notes', 'tmp/of-another-push.part', 'tmp/work/1-2-3.part'];
    const begun = others[1]!;
    rig.write(Object.fromEntries(others.map((key) => [`../remote/${key}`, 'of others'])));
    makeOld('tmp/');
    utimesSync(remotePath(begun), new Date(), new Date());
    await good('push');
    expect(remoteFiles('tmp/')).toEqual(others);
    rig.remove('big');
    rmSync(rig.path('cache'), { recursive: true });
    await good('pull');
  });

  it('is not what removes the parts that a killed fetch left: gc of the cache does', async () => {
    await makeLarge();
    await good('push');
    rmSync(rig.path('cache'), { recursive: true });
    await killIn(rig.path('cache/tmp'), 'fetch');
    expect(rig.files('cache/tmp').filter((name) => name.includes('part-'))).toHaveLength(1);
    expect(rig.files('cache/runs')).toEqual([]);
    await good('gc', '--workspace');
    expect(rig.files('cache/tmp')).toEqual([]);
  });
});
