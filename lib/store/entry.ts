// The text of a run entry, and back. Knows nothing of where entries lie.
//
//   {"version":1,"checksum":"<digest of the entry's text>","entry":{…}}
// An entry from a cache is hostile input: decodeRunEntry accepts only what encodeRunEntry could have written, byte for byte,
// so a damaged entry, a duplicate key or an unknown field is noticed.

import { digestText, isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { contentText } from '../core/observation.ts';
import type { Present } from '../core/observation.ts';
import { isRepoPath } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import { decodeContent, decodeParts, decodeTexts, isCount, isRecord } from '../plan/decode.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { OutRecord, RunEntry, RunOut } from '../plan/record.ts';
import { isRunId } from './layout.ts';

const version = 1;
/** Characters; an entry holds parameters and small metrics, never contents. */
const longest = 64 * 1024 * 1024;

/**
 * The digest of what a run gave: kinds, executable bits and contents of its outs in their declared order.
 * Paths are not in it, so that a relocatable stage gives the same result wherever it writes.
 */
export function resultDigest(outs: readonly Pick<OutRecord, 'content'>[]): Digest {
  return digestText(`dagrun-result 1\n${outs.map((out) => `${contentText(out.content)}\n`).join('')}`);
}

export function encodeRunEntry(entry: RunEntry): string {
  const body = JSON.stringify(ordered(entry));
  return `{"version":${version},"checksum":"${digestText(body)}","entry":${body}}\n`;
}

/** The error says what is wrong, in a few words. `fingerprint` and `result` are what the entry's place says it is. Never throws. */
export function decodeRunEntry(text: string, fingerprint: string, result: string): Result<RunEntry, string> {
  if (text.length > longest) return err('it is too large');
  const head = /^\{"version":(\d{1,9}),"checksum":"([0-9a-f]{32})","entry":/.exec(text);
  if (head === null || !text.endsWith('}\n')) return err('it is not a run entry, or only a part of one');
  if (Number(head[1]) !== version) return err(`it has version ${head[1] ?? ''}, which this dagrun cannot read`);
  const body = text.slice(head[0].length, -2);
  if (digestText(body) !== head[2]) return err('its checksum is wrong');
  try {
    const entry = readEntry(JSON.parse(body));
    if (!entry.ok) return entry;
    if (entry.value.fingerprint !== fingerprint) return err('its fingerprint is that of another run');
    if (entry.value.result !== result || resultDigest(entry.value.outs) !== result)
      return err('its result is not that of its outs');
    return JSON.stringify(ordered(entry.value)) === body ? entry : err('it is not in the form that dagrun writes');
  } catch {
    // Not JSON, or nested more deeply than the stack can follow.
    return err('its JSON cannot be read');
  }
}

/** The fields in the one order that they are written in; nothing else. */
function ordered(entry: RunEntry): unknown {
  const { fingerprint, result, stage, group, parts, params, metrics, deps, at, seconds, peakMemory, host, runId } =
    entry;
  const outs = entry.outs.map((out) => ({ path: out.path, label: out.label, content: orderedContent(out.content) }));
  return {
    fingerprint,
    result,
    stage,
    group,
    parts,
    outs,
    params,
    metrics,
    deps,
    at,
    seconds,
    peakMemory,
    host,
    runId,
  };
}

function orderedContent(content: Present): Present {
  const { digest, size } = content;
  return content.kind === 'file'
    ? { kind: 'file', digest, size, executable: content.executable }
    : { kind: 'tree', digest, size, files: content.files };
}

function readEntry(value: unknown): Result<RunEntry, string> {
  if (!isRecord(value)) return err('it is not an object');
  const { fingerprint, result, stage, group, host, runId, at, seconds } = value;
  if (!isDigest(fingerprint) || !isDigest(result)) return err('a digest is malformed');
  if (!isName(stage) || !isName(group) || typeof host !== 'string') return err('a name is malformed');
  if (!isRunId(runId)) return err('its run id is malformed');
  if (!isTime(at)) return err('its time is malformed');
  if (typeof seconds !== 'number' || seconds < 0) return err('its duration is malformed');
  const peakMemory = value['peakMemory'];
  if (peakMemory !== null && !isCount(peakMemory)) return err('its memory use is malformed');
  const parts = decodeParts(value['parts']);
  if (parts === undefined) return err('the parts of its fingerprint are malformed');
  const outs = readOuts(value['outs']);
  if (outs === undefined) return err('its outs are malformed');
  const { params, metrics } = value;
  const deps = decodeTexts(value['deps']);
  if (!isRecordOfRecords(params) || !isRecord(metrics) || deps === undefined)
    return err('its params, metrics or deps are malformed');
  const print = fingerprint as Fingerprint;
  const name = stage as StageName;
  return ok({
    fingerprint: print,
    result,
    stage: name,
    group,
    parts,
    outs,
    params,
    metrics,
    deps,
    at,
    seconds,
    peakMemory,
    host,
    runId,
  });
}

function readOuts(value: unknown): readonly RunOut[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const paths = new Set<string>();
  const outs: RunOut[] = [];
  for (const item of value as readonly unknown[]) {
    if (!isRecord(item)) return undefined;
    const { path, label } = item;
    const content = isRecord(item['content']) ? decodeContent(item['content']) : undefined;
    if (content === undefined || !isRepoPath(path) || paths.has(path)) return undefined;
    if (label !== 'out' && label !== 'metric' && label !== 'plot') return undefined;
    paths.add(path);
    outs.push({ path, label, content });
  }
  return outs;
}

function isRecordOfRecords(value: unknown): value is Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  return isRecord(value) && Object.values(value).every(isRecord);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** ISO 8601, UTC: texts in this form sort by time as long as their precision is the same. */
export function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}
