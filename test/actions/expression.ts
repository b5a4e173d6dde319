// Expressions of GitHub Actions (`${{ … }}`), evaluated by GitHub's own library in contexts given as plain values.

import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';

/** `github`, `needs`, `steps`, … */
export type Contexts = Readonly<Record<string, unknown>>;

/** What the status functions say. */
export interface Status {
  /** Whether everything so far went well. */
  readonly success: boolean;
  readonly cancelled: boolean;
}

/** A text in which every `${{ … }}` is replaced by its value as text. */
export function fill(text: string, contexts: Contexts, status: Status): string {
  return text.replace(/\$\{\{(.*?)\}\}/gs, (_, expression: string) =>
    evaluate(expression, contexts, status).coerceString(),
  );
}

/** The plain value of an expression, with or without `${{ }}` around it. */
export function valueOf(expression: string, contexts: Contexts, status: Status): unknown {
  const inner = /^\s*\$\{\{(.*)\}\}\s*$/s.exec(expression)?.[1] ?? expression;
  return JSON.parse(JSON.stringify(evaluate(inner, contexts, status), data.replacer)) as unknown;
}

/** Whether an `if:` lets a job or a step run: without a status function in it, only after success. */
export function allows(condition: string | boolean | undefined, contexts: Contexts, status: Status): boolean {
  if (condition === undefined) return status.success;
  const text = String(condition);
  const asksStatus = /\b(success|failure|always|cancelled)\s*\(/.test(text);
  return (asksStatus || status.success) && Boolean(valueOf(text, contexts, status));
}

function evaluate(expression: string, contexts: Contexts, status: Status): data.ExpressionData {
  const { tokens } = new Lexer(expression).lex();
  const functions = statusFunctions(status);
  const parsed = new Parser(tokens, Object.keys(contexts), functions).parse();
  const values = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  return new Evaluator(parsed, values, new Map(functions.map((one) => [one.name, one]))).evaluate();
}

function statusFunctions({ success, cancelled }: Status): FunctionDefinition[] {
  const values = { success: success && !cancelled, failure: !success, always: true, cancelled };
  return Object.entries(values).map(([name, value]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(value),
  }));
}
