// What comes from a remote or a command line is believed only in the form that it was written in.

import { describe, expect, it } from '@jest/globals';
import { digestText, loadDigest } from '../core/digest.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import { decodeRunEntry, encodeRunEntry } from '../store/entry.ts';
import { decodeOrder, decodeResult, decodeTicket, encodeTicket, makeParcel, parcelName } from './parcel.ts';

await loadDigest();

const order = {
  stage: 'train',
  cmd: ['true'],
  wdir: '',
  context: '{"root":"/ws"}',
  resources: { cpu: 1 },
  timeout: null,
  outs: ['model'],
};

describe('parcels', () => {
  it('are run entries of a form that the cache knows', () => {
    const parcel = makeParcel(parcelName('to', 'ab.0'), 'train' as StageName, [], order);
    const read = decodeRunEntry(encodeRunEntry(parcel), parcel.fingerprint, parcel.result);
    expect(read.ok && decodeOrder(read.value.metrics)).toEqual(order);
  });

  it('have a name for each job and direction', () => {
    const names = [parcelName('to', 'ab.0'), parcelName('from', 'ab.0'), parcelName('to', 'ab.1')];
    expect(new Set(names).size).toBe(3);
  });

  it('tickets survive a command line', () => {
    const remote = { name: 'origin', url: "/mnt/it's here", options: { jobs: '2' } };
    const ticket = { token: 'ab.0', result: digestText('r'), remote };
    expect(encodeTicket(ticket)).toMatch(/^[\w-]+$/);
    expect(decodeTicket(encodeTicket(ticket))).toEqual(ticket);
    expect(decodeTicket('nonsense')).toBeUndefined();
  });

  it.each([
    ['a path that leads out', { outs: ['../model'] }],
    ['a working folder that leads out', { wdir: '/etc' }],
    ['a command that is no text', { cmd: [1] }],
    ['a context that is none', { context: 'x' }],
    ['a time limit in words', { timeout: 'long' }],
  ])('an order with %s is none', (_, change) => {
    expect(decodeOrder({ ...order, ...change })).toBeUndefined();
  });

  const result = { seconds: 1.5, peakMemory: 1024, host: 'n1' };
  it.each<[object, boolean]>([
    [{ kind: 'exited', code: 3, command: 'c' }, true],
    [{ kind: 'signalled', signal: 'SIGSEGV', command: 'c' }, true],
    [{ kind: 'timed-out', seconds: 2, command: 'c' }, true],
    [{ kind: 'not-started', message: 'm', command: 'c' }, true],
    [{ kind: 'exited', code: '0', command: 'c' }, false],
    [{ kind: 'exited', code: 0 }, false],
    [{ kind: 'interrupted' }, false],
    [{ kind: 'other', command: 'c' }, false],
  ])('the end %j', (end, isGood) => {
    expect(decodeResult({ ...result, end })).toEqual(isGood ? { ...result, end } : undefined);
  });
});
