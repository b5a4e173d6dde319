// A real browser for the tests of the report. Installs nothing: where there is none, the tests say what to install.

import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(
      `The tests of the report need Chromium, and ${executablePath} does not exist. ` +
        'Install it (Debian, Ubuntu: apt-get install chromium), or set CHROMIUM to the path of a Chrome or Chromium.',
    );
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export interface OpenedPage {
  readonly page: Page;
  /** What went wrong so far: console messages, exceptions, blocked content, and requests to anywhere but the file itself. */
  readonly complaints: readonly string[];
}

/** Opens the file from disk, as somebody would who was sent it. */
export async function openReport(browser: Browser, file: string, options: BrowserContextOptions): Promise<OpenedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const address = pathToFileURL(file).href;
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith('data:') && url !== address) complaints.push(`request: ${url}`);
  });
  await page.goto(address);
  return { page, complaints };
}
