import { expect, it } from '@jest/globals';
import { embedJson } from './render.ts';
import { escapeMarkdown } from './summary.ts';

it.each([
  ['a | b', 'a \\| b'],
  ['<script>', '&lt;script&gt;'],
  ['two\nlines\t here', 'two lines here'],
  ['*bold* _it_ `code` [x](y) #1 ~s~', '\\*bold\\* \\_it\\_ \\`code\\` \\[x\\](y) \\#1 \\~s\\~'],
  ['@somebody', '@\u200bsomebody'],
  ['a\\b & c', 'a\\\\b &amp; c'],
])('Markdown: %j is text', (text, expected) => expect(escapeMarkdown(text)).toBe(expected));

it('embedded JSON cannot end its element, and says the same', () => {
  const value = ['</script><!--', { a: 'b & "c"' }];
  expect(embedJson(value)).not.toContain('<');
  expect(JSON.parse(embedJson(value))).toEqual(value);
});
