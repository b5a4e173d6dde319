// Turns the data of the page into one HTML file that needs nothing else: styles and scripts are inlined, and a Content-Security-Policy allows those
// and no others. Whatever comes from data is escaped by the template.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ejs from 'ejs';
import type { PageView } from './page.ts';

/** In the order in which they apply, or run. The files lie in `parts` beside the template. */
const styles = ['base.css', 'layout.css', 'tables.css', 'charts.css', 'models.css', 'narrow.css'];
const scripts = ['tip.js', 'sort.js', 'models.js', 'curves.js', 'matrix.js'];

/** @param template - path of report.ejs */
export async function renderPage(page: PageView, template: string): Promise<string> {
  const read = (name: string): string => readFileSync(join(dirname(template), 'parts', name), 'utf8').trim();
  const style = styles.map(read).join('\n');
  const code = scripts.map(read);
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src ${sourceHash(style)}`,
    `script-src ${code.map(sourceHash).join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return ejs.renderFile(template, { page, style, scripts: code, policy, embedJson }, { rmWhitespace: true });
}

function sourceHash(source: string): string {
  return `'sha256-${createHash('sha256').update(source, 'utf8').digest('base64')}'`;
}

/** JSON that can stand in a `<script type="application/json">`: nothing in it can end the element. */
export function embedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
