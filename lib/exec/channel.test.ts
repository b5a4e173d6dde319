// The channels on their own, with commands that are not started by execa: above all the one for systems without named pipes.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Channels } from './channel.ts';
import type { Channel } from './channel.ts';
import { hasProc } from './processes.ts';
import { Scratch } from './scratch.ts';

let scratch: Scratch;
beforeAll(() => {
  scratch = new Scratch();
});
afterAll(() => scratch.close());

async function collect(channel: Channel, command: string, late?: Promise<unknown>): Promise<string> {
  const { stdio } = channel;
  const child = spawn('/bin/sh', ['-c', channel.prefix + command], { stdio: ['ignore', stdio, stdio] });
  channel.attach(child);
  const exit = once(child, 'exit');
  let text = '';
  if (late !== undefined) await Promise.all([late, exit]);
  await channel.receive((bytes) => (text += bytes.toString()));
  await exit;
  return text;
}

const kinds = [
  ['sockets', null],
  ['sockets, since the program for named pipes is missing,', 'no-such-program'],
  ...(hasProc ? ([['named pipes', 'mkfifo']] as const) : []),
] as const;

describe.each(kinds)('over %s', (_, fifoProgram) => {
  it('both outputs come in order', async () => {
    const channel = await new Channels(scratch, { fifoProgram }).open();
    expect(await collect(channel, 'echo a; echo b >&2; echo c; echo d >&2')).toBe('a\nb\nc\nd\n');
    expect(channel.ended).toBe(true);
    channel.close();
  });

  it('nothing is lost that was written before it was asked for', async () => {
    const channel = await new Channels(scratch, { fifoProgram }).open();
    const tick = new Promise((resolve) => setTimeout(resolve, 20));
    expect(await collect(channel, 'echo early; echo early too >&2', tick)).toBe('early\nearly too\n');
    channel.close();
  });

  it('a channel that is given up has not ended, and does not keep its reader waiting', async () => {
    const channel = await new Channels(scratch, { fifoProgram }).open();
    const { stdio } = channel;
    const child = spawn('/bin/sh', ['-c', 'exec sleep 60'], { stdio: ['ignore', stdio, stdio] });
    channel.attach(child);
    const received = channel.receive(() => undefined);
    channel.close();
    await received;
    expect(channel.ended).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  it('many can be open at a time', async () => {
    const channels = new Channels(scratch, { fifoProgram });
    const opened = await Promise.all(Array.from({ length: 10 }, () => channels.open()));
    const texts = await Promise.all(opened.map((channel, i) => collect(channel, `echo ${i}`)));
    expect(texts).toEqual(Array.from({ length: 10 }, (_, i) => `${i}\n`));
    for (const channel of opened) channel.close();
  });
});

if (hasProc)
  describe('a named pipe', () => {
    it('is used again, unless somebody may still write into it', async () => {
      const own = new Scratch();
      const channels = new Channels(own, { fifoProgram: 'mkfifo' });
      for (let i = 0; i < 20; i++) {
        const channel = await channels.open();
        expect(await collect(channel, `echo ${i}`)).toBe(`${i}\n`);
        channel.close();
      }
      const made = readdirSync(own.folder);
      expect(made.length).toBeLessThan(10);
      const held = await channels.open();
      const child = spawn('/bin/sh', ['-c', 'exec sleep 60'], { stdio: ['ignore', held.stdio, held.stdio] });
      held.attach(child);
      held.close();
      expect(readdirSync(own.folder)).toHaveLength(made.length - 1);
      child.kill('SIGKILL');
      await once(child, 'exit');
      own.close();
    });
  });
