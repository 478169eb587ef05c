import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, sharedStudio, type OpenStudio } from './harness.ts';
import { screenTour } from './screen-tour.ts';

/** Waits until the window is 1280 by 800 at this zoom, and what is measured has followed. */
async function zoomTo({ app, page }: OpenStudio, factor: number): Promise<void> {
  // Where the pointer was left, another term may come to lie: its explanation would open, and take the next Escape.
  await page.mouse.move(0, 0);
  await app.evaluate(({ BrowserWindow }, zoom) => {
    const [window] = BrowserWindow.getAllWindows();
    window.setContentSize(1280, 800);
    window.webContents.setZoomFactor(zoom);
  }, factor);
  await expect
    .poll(() => page.evaluate(() => [innerWidth, innerHeight]))
    .toEqual([1280 / factor, 800 / factor]);
}

async function speak(page: Page, language: 'en' | 'zh-CN'): Promise<void> {
  await call(page, 'settings:set', { language });
  await page.locator(`html[lang=${language}]`).waitFor();
}

/** What floats over the screen was opened where its button is no more: closes it, and opens it where it is now. */
async function openAgain(page: Page): Promise<void> {
  const floating = page.locator('.ant-popover, .ant-select-dropdown').filter({ visible: true });
  await page.keyboard.press('Escape');
  await expect.poll(() => floating.count()).toBe(0);
  await page.evaluate(() => document.activeElement?.scrollIntoView({ block: 'center' }));
  await page.keyboard.press('Enter');
  await floating.waitFor();
}

/** What is cut off on the page, or cannot be scrolled to: in words, one a line. */
function cutOff(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => {
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const found: string[] = [];
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide in ${clientWidth}`);

    const nameOf = (element: Element): string =>
      `${element.tagName.toLowerCase()}.${[...element.classList].join('.')} "${(element.textContent ?? '').slice(0, 40)}"`;
    // What is hidden from sight on purpose, and what is drawn instead of being written, is not looked at.
    const isForEars = (element: Element): boolean =>
      element.closest('.visually-hidden, .skip-link, [aria-hidden=true]') !== null;
    const isShown = (element: Element): boolean =>
      element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const textOf = (element: Element): Range[] =>
      [...element.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== '')
        .map((node) => {
          const range = document.createRange();
          range.selectNodeContents(node);
          return range;
        });
    const isEllipsis = (element: Element): boolean =>
      getComputedStyle(element).textOverflow === 'ellipsis' && element.closest('[title]') !== null;
    const isClamped = (element: Element): boolean => getComputedStyle(element).webkitLineClamp !== 'none';

    /** Why a box is not wholly to be seen, however one scrolls; null where it is. */
    const lost = (box: DOMRect, within: Element | null): string | null => {
      let { left, right, top, bottom } = box;
      if (box.width === 0 || box.height === 0) return null;
      for (let at = within; at !== null; at = at.parentElement) {
        const { overflowX, overflowY, position } = getComputedStyle(at);
        const view = at.getBoundingClientRect();
        const isRoot = at === document.documentElement || at === document.body;
        if (!isRoot && overflowX !== 'visible') {
          const scrolls = overflowX === 'auto' || overflowX === 'scroll';
          const edge = {
            left: view.left - (scrolls ? at.scrollLeft : 0),
            right: view.left - (scrolls ? at.scrollLeft : 0) + (scrolls ? at.scrollWidth : view.width),
          };
          if (left < edge.left - 1 || right > edge.right + 1)
            return isEllipsis(at) || isClamped(at) ? null : `is cut by ${nameOf(at)}`;
          if (scrolls)
            [left, right] = [Math.max(left, view.left), Math.min(Math.max(right, view.left), view.right)];
        }
        if (!isRoot && overflowY !== 'visible') {
          const scrolls = overflowY === 'auto' || overflowY === 'scroll';
          const edge = {
            top: view.top - (scrolls ? at.scrollTop : 0),
            bottom: view.top - (scrolls ? at.scrollTop : 0) + (scrolls ? at.scrollHeight : view.height),
          };
          if (top < edge.top - 1 || bottom > edge.bottom + 1)
            return isEllipsis(at) || isClamped(at) ? null : `is cut by ${nameOf(at)}`;
          if (scrolls)
            [top, bottom] = [Math.max(top, view.top), Math.min(Math.max(bottom, view.top), view.bottom)];
        }
        if (position === 'fixed') break;
      }
      const isInside = left >= -1 && top >= -1 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
      return isInside
        ? null
        : `is outside the window, at ${[left, top, right, bottom].map(Math.round).join(' ')}`;
    };

    for (const element of document.querySelectorAll('body *')) {
      if (!isShown(element) || isForEars(element)) continue;
      const isControl = element.matches('a, button, input, select, summary, [tabindex="0"], [role=slider]');
      const whys = [
        ...textOf(element).map((range) => lost(range.getBoundingClientRect(), element)),
        isControl ? lost(element.getBoundingClientRect(), element.parentElement) : null,
      ];
      found.push(...whys.filter((why) => why !== null).map((why) => `${nameOf(element)} ${why}`));
    }
    return [...new Set(found)];
  });
}

/** Whether the screen's main button, where it has one, can be brought into sight and lies under nothing else. */
async function primaryIsReached(page: Page): Promise<boolean> {
  const button = page.locator('.primary-action');
  if ((await button.count()) === 0) return true;
  await button.scrollIntoViewIfNeeded();
  return button.evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    return x < innerWidth && y < innerHeight && element.contains(document.elementFromPoint(x, y));
  });
}

describe('at 1280 by 800 and at twice the size, in English and Chinese, nothing is cut off:', () => {
  const shared = sharedStudio();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-zoom-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(screenTour())('$name', async ({ go, floats, stays }) => {
    const studio = shared();
    const { page } = studio;
    await go({ ...studio, folder });
    const found: string[] = [];
    for (const zoom of [1, 2]) {
      await zoomTo(studio, zoom);
      for (const language of ['en', 'zh-CN'] as const) {
        await speak(page, language);
        if (floats) await openAgain(page);
        const at = `${language} at ${100 * zoom} %: `;
        found.push(...(await cutOff(page)).map((what) => at + what));
        // A question may lie over it, and is answered first.
        if (!floats && !(await primaryIsReached(page))) found.push(`${at}the main button is out of reach`);
      }
    }
    await zoomTo(studio, 1);
    await speak(page, 'en');
    await stays?.(page);
    expect(found).toEqual([]);
  });
});
