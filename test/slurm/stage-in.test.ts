// Stages on nodes that see nothing of the workspace: it lies in a folder in whose place the nodes see an empty one (a mount namespace, which
// only root can make). Not run, and told so, elsewhere.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadDigest } from '../../lib/core/digest.ts';
import { findMarked } from '../../lib/exec/processes.ts';
import { outputOnNode } from '../../lib/exec/slurm/request.ts';
import { parcelName } from '../../lib/run/parcel.ts';
import { available, itWith, packageEnvironment, s3Keys, startS3 } from '../remote/servers.ts';
import type { Running } from '../remote/servers.ts';
import { Rig, cliPath, readRepro } from '../rig.ts';
import type { LongRun, Repro } from '../rig.ts';
import { Cluster, commandLines, missingProgram, until } from './cluster.ts';

const missing = missingProgram() ?? (canHide() ? undefined : 'the right to hide a folder from the nodes (root)');
if (missing !== undefined) console.warn(`not run: the tests of --stage-in remote, since ${missing} is missing`);
const onSlurm = missing === undefined ? describe : describe.skip;

function canHide(): boolean {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

await loadDigest();

onSlurm('stages on nodes that share no file system', () => {
  const shared = realpathSync(mkdtempSync(join(tmpdir(), 'dagrun-shared-')));
  const hidden = realpathSync(mkdtempSync(join(tmpdir(), 'dagrun-hidden-')));
  const cluster = new Cluster({ hidden });
  let remote: string;
  let rig: Rig;

  beforeAll(() => cluster.start());
  afterAll(async () => {
    await cluster.stop();
    for (const folder of [shared, hidden]) rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    rig = new Rig();
    await rig.open(hidden);
    await cluster.ready();
    remote = mkdtempSync(join(shared, 'remote-'));
  });
  afterEach(() => rig.close());

  const pipeline = (stages: object, url: object | string = remote): void =>
    rig.pipeline({ remotes: { origin: url }, stages });
  const begin = (...args: string[]): LongRun =>
    rig.start(['repro', '--json', '--verbose', '--executor', 'slurm', '--stage-in', 'remote', ...args], {
      env: cluster.env,
    });
  const repro = async (...args: string[]): Promise<Repro> => readRepro(await begin(...args).end());
  const failureOf = (run: Repro): string => String(run.events.find(({ kind }) => kind === 'stage-failed')?.['message']);
  const filesIn = (folder: string): string[] =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => name)
      : [];

  it('what a stage declares comes with it, what it makes goes back, and nothing else can be seen', async () => {
    pipeline({
      make: {
        wdir: 'sub',
        cmd: [
          `ls ${rig.root} > seen 2>&1; cat in folder/b folder/deep/* > made; echo "hello from $SLURMD_NODENAME"`,
          '"$RIG_NODE" -e \'const c = JSON.parse(require("fs").readFileSync(process.env.DAGRUN_CONTEXT)); console.log(c.root === process.env.DAGRUN_ROOT && c.params["params.yaml"].rate)\' > rate',
        ],
        deps: ['in', 'folder'],
        params: [{ '../params.yaml': ['rate'] }],
        outs: ['made', 'seen', 'rate'],
      },
      use: {
        cmd: 'mkdir out && tr a-z A-Z < sub/made > out/upper && ln -s upper out/link',
        deps: ['sub/made'],
        outs: ['out'],
      },
    });
    rig.write({
      'sub/in': 'a',
      'sub/folder/b': 'b',
      'sub/folder/deep/c': 'c',
      'sub/not-declared': 'secret',
      'params.yaml': 'rate: 0.5\n',
    });
    const run = await repro();
    expect(run.output).toContain('"executed":2');
    expect(rig.read('sub/made')).toBe('abc');
    expect(rig.read('out/link')).toBe('ABC');
    expect(rig.read('sub/rate')).toBe('0.5\n');
    expect(rig.read('sub/seen')).toContain('No such file or directory');
    expect(run.events.find(({ kind }) => kind === 'stage-output')?.['line']).toMatch(/^hello from n[12]$/);
    expect(rig.files('.dagrun/slurm')).toEqual([]);
    // Nothing was shared: what was on the way is gone.
    expect([...filesIn(`${remote}/runs`), ...filesIn(`${remote}/history`), ...filesIn(`${remote}/active`)]).toEqual([]);
    const again = readRepro(await rig.start(['repro', '--json', '--verbose'], { env: cluster.env }).end());
    expect(again.skipped).toEqual(['make', 'use']);
  });

  it('ends are told apart', async () => {
    pipeline({
      fails: { cmd: 'echo the reason; exit 3' },
      killed: { cmd: 'kill -SEGV $$' },
      late: { cmd: 'sleep 60', timeout: 2 },
      careless: { cmd: 'true', outs: ['never-made'] },
      elsewhere: { cmd: 'cat not-declared' },
      fine: { cmd: 'echo fine > fine', outs: ['fine'] },
      history: { cmd: 'true', runs: ['fine'], outs: ['h'] },
    });
    rig.write({ 'not-declared': '' });
    const run = await repro('--keep-going');
    const failures = new Map(
      run.events.filter(({ kind }) => kind === 'stage-failed').map((event) => [event.stage, event] as const),
    );
    const said = (stage: string): string => String(failures.get(stage)?.['message']);
    expect(
      Object.fromEntries(['fails', 'killed', 'late', 'careless', 'elsewhere'].map((name) => [name, said(name)])),
    ).toEqual({
      fails: 'exit code 3',
      killed: 'killed by SIGSEGV (segmentation fault)',
      late: 'timed out after 2s',
      careless: 'the command ended well but did not write its out "never-made"',
      elsewhere: 'exit code 1',
    });
    expect(said('history')).toContain('let it run here with `executor: local`');
    expect(failures.get('fails')?.['tail']).toContain('the reason');
  });

  it('the memory of a stage is its own: what dagrun takes on the node is asked for besides', async () => {
    // Nearly all of it: node has 40 MiB or so before it does anything. Slurm looks once a second.
    const hold =
      '"$RIG_NODE" -e \'const held = Buffer.alloc(15 << 20, 1); setTimeout(() => console.log(held.length), 3000)\'';
    pipeline({ one: { cmd: `${hold} > held`, outs: ['held'], resources: { memory: '64M' } } });
    const run = begin();
    await until('the job', () => cluster.live().length === 1);
    expect(cluster.ask('squeue', '-h', '-o', '%m')).toBe('288M');
    expect(readRepro(await run.end()).executed).toEqual(['one']);
  });

  it('a remote that the node cannot see: the stage fails, and says what is missing', async () => {
    const unseen = mkdtempSync(join(hidden, 'remote-'));
    pipeline({ one: { cmd: 'echo made > made', outs: ['made'] } }, unseen);
    const run = await repro();
    expect(failureOf(run)).toMatch(/^could not be started: Slurm job \d+ ended \(FAILED.*\) without a word: /);
    expect(failureOf(run)).toContain('the inputs cannot be had');
    expect(rig.has('made')).toBe(false);
    // It has said all there, so nothing is left for people to look into.
    const [, job] = /Slurm job (\d+)/.exec(failureOf(run))!;
    await until('the output to go', () => !existsSync(outputOnNode(job!)));
  });

  it('an object that is gone from the remote by then: the stage fails, and says so', async () => {
    pipeline({ one: { cmd: 'cp in made', deps: ['in'], outs: ['made'], slurm: { extra: ['--begin=now+2'] } } });
    rig.write({ in: 'input' });
    const run = begin();
    await until('the job', () => cluster.live().length === 1);
    rmSync(join(remote, 'blobs'), { recursive: true });
    expect(failureOf(readRepro(await run.end()))).toMatch(/the inputs cannot be had: .*on remote "origin"/);
  });

  it('a job that is killed while it sends its result has made nothing', async () => {
    const killer = `until [ $(ls ${remote}/active | wc -l) -gt 1 ]; do :; done; scancel -s KILL --full $1`;
    pipeline({
      one: {
        cmd: `head -c 300000000 /dev/zero > big; env -i PATH="$PATH" SLURM_CONF="$SLURM_CONF" setsid sh -c '${killer}' - "$SLURM_JOB_ID" >/dev/null 2>&1 &`,
        outs: ['big'],
      },
    });
    const run = await repro();
    expect(run.code).toBe(1);
    expect(failureOf(run)).toMatch(/without a word|cancelled from outside/);
    expect(rig.has('big')).toBe(false);
    expect(filesIn(`${remote}/runs`)).toEqual([]);
    expect(rig.files('cache/runs')).toEqual([]);
  });

  it('a job that dies while it sends its result keeps nobody from collecting garbage', async () => {
    const killer = [
      `until [ $(ls ${remote}/active | wc -l) -gt 1 ]; do :; done`,
      `for p in /proc/[0-9]*; do tr '\\0' '\\n' 2>/dev/null <$p/environ | grep -qx "SLURM_JOB_ID=$1" && grep -qs stage-job $p/cmdline && kill -KILL $(basename $p); done`,
    ].join('; ');
    writeFileSync(join(shared, 'killer'), killer);
    pipeline({
      one: {
        cmd: `head -c 300000000 /dev/urandom > big; env -i PATH="$PATH" setsid sh ${join(shared, 'killer')} "$SLURM_JOB_ID" >/dev/null 2>&1 &`,
        outs: ['big'],
      },
    });
    // What a killed job leaves on its node goes with the folder of this test.
    const env = { ...cluster.env, TMPDIR: shared };
    const run = readRepro(
      await rig.start(['repro', '--json', '--executor', 'slurm', '--stage-in', 'remote'], { env }).end(),
    );
    expect(run.code).toBe(1);
    expect(failureOf(run)).toContain('without a word');
    // It was registered as somebody who pushes, and is known to be dead.
    expect(filesIn(`${remote}/active`)).toEqual([]);
  });

  it('what a killed job leaves on its node goes with the next one there, and what a living one has stays', async () => {
    const place = mkdtempSync(join(shared, 'node-'));
    const [go, done] = ['go', 'done'].map((name) => join(place, name)) as [string, string];
    const told = (name: string): string => join(place, name);
    const tell = (name: string): string =>
      `echo "$SLURM_JOB_ID $(pwd)" > ${told(name)}.new; mv ${told(name)}.new ${told(name)}`;
    pipeline({
      living: {
        cmd: `${tell('living')}; until [ -e ${go} ]; do sleep 0.1; done; cp in made`,
        deps: ['in'],
        outs: ['made'],
      },
      killed: { cmd: `${tell('killed')}; sleep 300` },
      next: { cmd: `: > ${done}`, slurm: { extra: ['--begin=now+3600'] } },
    });
    rig.write({ in: 'input' });
    const args = ['repro', '--json', '--executor', 'slurm', '--stage-in', 'remote', '--keep-going'];
    const run = rig.start(args, { env: { ...cluster.env, TMPDIR: place } });
    await until('the commands', () => existsSync(told('living')) && existsSync(told('killed')));
    const [living, killed] = ['living', 'killed'].map((name) => {
      const [id, folder] = readFileSync(told(name), 'utf8').trim().split(' ') as [string, string];
      return { id, folder: dirname(folder) };
    }) as [{ id: string; folder: string }, { id: string; folder: string }];
    expect(readdirSync(place).filter((name) => /^dagrun-(?!job-)/.test(name))).toEqual([]);
    // scancel would ask politely first.
    for (const pid of findMarked(`SLURM_JOB_ID=${killed.id}\0`)) process.kill(pid, 'SIGKILL');
    await until('its end', () => !cluster.live().some((job) => job.startsWith(`${killed.id} `)));
    expect(existsSync(killed.folder)).toBe(true);
    const waiting = cluster.ask('squeue', '-h', '--states=PENDING', '-o', '%A');
    cluster.ask('scontrol', 'update', `JobId=${waiting}`, 'StartTime=now');
    await until('the next job', () => existsSync(done));
    await until('the folder of the dead one to go', () => !existsSync(killed.folder));
    expect(existsSync(living.folder)).toBe(true);
    writeFileSync(go, '');
    expect([...readRepro(await run.end()).executed].sort()).toEqual(['living', 'next']);
    expect(readdirSync(place).filter((name) => name.startsWith('dagrun-job-'))).toEqual([]);
  });

  it('Ctrl-C cancels the job, and leaves nothing on the way', async () => {
    const begun = join(shared, 'begun');
    pipeline({ one: { cmd: `: > ${begun}; sleep 300`, outs: ['made'] } });
    const run = begin();
    await until('the command', () => existsSync(begun));
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    await until('no job', () => cluster.live().length === 0);
    expect([...filesIn(`${remote}/runs`), ...filesIn(`${remote}/history`), ...filesIn(`${remote}/active`)]).toEqual([]);
    expect(rig.files('.dagrun/slurm')).toEqual([]);
  });

  it.each([
    ['is about to send', () => filesIn(`${remote}/active`).length > 0],
    ['sends inputs', () => filesIn(`${remote}/blobs`).length > 0],
  ])('Ctrl-C while the runner %s: nobody is kept waiting', async (_when, isThere) => {
    pipeline({ one: { cmd: 'sleep 300', deps: ['big'], outs: ['made'] } });
    rig.write({ big: randomBytes(200_000_000) });
    const run = begin();
    await run.waitFor(isThere);
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    await until('no job', () => cluster.live().length === 0);
    expect(filesIn(`${remote}/active`)).toEqual([]);
  });

  it('Ctrl-C while the job sends what it has made: nobody is kept waiting', async () => {
    pipeline({ one: { cmd: 'head -c 500000000 /dev/urandom > big', outs: ['big'] } });
    const run = begin();
    // That of the runner, and that of the node.
    await run.waitFor(() => filesIn(`${remote}/active`).length > 1);
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    await until('no job', () => cluster.live().length === 0);
    await until('no registration', () => filesIn(`${remote}/active`).length === 0);
  });

  it('dagrun is started on the node as the settings say', async () => {
    const cli = [process.execPath, cliPath].join(' ');
    writeFileSync(join(shared, 'config.yaml'), `slurm: {dagrun: "env MARK=settings ${cli}"}\n`);
    pipeline({ one: { cmd: 'echo "$MARK" > mark', outs: ['mark'] } });
    const env = { ...cluster.env, DAGRUN_CONFIG: join(shared, 'config.yaml') };
    const args = ['repro', '--json', '--executor', 'slurm', '--stage-in', 'remote'];
    expect(readRepro(await rig.start(args, { env }).end()).executed).toEqual(['one']);
    expect(rig.read('mark')).toBe('settings\n');
  });

  it('a runner that was killed finds its jobs again, and what they have left', async () => {
    const count = join(shared, 'count');
    pipeline({ one: { cmd: `echo started >> ${count}; sleep 2; cp in made`, deps: ['in'], outs: ['made'] } });
    rig.write({ in: 'input' });
    const first = begin();
    await until('the command', () => existsSync(count));
    first.signal('SIGKILL');
    await first.end();
    const second = await repro();
    expect(second.output).toContain('goes on with Slurm job');
    expect(second.executed).toEqual(['one']);
    expect(rig.read('made')).toBe('input');
    expect(readFileSync(count, 'utf8')).toBe('started\n');
  });

  describe('signed parcels', () => {
    const signing = 'a key that nobody guesses, 7f3a';
    const signed = (url: object | string): object =>
      typeof url === 'string' ? { url, signing_key: 'KEY' } : { ...url, signing_key: 'KEY' };
    const start = (env: Readonly<Record<string, string>> = {}): LongRun =>
      rig.start(['repro', '--json', '--verbose', '--executor', 'slurm', '--stage-in', 'remote'], {
        env: { ...cluster.env, KEY: signing, ...env },
      });
    const waiting = { cmd: 'cp in made', deps: ['in'], outs: ['made'], slurm: { extra: ['--begin=now+3600'] } };

    /** Changes what lies on the remote under the parcel's name, as whoever may write there could. */
    function tamper(name: string, change: (head: Record<string, unknown>, entry: string) => string): void {
      const folder = join(remote, 'runs', name.slice(0, 2), name);
      for (const file of readdirSync(folder)) {
        const text = readFileSync(join(folder, file), 'utf8');
        const end = text.indexOf('\n');
        const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
        writeFileSync(join(folder, file), change(head, text.slice(end + 1)));
      }
    }
    const unsigned = (head: object, entry: string): string =>
      `${JSON.stringify({ ...head, signature: null })}\n${entry}`;
    const forged = (head: object, entry: string): string =>
      `${JSON.stringify(head)}\n${entry.replace('cp in made', 'id >  made')}`;

    async function tokenOfJob(): Promise<string> {
      await until('the job', () => cluster.live().length === 1);
      return cluster.ask('squeue', '-h', '-o', '%k').split(' ')[1]!;
    }

    it.each([
      ['unsigned', unsigned, 'it is not signed'],
      ['forged', forged, 'it was not signed with this key'],
    ])('%s inputs are refused by the node: nothing of them is executed', async (_what, change, message) => {
      pipeline({ one: waiting }, signed(remote));
      rig.write({ in: 'input' });
      const run = start();
      tamper(parcelName('to', await tokenOfJob()), change);
      cluster.ask('scontrol', 'update', `JobId=${cluster.ask('squeue', '-h', '-o', '%A')}`, 'StartTime=now');
      const done = readRepro(await run.end());
      expect(done.code).toBe(1);
      expect(failureOf(done)).toContain('the inputs cannot be had: ');
      expect(failureOf(done)).toContain(message);
      expect(rig.has('made')).toBe(false);
    });

    it.each([
      ['unsigned', unsigned, 'it is not signed'],
      ['forged', (head: object, entry: string) => forged(head, `${entry} `), 'it was not signed with this key'],
    ])('%s results are refused by the runner', async (_what, change, message) => {
      pipeline({ one: { ...waiting, slurm: {} } }, signed(remote));
      rig.write({ in: 'input' });
      const run = start();
      const name = parcelName('from', await tokenOfJob());
      const folder = join(remote, 'runs', name.slice(0, 2), name);
      await run.waitFor(() => existsSync(folder) && readdirSync(folder).length > 0);
      tamper(name, change);
      const done = readRepro(await run.end());
      expect(done.code).toBe(1);
      expect(failureOf(done)).toMatch(/its result cannot be used: .* on remote "origin"/);
      expect(failureOf(done)).toContain(message);
      expect(rig.has('made')).toBe(false);
      expect(rig.files('cache/runs')).toEqual([]);
    });

    it('results are refused with the same words where Slurm has forgotten the job', async () => {
      const [begun, go] = ['forgotten-begun', 'forgotten-go'].map((name) => join(shared, name)) as [string, string];
      const cmd = `: > ${begun}; until [ -e ${go} ]; do sleep 0.1; done; cp in made`;
      pipeline({ one: { ...waiting, cmd, slurm: {} } }, signed(remote));
      rig.write({ in: 'input' });
      const run = start();
      const name = parcelName('from', await tokenOfJob());
      const folder = join(remote, 'runs', name.slice(0, 2), name);
      await until('the command', () => existsSync(begun));
      await cluster.forget(() => {
        writeFileSync(go, '');
        return until('the result', () => existsSync(folder) && readdirSync(folder).length > 0);
      });
      tamper(name, unsigned);
      cluster.startController();
      const done = readRepro(await run.end());
      expect(done.code).toBe(1);
      expect(failureOf(done)).toMatch(
        /the controller no longer knows Slurm job \d+, and its result cannot be used: .*it is not signed/,
      );
      expect(rig.has('made')).toBe(false);
    });

    it('without the key nothing is sent', async () => {
      pipeline({ one: waiting }, signed(remote));
      rig.write({ in: 'input' });
      const done = await start({ KEY: '' }).end();
      expect(done.code).toBe(2);
      expect(done.stderr).toContain('KEY, which is not set');
      expect(filesIn(remote)).toEqual([]);
    });

    describe('by S3', () => {
      let s3: Running | undefined;
      beforeAll(async () => {
        if (available.s3) s3 = await startS3(join(shared, 's3'));
      });
      afterAll(() => s3?.stop());

      /** Files below these folders that hold the text. */
      function holders(text: string, ...folders: string[]): string[] {
        return folders.flatMap((folder) =>
          readdirSync(folder, { recursive: true, withFileTypes: true })
            .filter((item) => item.isFile())
            .map((item) => join(item.parentPath, item.name))
            .filter((path) => readFileSync(path).includes(text)),
        );
      }

      itWith('s3')('secrets reach the job, and nobody else', async () => {
        const url = 's3://team/stage-in';
        const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = s3Keys;
        // Not in the environment of the runner, of which jobs get a copy.
        const own = {
          slurm: { heartbeat: 3 },
          remotes: { origin: { url, access_key_id: id, secret_access_key: secret } },
        };
        const config = join(shared, 'secrets.yaml');
        writeFileSync(config, JSON.stringify(own), { mode: 0o600 });
        const [begun, go, seen] = ['begun', 'go', 'seen'].map((name) => join(shared, `s3-${name}`));
        pipeline(
          {
            one: {
              cmd: `env > ${seen}; : > ${begun}; until [ -e ${go} ]; do sleep 0.1; done; cp in made`,
              deps: ['in'],
              outs: ['made'],
            },
          },
          signed({ url, endpoint: `http://127.0.0.1:${s3!.port}` }),
        );
        rig.write({ in: 'input' });
        const run = start({ ...packageEnvironment, DAGRUN_CONFIG: config });
        await until('the command', () => existsSync(begun!));
        const job = cluster.ask('squeue', '-h', '-o', '%A');
        const shown = [
          cluster.ask('scontrol', '-dd', 'show', 'job', job),
          cluster.ask('squeue', '-h', '-O', 'All:2000'),
          cluster.ask('scontrol', 'write', 'batch_script', job, '-'),
          ...commandLines(),
        ].join('\n');
        expect(shown).toContain('stage-job');
        const folders = [cluster.folder, join(rig.root, '.dagrun'), join(rig.root, 'cache')];
        const isOpen = (path: string): boolean => (statSync(path).mode & 0o077) !== 0;
        const holding = [`"${secret}"`, signing].flatMap((text) => holders(text, ...folders));
        const exposed = holding.filter(isOpen);
        writeFileSync(go!, '');
        const done = readRepro(await run.end());
        expect(done.executed).toEqual(['one']);
        expect(rig.read('made')).toBe('input');
        for (const text of [`"${secret}"`, `=${secret}`, signing]) expect(shown).not.toContain(text);
        // Slurm itself keeps the environment of a job until it is over.
        expect(holding.length).toBeGreaterThan(0);

        expect(exposed).toEqual([]);
        expect([secret, signing].flatMap((text) => holders(text, rig.root))).toEqual([]);
        for (const text of [`"${secret}"`, signing]) expect(done.output).not.toContain(text);
        // The command has what its runner has, and no more.
        expect(readFileSync(seen!, 'utf8')).not.toMatch(/DAGRUN_STAGE_ACCESS|testing/);
      });
    });
  });
});
