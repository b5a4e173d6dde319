// Who is at work on a remote. Pushes and a gc register as files in active/, their own first, then they look for others: of a push and a gc
// that start together at least one sees the other and gives way. Any number of pushes may go on at once; a gc has to be alone.
//
// A registration is renewed while its owner works. One that was not for `staleAfter` was left by a crash and does not count.
// Ages are compared by the clock of the remote: that of the own registration is its "now".

import { hostname } from 'node:os';
import { uniqueName } from '../core/disk.ts';
import { RemoteFault, isKind } from './problem.ts';
import type { RemoveOptions, Storage, StoredFile } from './storage.ts';

/** Milliseconds. */
export const staleAfter = 60 * 60 * 1000;
const renewEvery = 5 * 60 * 1000;

/** Whom a power cut takes this from is not at work any more. */
const fleeting = { durable: false };

export interface Registration {
  readonly key: string;
  /** Milliseconds since the epoch by the clock of the remote, when this began. */
  readonly now: number;
  /** Removes it. A registration that cannot be removed goes stale. */
  release(): Promise<void>;
}

/** `owner`: what others may know it by, to remove it once they know that it is dead. */
export async function register(storage: Storage, kind: 'push' | 'gc', owner?: string): Promise<Registration> {
  const key = `active/${kind}-${owner === undefined ? '' : `${owner}-`}${uniqueName()}`;
  const text = Buffer.from(`${JSON.stringify({ host: hostname(), pid: process.pid })}\n`);
  const timer = setInterval(() => void renew(storage, key, text), renewEvery);
  timer.unref();
  const release = async (options?: RemoveOptions): Promise<void> => {
    clearInterval(timer);
    try {
      await storage.remove([key], options);
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
    }
  };
  try {
    await storage.write(key, text, fleeting);
    const files = await storage.list('active/');
    const now = files.find((file) => file.key === key)?.modified ?? Date.now();
    const other = files.find((file) => file.key !== key && clashes(kind, file, now));
    if (other !== undefined) throw await describe(storage, other);
    return { key, now, release };
  } catch (error) {
    // It may be there all the same, but who has not answered in all this time need not be asked for as long again.
    await release({ patient: !isKind(error, 'transient', 'offline') });
    throw error;
  }
}

/** Takes away what pushes of an owner left who is known to be dead. */
export async function unregister(storage: Storage, owner: string): Promise<void> {
  const files = await storage.list('active/');
  await storage.remove(files.flatMap(({ key }) => (key.startsWith(`active/push-${owner}-`) ? [key] : [])));
}

async function renew(storage: Storage, key: string, text: Uint8Array): Promise<void> {
  try {
    await storage.write(key, text, fleeting);
  } catch (error) {
    // The next one may go better; the transfers themselves will say what is wrong.
    if (!(error instanceof RemoteFault)) throw error;
  }
}

function clashes(kind: 'push' | 'gc', { key, modified }: StoredFile, now: number): boolean {
  const other = /^active\/(push|gc)-/.exec(key)?.[1];
  if (other === undefined || (kind === 'push' && other === 'push')) return false;
  return modified === null || now - modified < staleAfter;
}

async function describe(storage: Storage, { key }: StoredFile): Promise<RemoteFault> {
  const what = key.startsWith('active/gc-') ? 'a gc is at work' : 'a push is under way';
  let who = '';
  try {
    const { host, pid } = JSON.parse((await storage.read(key)).toString()) as { host?: unknown; pid?: unknown };
    if (typeof host === 'string' && typeof pid === 'number') who = ` (process ${pid} on ${host})`;
  } catch (error) {
    if (!isKind(error, 'missing') && !(error instanceof SyntaxError)) throw error;
  }
  return new RemoteFault(
    'busy',
    `${storage.label}: ${what}${who}`,
    `wait until it has ended; one that was killed stops counting after an hour, or remove ${key} from the remote`,
  );
}
