// `dagrun remote test`: whether a remote can be reached, read and written to.

import { uniqueName } from '../core/disk.ts';
import { monotonic } from '../core/clock.ts';
import { RemoteFault } from './problem.ts';
import type { Storage } from './storage.ts';
import { RemoteView } from './view.ts';

export interface ProbeReport {
  /** True where nothing was ever pushed. */
  readonly fresh: boolean;
  readonly writable: boolean;
  /** Milliseconds that the quickest request took. */
  readonly latency: number;
}

/** Throws RemoteFault. */
export async function probe(storage: Storage, options: { readonly write: boolean }): Promise<ProbeReport> {
  const startedAt = monotonic();
  const fresh = await new RemoteView(storage, null).isFresh();
  let latency = monotonic() - startedAt;
  // A web server has nothing else to offer, and one that has no marker is most likely the wrong one.
  if (fresh && storage.readOnly)
    throw new RemoteFault(
      'missing',
      `${storage.label} answers, but nothing was ever pushed there`,
      'check the URL, or push to the folder behind it first',
    );
  const writable = options.write && !storage.readOnly;
  if (writable) {
    const key = `active/test-${uniqueName()}`;
    const bytes = Buffer.from('dagrun remote test\n');
    const writtenAt = monotonic();
    await storage.write(key, bytes);
    latency = Math.min(latency, monotonic() - writtenAt);
    const back = await storage.read(key);
    await storage.remove([key]);
    if (!back.equals(bytes))
      throw new RemoteFault(
        'damaged',
        `${storage.label} gives back other bytes than were written`,
        'check what lies between here and the server',
      );
  } else if (storage.canList) await storage.list('active/');
  return { fresh, writable, latency };
}
