// The `exports` and `imports` fields of a package.json, by Node's own algorithm (PACKAGE_EXPORTS_RESOLVE and its parts).
// Pure: it maps names to targets and does not know whether there is anything at a target.

/** What makes a condition of the field apply: `import` or `require`, `node`, and whatever the project adds. `default` always applies. */
export type Conditions = ReadonlySet<string>;

type JsonObject = Readonly<Record<string, unknown>>;

/** `undefined`: nothing matched. `null`: the package hides this name on purpose. */
type Target = string | null | undefined;

/** Where a package's `exports` lead for `.` or `./sub/path`: a path that starts with `./`, or undefined where it is not exported. */
export function resolveExports(exports: unknown, subpath: string, conditions: Conditions): string | undefined {
  const target = isSubpathMap(exports)
    ? matchKey(exports, subpath, { conditions, kind: 'exports' })
    : subpath === '.'
      ? resolveTarget(exports, '', { conditions, kind: 'exports' })
      : undefined;
  return target ?? undefined;
}

/** Where a package's `imports` lead for `#name`: a path that starts with `./`, a package name, or undefined where it is not defined. */
export function resolveImports(imports: unknown, name: string, conditions: Conditions): string | undefined {
  if (!isObject(imports) || name === '#' || name.startsWith('#/')) return undefined;
  return matchKey(imports, name, { conditions, kind: 'imports' }) ?? undefined;
}

interface Rules {
  readonly conditions: Conditions;
  /** Only `imports` may lead to another package. */
  readonly kind: 'exports' | 'imports';
}

function matchKey(map: JsonObject, name: string, rules: Rules): Target {
  if (!name.includes('*') && Object.hasOwn(map, name)) return resolveTarget(map[name], '', rules);
  for (const key of Object.keys(map).filter(isPattern).sort(comparePatterns)) {
    const star = key.indexOf('*');
    const tail = key.slice(star + 1);
    const fits = name.length >= key.length && name.startsWith(key.slice(0, star)) && name.endsWith(tail);
    if (fits) return resolveTarget(map[key], name.slice(star, name.length - tail.length), rules);
  }
  return undefined;
}

function resolveTarget(target: unknown, match: string, rules: Rules): Target {
  if (typeof target === 'string') return fillTarget(target, match, rules.kind);
  if (Array.isArray(target)) return firstOf(target, match, rules);
  if (!isObject(target)) return target === null ? null : undefined;
  for (const [condition, value] of Object.entries(target)) {
    if (condition !== 'default' && !rules.conditions.has(condition)) continue;
    const found = resolveTarget(value, match, rules);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstOf(targets: readonly unknown[], match: string, rules: Rules): Target {
  let last: Target;
  for (const target of targets) {
    last = resolveTarget(target, match, rules);
    if (typeof last === 'string') return last;
  }
  return last;
}

function fillTarget(target: string, match: string, kind: Rules['kind']): Target {
  const filled = target.replaceAll('*', match);
  if (target.startsWith('./')) return hasForbiddenPart(filled.slice(2)) ? undefined : filled;
  const isPackage = !target.startsWith('../') && !target.startsWith('/') && target !== '';
  return kind === 'imports' && isPackage ? filled : undefined;
}

/** A target may not climb out of its package, nor reach into a node_modules folder. */
function hasForbiddenPart(path: string): boolean {
  return path.split(/[/\\]/).some((part) => part === '.' || part === '..' || part === 'node_modules');
}

/** The more specific pattern first: the longer text before the star, then the longer key. */
function comparePatterns(a: string, b: string): number {
  return b.indexOf('*') - a.indexOf('*') || b.length - a.length;
}

function isPattern(key: string): boolean {
  return key.includes('*') && key.indexOf('*') === key.lastIndexOf('*');
}

function isSubpathMap(exports: unknown): exports is JsonObject {
  return isObject(exports) && Object.keys(exports).some((key) => key.startsWith('.'));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
