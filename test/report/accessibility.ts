// Checks that run inside the page: what a screen reader, a keyboard and weak eyes need of it. Each gives a list of faults, empty where all is well.

import type { Page } from 'playwright-core';

/** Names, labels, headings, tables, ids, landmarks. */
export async function findStructureFaults(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const faults = [];
    const complain = (what, element) => faults.push(what + ': ' + element.outerHTML.slice(0, 120));
    const all = (selector) => [...document.querySelectorAll(selector)];
    const nameOf = (element) => (element.getAttribute('aria-label') ?? document.getElementById(element.getAttribute('aria-labelledby'))?.textContent ?? element.textContent).trim();
    for (const image of all('img')) if (!image.alt) complain('image without alt', image);
    for (const control of all('input, select')) if (control.labels.length === 0) complain('control without label', control);
    for (const control of all('button, a[href], summary, canvas, [role=region], [role=img], nav')) if (nameOf(control) === '') complain('no name', control);
    for (const field of all('fieldset')) if (!field.querySelector('legend')) complain('fieldset without legend', field);
    for (const table of all('table')) {
      if (!table.caption || table.caption.textContent.trim() === '') complain('table without caption', table);
      if ([...table.querySelectorAll('th')].some((head) => !head.scope)) complain('head without scope', table);
    }
    for (const section of all('section')) if (nameOf(section) === '') complain('section without name', section);
    for (const box of all('.scroll')) if (box.scrollWidth > box.clientWidth && box.tabIndex < 0 && !box.querySelector('a, button')) complain('scrolls, but not by keyboard', box);
    for (const link of all('a[href^="#"]')) if (!document.getElementById(decodeURIComponent(link.hash.slice(1)))) complain('link to nowhere', link);
    const ids = all('[id]').map(({ id }) => id);
    for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push('id twice: ' + id);
    let level = 0;
    for (const heading of all('h1, h2, h3, h4, h5')) {
      const own = Number(heading.tagName[1]);
      if (own > level + 1) complain('heading skips a level', heading);
      level = own;
    }
    for (const [selector, count] of [['h1', 1], ['main', 1], ['header.top', 1], ['nav', 1]])
      if (all(selector).length !== count) faults.push(selector + ' ' + all(selector).length + ' times');
    if (!document.documentElement.lang || !document.title) faults.push('no language or title');
    return faults;
  })()`);
}

/** Texts with less contrast than WCAG 2 AA asks for: 4.5, or 3 for large ones. */
export async function findContrastFaults(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const parse = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return { rgb: [r, g, b], alpha: a / 255 };
    };
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const groundOf = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const { rgb, alpha } = parse(getComputedStyle(at).backgroundColor);
        if (alpha === 1) return rgb;
      }
      return [255, 255, 255];
    };
    const faults = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() === '' || !element.checkVisibility() || element.closest('script, style, option')) continue;
      const style = getComputedStyle(element);
      const colour = element instanceof SVGElement ? style.fill : style.color;
      if (style.opacity === '0' || Number(element.getAttribute('opacity') ?? 1) === 0) continue;
      const [light, dark] = [luminance(parse(colour).rgb), luminance(groundOf(element))].sort((a, b) => b - a);
      const contrast = (light + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (contrast < (large ? 3 : 4.5)) faults.add(contrast.toFixed(2) + ' ' + colour + ' "' + walker.currentNode.data.trim().slice(0, 40) + '"');
    }
    return [...faults];
  })()`);
}
