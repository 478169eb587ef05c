import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, sharedStudio } from './harness.ts';
import { screenTour } from './screen-tour.ts';

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];

type PageWithAxe = Window & { readonly axe: typeof axe };

/** What axe finds against the rules: the rule and the elements, one a line. */
async function findings(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  return page.evaluate(async (tags) => {
    const { violations, passes } = await (window as unknown as PageWithAxe).axe.run(document, {
      runOnly: { type: 'tag', values: tags },
      resultTypes: ['violations'],
    });
    if (passes.length === 0) return ['axe looked at nothing'];
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${String(target)}: ${failureSummary ?? ''}`),
    );
  }, rules);
}

/** Waits until nothing on the page is on its way to another colour or place; what turns for ever does not count. */
async function stillness(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const frame = (): Promise<number> => new Promise(requestAnimationFrame);
    const moving = (): Animation[] =>
      document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
    do {
      await Promise.allSettled(moving().map(({ finished }) => finished));
      await frame();
      await frame();
    } while (moving().length > 0);
  });
}

describe('accessibility, by axe at WCAG 2.1 AA, in light and dark', () => {
  const shared = sharedStudio();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(await realpath(tmpdir()), 'studio-tour-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(screenTour())('$name', async ({ go, stays }) => {
    const studio = shared();
    const { page } = studio;
    await go({ ...studio, folder });
    for (const theme of ['light', 'dark'] as const) {
      await call(page, 'settings:set', { theme });
      await page.locator(`html[data-theme=${theme}]`).waitFor();
      await stillness(page);
      expect(await findings(page), theme).toEqual([]);
    }
    await stays?.(page);
  });
});
