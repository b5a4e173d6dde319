import { describe, expect, it } from '@jest/globals';
import { makeStage } from '../../test/make-pipeline.ts';
import type { StageSketch } from '../../test/make-pipeline.ts';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Observation, Present } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import type { Reason } from '../core/reason.ts';
import { alignOuts, decide } from './decide.ts';
import type { Decision, DecisionRules, Evidence, Restorable } from './decide.ts';
import type { Fingerprint, FingerprintParts } from './parts.ts';

await loadDigest();

const missing: Observation = { kind: 'missing' };
const file = (content: string): Present => ({ kind: 'file', digest: digestText(content), size: 1, executable: false });
const out = (path: string, content: string) => ({ path: path as RepoPath, content: file(content) });
const print = (text: string): Fingerprint => digestText(text) as string as Fingerprint;

interface Scene {
  readonly sketch?: StageSketch;
  readonly inputs?: Evidence['inputs'];
  readonly locked?: string | null;
  readonly disk?: readonly Observation[];
  readonly cached?: readonly string[];
  readonly lockHeld?: boolean;
  /** Fingerprints that are recorded, and whose objects are gone. */
  readonly lost?: readonly string[];
  readonly rules?: Partial<DecisionRules>;
}

const parts = (value: string): FingerprintParts => ({ param: { 'p:k': value } });
const known = (value: string): Evidence['inputs'] => ({
  kind: 'known',
  parts: parts(value),
  fingerprint: print(value),
  assumed: [],
});

function evidence(scene: Scene): Evidence {
  const locked = scene.locked === undefined ? 'now' : scene.locked;
  const result = (content: string): Restorable => ({ outs: [out('x', content)], entry: null });
  return {
    stage: makeStage('s', { outs: ['x'], ...scene.sketch }),
    inputs: scene.inputs ?? known('now'),
    lock: locked === null ? undefined : { fingerprint: print(locked), parts: parts(locked), outs: [out('x', 'good')] },
    outs: scene.disk ?? [file('good')],
    findRestorable: (fingerprint) => {
      if (scene.lost?.some((value) => print(value) === fingerprint) === true) return 'incomplete';
      return scene.cached?.some((value) => print(value) === fingerprint) === true ? result('cached') : null;
    },
    findLocked: () => (scene.lockHeld === true ? result('locked') : null),
  };
}

function verdict(scene: Scene): [Decision['kind'], ...string[]] {
  const decision = decide(evidence(scene), { force: false, noRunCache: false, allowMissing: false, ...scene.rules });
  if (decision.kind === 'skip') return ['skip', decision.why];
  return [decision.kind, ...decision.reasons.map((reason: Reason) => reason.kind)];
}

describe('decide', () => {
  it.each<[string, Scene, [Decision['kind'], ...string[]]]>([
    ['nothing changed', {}, ['skip', 'unchanged']],
    ['a changed param', { locked: 'before' }, ['execute', 'param']],
    ['a changed param that is known', { locked: 'before', cached: ['now'] }, ['restore', 'param']],
    [
      'a changed param that is known, without the run cache',
      { locked: 'before', cached: ['now'], rules: { noRunCache: true } },
      ['execute', 'param'],
    ],
    ['no lock entry', { locked: null }, ['execute', 'never-run']],
    ['no lock entry, but a recorded run', { locked: null, cached: ['now'] }, ['restore', 'never-run']],
    [
      'a missing out whose objects are gone',
      { disk: [missing], lost: ['now'] },
      ['execute', 'out-missing', 'objects-missing'],
    ],
    [
      'the same, where the lock has it still',
      { disk: [missing], lost: ['now'], lockHeld: true },
      ['restore', 'out-missing'],
    ],
    ['objects gone of other inputs', { locked: 'before', lost: ['before'] }, ['execute', 'param']],
    [
      'objects gone, without the run cache',
      { disk: [missing], lost: ['now'], rules: { noRunCache: true } },
      ['execute', 'out-missing'],
    ],
    ['an edited out', { disk: [file('edited')] }, ['execute', 'out-edited']],
    ['an edited out that the run cache has', { disk: [file('edited')], cached: ['now'] }, ['restore', 'out-edited']],
    ['a missing out that only the lock knows', { disk: [missing], lockHeld: true }, ['restore', 'out-missing']],
    [
      'a missing out that only the lock knows, with other inputs',
      { disk: [missing], lockHeld: true, locked: 'before' },
      ['execute', 'param', 'out-missing'],
    ],
    ['a missing out, allowed', { disk: [missing], rules: { allowMissing: true } }, ['skip', 'data-missing']],
    [
      'a missing out, allowed, but the inputs changed',
      { disk: [missing], locked: 'before', rules: { allowMissing: true } },
      ['execute', 'param', 'out-missing'],
    ],
    ['force', { rules: { force: true }, cached: ['now'] }, ['execute', 'forced']],
    ['always changed, and known', { sketch: { alwaysChanged: true }, cached: ['now'] }, ['execute', 'always-changed']],
    [
      'a missing dep',
      { inputs: { kind: 'broken', reasons: [{ kind: 'dep-missing', path: 'd' }] }, rules: { force: true } },
      ['fail', 'dep-missing'],
    ],
    [
      'a frozen stage whose deps are missing',
      { sketch: { frozen: true }, inputs: { kind: 'broken', reasons: [] } },
      ['skip', 'frozen'],
    ],
    ['a frozen stage that is forced', { sketch: { frozen: true }, rules: { force: true } }, ['skip', 'frozen']],
    [
      'a frozen stage with an edited out',
      { sketch: { frozen: true }, disk: [file('edited')], lockHeld: true },
      ['skip', 'frozen'],
    ],
    [
      'a frozen stage with a deleted out',
      { sketch: { frozen: true }, disk: [missing], lockHeld: true },
      ['restore', 'frozen', 'out-missing'],
    ],
    [
      'a stage below one that has yet to run',
      { inputs: { kind: 'unknown', upstream: ['u' as never], changed: [] } },
      ['unknown', 'upstream'],
    ],
    [
      'a stage without outs whose run is recorded',
      { sketch: { outs: [] }, disk: [], locked: 'before', cached: ['now'] },
      ['execute', 'param'],
    ],
    [
      'a relocatable stage whose out path holds something else',
      { sketch: { outs: ['moved'], relocatable: true } },
      ['execute', 'out-edited'],
    ],
  ])('%s', (_, scene, expected) => {
    expect(verdict(scene)).toEqual(expected);
  });
});

describe('alignOuts', () => {
  const named: FingerprintParts = { stage: { name: 's' } };
  const nameless: FingerprintParts = {};
  const record = (of: FingerprintParts) => ({ parts: of, outs: [out('a', '1'), out('b', '2')] });

  it('goes by path', () => {
    const aligned = alignOuts(makeStage('s', { outs: ['b', 'a'] }), record(named));
    expect(aligned?.map((each) => each.path)).toEqual(['b', 'a']);
  });

  it('goes by position where the stage is relocatable', () => {
    const aligned = alignOuts(makeStage('s', { outs: ['y', 'z'], relocatable: true }), record(nameless));
    expect(aligned).toEqual([out('y', '1'), out('z', '2')]);
  });

  it('goes by path where the record was made before the stage was relocatable', () => {
    const aligned = alignOuts(makeStage('s', { outs: ['b', 'a'], relocatable: true }), record(named));
    expect(aligned).toEqual([out('b', '2'), out('a', '1')]);
  });

  it('refuses a record that does not fit', () => {
    expect(alignOuts(makeStage('s', { outs: ['a', 'c'] }), record(named))).toBeNull();
    expect(alignOuts(makeStage('s', { outs: ['a'], relocatable: true }), record(nameless))).toBeNull();
  });
});
