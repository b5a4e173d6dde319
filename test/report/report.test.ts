// The report stage as the runner starts it, and its page in a real browser.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { findContrastFaults, findStructureFaults } from './accessibility.ts';
import { openBrowser, openReport } from './browser.ts';
import type { OpenedPage } from './browser.ts';
import { runReport, sixModels, writeWorkspace } from './fixture.ts';
import type { WorkspaceRecipe } from './fixture.ts';

const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, colorScheme: 'light' };
const phone: BrowserContextOptions = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

let browser: Browser;
let folder: string;

beforeAll(async () => {
  browser = await openBrowser();
  folder = mkdtempSync(join(tmpdir(), 'report-test-'));
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

async function makeReport(name: string, recipe: WorkspaceRecipe): Promise<{ html: string; summary: string }> {
  const root = join(folder, name);
  mkdirSync(root);
  await writeWorkspace(root, recipe);
  return runReport(root);
}

/** Opens, looks, closes; a page that has complained fails the test. */
async function visit(
  file: string,
  options: BrowserContextOptions,
  look: (opened: OpenedPage) => Promise<void>,
): Promise<void> {
  const opened = await openReport(browser, file, options);
  try {
    await look(opened);
    expect(opened.complaints).toEqual([]);
  } finally {
    await opened.page.context().close();
  }
}

describe('the report of six models', () => {
  let report: { html: string; summary: string };
  beforeAll(async () => {
    report = await makeReport('six', sixModels);
  });
  const open = (options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> =>
    visit(report.html, options, ({ page }) => look(page));

  it('has the same bytes when made again, and no more than 2 MB', async () => {
    const before = readFileSync(report.html);
    await runReport(join(folder, 'six'));
    expect(readFileSync(report.html).equals(before)).toBe(true);
    expect(statSync(report.html).size).toBeLessThan(2_000_000);
  });

  it('names the winner first, with reasons, runner-up, firmness and warnings', () =>
    open(desktop, async (page) => {
      expect((await page.textContent('h1'))?.trim()).toBe('compact');
      expect(await page.evaluate(`document.querySelector('main > section').id`)).toBe('verdict');
      const verdict = await page.innerText('#verdict');
      expect(verdict).toContain('is the best of 4 models for these weights');
      expect(verdict).toMatch(/Validation accuracy\s+37\.6%\s+test 36\.8%/);
      expect(verdict).toMatch(/runner-up/);
      expect(verdict).toMatch(/same winner in 6 of 6 cases/);
      expect(verdict).toContain('The timing of "baseline" is missing');
      expect(verdict).toContain('4 models compared: 3 of this run, 1 of the history; 2 left out');
      const reasons = await page.innerText('.left-out');
      expect(reasons).toMatch(/wide-residual\s.*maximum of 900,000/);
      expect(reasons).toMatch(/baseline\s+mean_predictions_time is not known/);
    }));

  it('shows the heatmap', () =>
    open(desktop, async (page) => {
      const heatmap = page.locator('.heatmap img');
      await heatmap.scrollIntoViewIfNeeded();
      expect(
        await heatmap.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
      ).toBeGreaterThan(300);
      expect(await heatmap.getAttribute('alt')).toContain('compact 7.620');
    }));

  it('sorts the ranking by mouse and by keyboard', () =>
    open(desktop, async (page) => {
      const names = async (): Promise<string[]> => page.locator('.ranking tbody th a').allInnerTexts();
      const accuracy = page.locator('.ranking thead th', { hasText: 'Accuracy' });
      const ranks = page.locator('.ranking thead th', { hasText: 'Rank' });
      expect(await ranks.getAttribute('aria-sort')).toBe('ascending');
      expect((await names())[0]).toBe('compact');
      await accuracy.locator('button').click();
      expect(await accuracy.getAttribute('aria-sort')).toBe('descending');
      expect(await ranks.getAttribute('aria-sort')).toBeNull();
      expect((await names())[0]).toBe('residual');
      await accuracy.locator('button').focus();
      await page.keyboard.press('Enter');
      expect(await accuracy.getAttribute('aria-sort')).toBe('ascending');
      expect((await names()).at(-1)).toBe('residual');
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Space');
      expect(await page.locator('.ranking thead th', { hasText: 'Score' }).getAttribute('aria-sort')).toBe(
        'descending',
      );
      expect((await names())[0]).toBe('compact');
    }));

  it('switches the cost of the scatter plot, with every point and its front', () =>
    open(desktop, async (page) => {
      const visible = page.locator('.plot:visible');
      expect(await visible.getAttribute('data-cost')).toBe('complexity');
      expect(await visible.locator('.mark-symbol path').count()).toBe(6);
      expect(await visible.locator('.front a').allInnerTexts()).toEqual(['compact', 'separable', 'residual']);
      await page.locator('.tradeoff input:checked').focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      expect(await visible.getAttribute('data-cost')).toBe('mean_predictions_time');
      expect(await visible.locator('.mark-symbol path').count()).toBe(5);
      expect(await visible.innerText()).toContain('Not shown, because the cost is not known: baseline');
      await visible.locator('.mark-symbol path').first().hover();
      expect(await page.innerText('#tip')).toMatch(/compact.*37\.6%, 0\.118 ms/);
    }));

  it('shows one model at a time; select, buttons and links choose which', () =>
    open(desktop, async (page) => {
      const panel = page.locator('article.model:visible');
      const title = async (): Promise<string> => (await panel.locator('h3').innerText()).split('\n')[0]!.trim();
      const look = async () => ({
        curves: await panel.locator('.curve').first().innerHTML(),
        matrix: await panel
          .locator('canvas')
          .evaluate((canvas) => (canvas as unknown as { toDataURL: () => string }).toDataURL()),
        preview: await panel.locator('.preview').innerHTML(),
      });
      expect(await panel.count()).toBe(1);
      expect(await title()).toMatch(/^compact/);
      const first = await look();
      await page.getByLabel('Model', { exact: true }).selectOption({ index: 2 });
      expect(await title()).toBe('separable');
      const second = await look();
      expect(second.curves).not.toBe(first.curves);
      expect(second.matrix).not.toBe(first.matrix);
      expect(second.preview).not.toBe(first.preview);
      await page.getByRole('button', { name: 'Next model' }).click();
      expect(await title()).toBe('residual');
      expect(page.url()).toContain('#model-');
      // The page follows the address, which it is told of a moment after the click.
      const followed = panel.locator('h3', { hasText: 'compact · ' });
      await page.locator('.ranking tbody a').nth(1).click();
      await followed.waitFor({ timeout: 10_000 });
      expect(await title()).toMatch(/^compact · /);
      expect(await panel.innerText()).toContain('from history, 2026-03-04');
      await page.reload();
      await followed.waitFor({ timeout: 10_000 });
      expect(await title()).toMatch(/^compact · /);
    }));

  it('reads the confusion matrix by pointer and by keyboard', () =>
    open(desktop, async (page) => {
      const panel = page.locator('article.model:visible');
      const canvas = panel.locator('canvas');
      const row = panel.locator('[data-split=test] tbody tr').first();
      const [truth, predicted, times] = (await row.locator('th, td').allInnerTexts()) as [string, string, string];
      const classes = JSON.parse((await page.textContent('#class-lists'))!) as string[][];
      const [down, along] = [classes[0]!.indexOf(truth), classes[0]!.indexOf(predicted)];
      const box = (await canvas.boundingBox())!;
      await canvas.scrollIntoViewIfNeeded();
      await canvas.hover({ position: { x: ((along + 0.5) * box.width) / 100, y: ((down + 0.5) * box.height) / 100 } });
      const expected = `${truth} taken for ${predicted}: ${times} of 100 (${times}.0%)`;
      expect(await page.innerText('#tip')).toBe(expected);
      expect(await panel.locator('.readout').innerText()).toBe(expected);
      await canvas.focus();
      for (let at = along; at < down; at++) await page.keyboard.press('ArrowRight');
      for (let at = down; at < along; at++) await page.keyboard.press('ArrowLeft');
      expect(await panel.locator('.readout').innerText()).toContain(`${truth}: recognised`);
      await panel.getByLabel('Validation', { exact: true }).check({ force: true });
      expect(await panel.locator('.mistakes:visible').getAttribute('data-split')).toBe('val');
    }));

  it('tells the figures of an epoch under the pointer', () =>
    open(desktop, async (page) => {
      const panel = page.locator('article.model:visible');
      const chart = panel.locator('.curve').nth(1);
      await chart.scrollIntoViewIfNeeded();
      const plot = (await chart.locator('.root > g > .background').boundingBox())!;
      await page.mouse.move(plot.x + plot.width - 1, plot.y + 20);
      const cells = await panel
        .locator('details')
        .first()
        .locator('tbody tr')
        .last()
        .locator('th, td')
        .allTextContents();
      expect(await page.innerText('#tip')).toBe(`Epoch 12\nvalidation ${cells[4]!}\ntraining ${cells[3]!}`);
      expect(await chart.locator('.cursor').isVisible()).toBe(true);
      await page.mouse.move(2, 2);
      expect(await page.locator('#tip').isVisible()).toBe(false);
    }));

  it('shows test images with a sign as well as a colour', () =>
    open(desktop, async (page) => {
      const items = page.locator('article.model:visible .preview li');
      expect(await items.count()).toBe(12);
      const wrong = page.locator('article.model:visible .preview li.wrong').first();
      expect(await wrong.innerText()).toMatch(/✗.*\n?.*is /s);
      expect(await wrong.locator('img').getAttribute('alt')).toMatch(/taken for/);
      const colours = await items
        .locator('img')
        .evaluateAll((images) =>
          images.map(
            (image) =>
              (globalThis as unknown as { getComputedStyle: (e: unknown) => { borderColor: string } }).getComputedStyle(
                image,
              ).borderColor,
          ),
        );
      expect(new Set(colours).size).toBe(2);
    }));

  it('says so where the cache no longer has the details', () =>
    open(desktop, async (page) => {
      await page.locator('.left-out a', { hasText: 'baseline' }).click();
      const panel = page.locator('article.model:visible');
      expect(await panel.innerText()).toContain('The details are no longer in the cache');
      expect(await panel.innerText()).toContain('The preview images are no longer in the cache');
      expect(await panel.locator('.curve').count()).toBe(2);
      expect(await panel.locator('.excluded-reason').innerText()).toContain('mean_predictions_time is not known');
    }));

  it.each([
    ['light', desktop],
    ['dark', { ...desktop, colorScheme: 'dark' }],
    ['phone', phone],
  ] as const)('is accessible: %s', (_, options) =>
    open(options, async (page) => {
      expect(await findStructureFaults(page)).toEqual([]);
      expect(await findContrastFaults(page)).toEqual([]);
    }),
  );

  it('follows the colour scheme, also in charts and matrix', () =>
    open(desktop, async (page) => {
      const look = async () => ({
        page: await page.evaluate(`getComputedStyle(document.body).backgroundColor`),
        text: await page.evaluate(`getComputedStyle(document.querySelector('.curve text')).fill`),
        matrix: await page.evaluate(`document.querySelector('canvas').toDataURL()`),
      });
      const light = await look();
      await page.emulateMedia({ colorScheme: 'dark' });
      const dark = await look();
      expect(dark.page).not.toBe(light.page);
      expect(dark.text).not.toBe(light.text);
      expect(dark.matrix).not.toBe(light.matrix);
    }));

  it('fits a phone: only tables and charts scroll sideways, each in its own box', () =>
    open(phone, async (page) => {
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      const models = await page.locator('#model-choice option').count();
      for (let index = 0; index < models; index++) {
        await page.getByLabel('Model', { exact: true }).selectOption({ index });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      }
    }));

  it('has the essentials without JavaScript', () =>
    visit(report.html, { ...desktop, javaScriptEnabled: false }, async ({ page }) => {
      expect(await page.locator('h1').innerText()).toBe('compact');
      expect(await page.locator('.ranking tbody tr').count()).toBe(4);
      expect(await page.locator('.switcher').isVisible()).toBe(false);
      expect(await page.locator('article.model:visible').count()).toBe(6);
      expect(await page.locator('.curve:visible svg').count()).toBe(12);
      expect(await page.locator('.mistakes:visible').count()).toBe(5);
      expect(await page.locator('.plot:visible').count()).toBe(1);
      await page.locator('.tradeoff label', { hasText: 'MACs' }).click();
      expect(await page.locator('.plot:visible').getAttribute('data-cost')).toBe('macs');
    }));

  it('has a policy that lets nothing in from outside', () => {
    const html = readFileSync(report.html, 'utf8');
    expect(html).toContain('default-src &#39;none&#39;');
    expect(html).not.toMatch(/unsafe-/);
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  it('summarises in Markdown', () => {
    const summary = readFileSync(report.summary, 'utf8');
    expect(summary).toMatch(/^## Best model: compact\n/);
    expect(summary).toMatch(/\| 1 \| compact \| 7\.620 \| 37\.6% \| 14,612 \| 0\.118 ms \| 36\.8% \| this run \|/);
    expect(summary).toContain('Not compared: 2 models of other data. Figures are of the validation split;');
    expect(summary).toMatch(/### Left out\n\n- wide-residual: /);
    expect(summary).toMatch(/### Warnings\n\n- The timing of "baseline"/);
  });
});

describe('names that are markup', () => {
  const names = [
    '<script>window.hacked = true</script>',
    '"><img src=x onerror="window.hacked = true">',
    '</script></style></svg><b>$& <%= 1 %> | `x`',
  ];
  it('stand as text everywhere', async () => {
    const report = await makeReport('hostile', {
      models: names.map((name, index) => ({
        name,
        skill: 0.4 - index / 20,
        filters: 8 + index,
        epochs: 2,
        time: 0.1 + index / 100,
      })),
      classes: ['</script><script>window.hacked = true</script>', '<b>bold</b>', "it's & co"],
      warnings: ['<img src=x onerror="window.hacked = true">'],
    });
    await visit(report.html, desktop, async ({ page }) => {
      expect(await page.evaluate('window.hacked')).toBeUndefined();
      expect(await page.locator('h1').innerText()).toBe(names[0]);
      expect(await page.locator('.ranking tbody th a').allInnerTexts()).toEqual(names);
      expect(await page.locator('#model-choice option').allTextContents()).toEqual(
        names.map((name, index) => expect.stringContaining(`${String(index + 1)}\u2002${name}`)),
      );
      expect(await page.innerText('article.model:visible .mistakes:visible')).toContain('<b>bold</b>');
      expect(await page.locator('main b, main img[src=x]').count()).toBe(0);
      const scatter = await page.locator('.plot:visible svg').textContent();
      expect(scatter).toContain('<script>window.hacked');
      await page.locator('article.model:visible canvas').focus();
      await page.keyboard.press('ArrowRight');
      expect(await page.innerText('article.model:visible .readout')).toContain(
        `</script><script>window.hacked = true</script>`,
      );
    });
    const summary = readFileSync(report.summary, 'utf8');
    expect(summary).not.toMatch(/<(?:script|img)/);
    expect(summary.split('\n').filter((line) => line.startsWith('| 3 |'))).toHaveLength(1);
  });
});

describe('unusual rankings', () => {
  it('says so where no model can be chosen', async () => {
    const report = await makeReport('none', {
      models: [{ name: 'only', skill: 0.4, filters: 8, epochs: 1, time: 0.1 }],
      classes: ['a', 'b', 'c'],
      settings: { constraints: { val_acc: { min: 0.99 } } },
    });
    await visit(report.html, desktop, async ({ page }) => {
      expect(await page.locator('h1').innerText()).toBe('No model can be chosen');
      expect(await page.innerText('.left-out')).toMatch(/only\s.*99/);
      expect(await page.locator('article.model:visible').count()).toBe(1);
      expect(await findStructureFaults(page)).toEqual([]);
    });
    expect(readFileSync(report.summary, 'utf8')).toMatch(/^## No model can be chosen\n/);
  });

  it('stays below 10 MB with 40 models of 100 classes', async () => {
    const models = Array.from({ length: 40 }, (_, index) => ({
      name: `model-${String(index)}`,
      skill: 0.2 + index / 120,
      filters: 8 + 2 * index,
      epochs: 30,
      history: index % 3 === 0,
      time: 0.1 + index / 50,
    }));
    const report = await makeReport('many', { models });
    expect(statSync(report.html).size).toBeLessThan(10_000_000);
    await visit(report.html, phone, async ({ page }) => {
      expect(await page.locator('.ranking tbody tr').count()).toBe(40);
      expect(await page.innerText('#metrics .section-head')).toContain('The best 24 of 40 models.');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    });
  });
});
