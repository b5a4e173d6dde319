// Why a stage is not fresh, as data. Text for people is made from it in one place (describeReason), JSON is it as it stands.

export type Reason =
  /** A part of the fingerprint differs from the recorded one; null: absent on that side. */
  | { readonly kind: ChangedPart; readonly key: string; readonly from: string | null; readonly to: string | null }
  | { readonly kind: 'out-missing'; readonly path: string }
  | { readonly kind: 'out-edited'; readonly path: string }
  | { readonly kind: 'never-run' }
  | { readonly kind: 'forced' }
  | { readonly kind: 'always-changed' }
  | { readonly kind: 'frozen' }
  /** A stage above will run or be restored first, so that this one's inputs are not known. */
  | { readonly kind: 'upstream'; readonly stage: string }
  | { readonly kind: 'dep-missing'; readonly path: string; readonly hint?: string | undefined }
  | { readonly kind: 'dep-unreadable'; readonly path: string; readonly message: string }
  | { readonly kind: 'param-missing'; readonly key: string; readonly message: string }
  | { readonly kind: 'code-error'; readonly path: string; readonly message: string };

export type ChangedPart = 'stage' | 'cmd' | 'wdir' | 'dep' | 'param' | 'code' | 'package' | 'env' | 'host' | 'history' | 'out';

/** One short sentence without a full stop. */
export function describeReason(reason: Reason): string {
  switch (reason.kind) {
    case 'out-missing':
      return `out missing: ${reason.path}`;
    case 'out-edited':
      return `out edited: ${reason.path}`;
    case 'never-run':
      return 'never run here';
    case 'forced':
      return 'forced';
    case 'always-changed':
      return 'always changed';
    case 'frozen':
      return 'frozen';
    case 'upstream':
      return `unknown until ${reason.stage} runs`;
    case 'dep-missing':
      return `dep missing: ${reason.path}`;
    case 'dep-unreadable':
      return `dep unreadable: ${reason.path} (${reason.message})`;
    case 'param-missing':
      return `param missing: ${reason.key} (${reason.message})`;
    case 'code-error':
      return `code: ${reason.path}: ${reason.message}`;
    default:
      return describeChange(reason);
  }
}

const nouns: Readonly<Record<ChangedPart, string>> = {
  stage: 'stage name',
  cmd: 'command',
  wdir: 'working folder',
  dep: 'dep',
  param: 'param',
  code: 'code',
  package: 'package',
  env: 'env',
  host: 'host',
  history: 'history',
  out: 'out',
};

/** Parts whose values mean something to a person; of the others only the key is told. */
const told: ReadonlySet<ChangedPart> = new Set(['cmd', 'param', 'package', 'host', 'stage', 'wdir']);

function describeChange(reason: { kind: ChangedPart; key: string; from: string | null; to: string | null }): string {
  const noun = nouns[reason.kind];
  const { key, from, to } = reason;
  if (reason.kind === 'cmd') return from === null || to === null ? 'changed command' : `changed command: ${from} → ${to}`;
  if (reason.kind === 'stage' || reason.kind === 'wdir') return `changed ${noun}: ${from ?? 'none'} → ${to ?? 'none'}`;
  if (from === null) return told.has(reason.kind) ? `added ${noun}: ${key} = ${to ?? ''}` : `added ${noun}: ${key}`;
  if (to === null) return `removed ${noun}: ${key}`;
  return told.has(reason.kind) ? `changed ${noun}: ${key} ${from} → ${to}` : `changed ${noun}: ${key}`;
}
