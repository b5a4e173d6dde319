// Reads out of one source what it imports at run time. Knows the languages, not the disk: nothing is resolved here.
// The parser is loaded on the first call and only then; a traced file that did not change is never parsed again.

import type { parse } from '@babel/parser';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';

/** One import in a source. */
export interface ImportSite {
  readonly specifier: string;
  /** How the specifier is looked up: as an ES module, as a CommonJS module, or as a plain URL next to the source. */
  readonly mode: 'import' | 'require' | 'url';
  /** True where the program goes on without the module: inside `try`, before `.catch()`, or where nothing is loaded. */
  readonly optional: boolean;
  /** True for `import { type A } from`: most tools drop such a statement, `verbatimModuleSyntax` keeps it for its side effects. */
  readonly typesOnly: boolean;
  /** Counting from 1. */
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem {
  readonly message: string;
  /** Counting from 1. */
  readonly line: number;
  readonly column: number;
}

interface Ast {
  readonly type: string;
  readonly loc?: { readonly start: { readonly line: number; readonly column: number } } | null;
  readonly [key: string]: unknown;
}

interface Context {
  readonly optional: boolean;
  /** Names that stand for `require` here. */
  readonly requires: ReadonlySet<string>;
}

export type Parse = typeof parse;
type Plugins = NonNullable<NonNullable<Parameters<Parse>[1]>['plugins']>;

const common: Plugins = [
  'explicitResourceManagement',
  'deferredImportEvaluation',
  'sourcePhaseImports',
  'decoratorAutoAccessors',
];
/** Babel reads decorators either as TypeScript has long had them or as the standard has them; a source may be valid as one only. */
const typescript: readonly Plugins[] = [
  [...common, 'typescript', 'decorators-legacy', 'deprecatedImportAssert'],
  [...common, 'typescript', 'decorators'],
];
const dialects: Readonly<Record<'ts' | 'tsx' | 'js', readonly Plugins[]>> = {
  ts: typescript,
  tsx: typescript.map((plugins): Plugins => [...plugins, 'jsx']),
  js: [
    [...common, 'jsx', 'decorators-legacy', 'deprecatedImportAssert', 'exportDefaultFrom'],
    [...common, 'jsx', 'decorators'],
    [...common, 'jsx', 'flow'],
  ],
};

export type Dialect = keyof typeof dialects;

/** Which language a path holds by its extension, or undefined where its imports are not followed. */
export function dialectOf(path: string): Dialect | undefined {
  if (/\.d\.[cm]?ts$/.test(path)) return undefined;
  const extension = /\.([cm]?[jt]sx?)$/.exec(path)?.[1];
  if (extension === undefined) return undefined;
  if (extension.endsWith('x')) return extension === 'tsx' ? 'tsx' : extension === 'jsx' ? 'js' : undefined;
  return extension.endsWith('ts') ? 'ts' : 'js';
}

/** The language of a file without extension, by its first line: a program for Node.js, or undefined. */
export function dialectOfScript(source: string): Dialect | undefined {
  const interpreter = /^#!.*\b(node|tsx|ts-node|bun|deno)\b/.exec(source.slice(0, 200).split('\n', 1)[0] ?? '')?.[1];
  if (interpreter === undefined) return undefined;
  return interpreter === 'node' ? 'js' : 'ts';
}

/** Loads the parser: once a process, and not at all while every traced file is known. */
export async function loadParser(): Promise<Parse> {
  return (await import('@babel/parser')).parse;
}

/** All imports of a source in the order in which they stand there, each once. The error is the first fault that parsing cannot get past. */
export function readImports(
  parser: Parse,
  source: string,
  dialect: Dialect,
): Result<readonly ImportSite[], SyntaxProblem> {
  const parsed = parseSource(parser, source.startsWith('\uFEFF') ? source.slice(1) : source, dialect);
  return parsed.ok ? ok(collect(parsed.value)) : parsed;
}

function parseSource(parser: Parse, source: string, dialect: Dialect): Result<Ast, SyntaxProblem> {
  let first: unknown;
  for (const plugins of dialects[dialect]) {
    try {
      const file = parser(source, {
        sourceType: 'unambiguous',
        errorRecovery: true,
        allowReturnOutsideFunction: true,
        allowAwaitOutsideFunction: true,
        allowSuperOutsideMethod: true,
        allowUndeclaredExports: true,
        plugins,
      });
      return ok(file.program as unknown as Ast);
    } catch (error) {
      first ??= error;
    }
  }
  return err(describeSyntax(first));
}

function describeSyntax(error: unknown): SyntaxProblem {
  // Anything but a syntax error is a bug in the parser or here.
  if (!(error instanceof SyntaxError)) throw error;
  const { loc } = error as { loc?: { line: number; column: number } };
  return {
    message: error.message.replace(/\s*\(\d+:\d+\)$/, ''),
    line: loc?.line ?? 1,
    column: (loc?.column ?? 0) + 1,
  };
}

/** Walks the tree without recursion: sources nested thousands deep (generated ones) must not overflow the stack. */
function collect(program: Ast): ImportSite[] {
  const found = new Map<string, ImportSite>();
  const stack: [Ast, Context][] = [
    [program, { optional: false, requires: new Set(['require', ...madeRequires(program)]) }],
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [node, context] = next;
    if (node['declare'] === true) continue;
    const site = readSite(node, context);
    if (site !== undefined) addSite(found, site);
    pushChildren(stack, node, context);
  }
  return [...found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The same specifier twice is one site: the one without which the program cannot do, at its first place. */
function addSite(found: Map<string, ImportSite>, site: ImportSite): void {
  const key = `${site.mode} ${site.optional} ${site.typesOnly} ${site.specifier}`;
  const known = found.get(key);
  if (known === undefined || site.line < known.line || (site.line === known.line && site.column < known.column))
    found.set(key, site);
}

function pushChildren(stack: [Ast, Context][], node: Ast, context: Context): void {
  const inner = innerContext(node, context);
  const guarded = guardedChild(node);
  for (const key in node) {
    const value = node[key];
    if (typeof value !== 'object' || value === null || key === 'loc' || key.endsWith('Comments')) continue;
    const childContext = guarded === value ? { ...inner, optional: true } : inner;
    if (Array.isArray(value)) {
      for (const item of value) if (isAst(item)) stack.push([item, childContext]);
    } else if (isAst(value)) stack.push([value, childContext]);
  }
}

/** The part of a node in which a failing import does no harm. */
function guardedChild(node: Ast): unknown {
  if (node.type === 'TryStatement' && isAst(node['handler'])) return node['block'];
  // `import('x').catch(…)` and `import('x').then(…, onError)`.
  if (node.type !== 'CallExpression' && node.type !== 'OptionalCallExpression') return undefined;
  const callee = node['callee'];
  if (!isMember(callee)) return undefined;
  const count = Array.isArray(node['arguments']) ? node['arguments'].length : 0;
  const guards = isNamed(callee['property'], 'catch') || (isNamed(callee['property'], 'then') && count > 1);
  return guards ? callee : undefined;
}

/** Bundled code passes its own `require` as a parameter: inside such a function the name means something else. */
function innerContext(node: Ast, context: Context): Context {
  const params = node['params'];
  if (!Array.isArray(params)) return context;
  const hidden = params.filter((param) => isAst(param) && context.requires.has(String(param['name'])));
  if (hidden.length === 0) return context;
  const requires = new Set(context.requires);
  for (const param of hidden as Ast[]) requires.delete(String(param['name']));
  return { ...context, requires };
}

/** Names bound as in `const load = createRequire(import.meta.url)`. */
function madeRequires(program: Ast): string[] {
  const names: string[] = [];
  const body = Array.isArray(program['body']) ? (program['body'] as unknown[]) : [];
  for (const statement of body) {
    const declaration = isAst(statement) && isAst(statement['declaration']) ? statement['declaration'] : statement;
    if (!isAst(declaration) || !Array.isArray(declaration['declarations'])) continue;
    for (const declarator of declaration['declarations'] as Ast[]) {
      const id = declarator['id'];
      if (isAst(id) && typeof id['name'] === 'string' && makesRequire(declarator['init'])) names.push(id['name']);
    }
  }
  return names;
}

function makesRequire(node: unknown): boolean {
  if (!isAst(node) || node.type !== 'CallExpression') return false;
  const callee = node['callee'];
  return isNamed(callee, 'createRequire') || (isMember(callee) && isNamed(callee['property'], 'createRequire'));
}

function readSite(node: Ast, context: Context): ImportSite | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
      return node['importKind'] === 'type' || node['importKind'] === 'typeof' ? undefined : statementSite(node);
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return node['exportKind'] === 'type' ? undefined : statementSite(node);
    case 'TSImportEqualsDeclaration':
      return node['importKind'] === 'type' ? undefined : importEqualsSite(node);
    case 'ImportExpression':
      return makeSite(node, node['source'], { mode: 'import', optional: context.optional });
    case 'CallExpression':
    case 'OptionalCallExpression':
      return callSite(node, context);
    case 'NewExpression':
      return isNamed(node['callee'], 'URL') ? urlSite(node) : undefined;
    default:
      return undefined;
  }
}

function statementSite(node: Ast): ImportSite | undefined {
  const site = makeSite(node, node['source'], { mode: 'import', optional: false });
  const specifiers = Array.isArray(node['specifiers']) ? (node['specifiers'] as Ast[]) : [];
  const typesOnly =
    specifiers.length > 0 &&
    specifiers.every((one) => ['type', 'typeof'].includes(String(one['importKind'] ?? one['exportKind'])));
  return site === undefined || !typesOnly ? site : { ...site, typesOnly };
}

function importEqualsSite(node: Ast): ImportSite | undefined {
  const reference = node['moduleReference'];
  if (!isAst(reference) || reference.type !== 'TSExternalModuleReference') return undefined;
  return makeSite(node, reference['expression'], { mode: 'require', optional: false });
}

function callSite(node: Ast, context: Context): ImportSite | undefined {
  const callee = node['callee'];
  const argument = Array.isArray(node['arguments']) ? (node['arguments'] as unknown[])[0] : undefined;
  if (!isAst(callee)) return undefined;
  const { optional } = context;
  if (callee.type === 'Import') return makeSite(node, argument, { mode: 'import', optional });
  if (isRequire(callee, context)) return makeSite(node, argument, { mode: 'require', optional });
  if (!isMember(callee) || !isNamed(callee['property'], 'resolve')) return undefined;
  if (isRequire(callee['object'], context)) return makeSite(node, argument, { mode: 'require', optional });
  // import.meta.resolve() answers for a file that does not exist as well.
  return isImportMeta(callee['object']) ? makeSite(node, argument, { mode: 'import', optional: true }) : undefined;
}

function isRequire(node: unknown, context: Context): boolean {
  if (!isAst(node)) return false;
  if (node.type === 'Identifier') return context.requires.has(String(node['name']));
  if (makesRequire(node)) return true;
  return isMember(node) && isNamed(node['object'], 'module') && isNamed(node['property'], 'require');
}

/** `new URL('./x', import.meta.url)`: it may stand for a file yet to be written, so nothing is missing where there is none. */
function urlSite(node: Ast): ImportSite | undefined {
  const [target, base] = Array.isArray(node['arguments']) ? (node['arguments'] as unknown[]) : [];
  const isRelative = isMember(base) && isImportMeta(base['object']) && isNamed(base['property'], 'url');
  return isRelative ? makeSite(node, target, { mode: 'url', optional: true }) : undefined;
}

function makeSite(node: Ast, specifier: unknown, how: Pick<ImportSite, 'mode' | 'optional'>): ImportSite | undefined {
  const text = literalText(specifier);
  if (text === undefined || text === '') return undefined;
  const place = (isAst(specifier) ? specifier.loc : undefined) ?? node.loc;
  return {
    specifier: text,
    ...how,
    typesOnly: false,
    line: place?.start.line ?? 1,
    column: (place?.start.column ?? 0) + 1,
  };
}

/** The text of a string literal, or of a template literal without substitutions. */
function literalText(node: unknown): string | undefined {
  if (!isAst(node)) return undefined;
  if (node.type === 'StringLiteral') return String(node['value']);
  const quasis = node['quasis'];
  if (node.type !== 'TemplateLiteral' || !Array.isArray(quasis) || quasis.length !== 1) return undefined;
  const cooked = (quasis[0] as { value?: { cooked?: unknown } }).value?.cooked;
  return typeof cooked === 'string' ? cooked : undefined;
}

function isImportMeta(node: unknown): boolean {
  return isAst(node) && node.type === 'MetaProperty' && isNamed(node['meta'], 'import');
}

function isMember(node: unknown): node is Ast {
  return (
    isAst(node) &&
    (node.type === 'MemberExpression' || node.type === 'OptionalMemberExpression') &&
    node['computed'] !== true
  );
}

function isNamed(node: unknown, name: string): boolean {
  return isAst(node) && node['name'] === name;
}

function isAst(value: unknown): value is Ast {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}
