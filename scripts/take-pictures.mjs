// Takes the README's pictures of the report that lies in reports/ (run the pipeline first), in Chromium: where it is, $CHROMIUM says.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('..', import.meta.url));
const pictures = [
  { name: 'report.png', anchor: 'verdict' },
  { name: 'trade-off.png', anchor: 'tradeoff' },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1180, height: 760 }, colorScheme: 'light' });
  await page.goto(pathToFileURL(join(root, 'reports', 'report.html')).href);
  for (const { name, anchor } of pictures) {
    await page.locator(`#${anchor}`).evaluate((section) => section.scrollIntoView({ behavior: 'instant' }));
    await page.screenshot({ path: join(root, 'docs', 'images', name), animations: 'disabled' });
  }
} finally {
  await browser.close();
}
