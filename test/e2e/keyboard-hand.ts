import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** More stops than any screen has. */
const maxStops = 150;

/** What has the focus, as the page tells it. */
interface Focus {
  /** The same for the same element. */
  readonly key: string;
  readonly isBody: boolean;
  /** For a message. */
  readonly name: string;
  /** Whether focus changes how the element, or what stands for it, looks. */
  readonly isMarked: boolean;
  readonly isInSight: boolean;
}

type Numbered = Window & { focusKeys?: WeakMap<Element, string>; focusCount?: number };

/** Looks at the focus. Blurs and focuses again, since only the difference shows what marks it. */
function lookAtFocus(page: Page): Promise<Focus> {
  return page.evaluate(async () => {
    const scope = window as Numbered;
    const keys = (scope.focusKeys ??= new WeakMap());
    const focused = document.activeElement as HTMLElement;
    if (!keys.has(focused)) keys.set(focused, String((scope.focusCount = (scope.focusCount ?? 0) + 1)));
    const chain: Element[] = [];
    for (let at: Element | null = focused; at !== null && chain.length < 4; at = at.parentElement)
      chain.push(at);
    const lookOf = ({ outlineStyle, outlineWidth, boxShadow }: CSSStyleDeclaration): unknown => [
      outlineStyle === 'none' ? '0px' : outlineWidth,
      boxShadow,
    ];
    const looks = (): string => {
      const boxes = chain.flatMap((element) => [
        getComputedStyle(element),
        getComputedStyle(element, '::after'),
      ]);
      return JSON.stringify(boxes.map(lookOf));
    };
    // A field may mark itself some frames after the focus came, or went.
    const after = async (look: string): Promise<string> => {
      for (let frames = 0; frames < 20 && looks() === look; frames++)
        await new Promise(requestAnimationFrame);
      return looks();
    };
    const first = looks();
    focused.blur();
    const plain = await after(first);
    focused.focus({ preventScroll: true });
    const marked = await after(plain);
    // An input that is only there for the keyboard is shown by its label.
    const shown = focused.matches('input[type=radio]') ? (focused.closest('label') ?? focused) : focused;
    const isInSight = await new Promise<boolean>((resolve) => {
      const observer = new IntersectionObserver(([entry]) => {
        observer.disconnect();
        resolve(
          entry.isIntersecting &&
            entry.intersectionRect.height >= Math.min(12, entry.boundingClientRect.height),
        );
      });
      observer.observe(shown);
    });
    return {
      key: keys.get(focused) ?? '',
      isBody: focused === document.body,
      name: `${focused.tagName} ${focused.getAttribute('role') ?? ''} "${(focused.getAttribute('aria-label') ?? focused.textContent).slice(0, 60)}"`,
      isMarked: marked !== plain,
      isInSight,
    };
  });
}

const hasFocus = (target: Locator): Promise<boolean> =>
  target.evaluateAll((elements) => elements.some((element) => element === document.activeElement));

/** Tabs until `target` has the focus. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stops = 0; stops < maxStops; stops++) {
    await page.keyboard.press('Tab');
    if (await hasFocus(target)) return;
  }
  expect.fail(`The Tab key never came to ${String(target)}.`);
}

export async function expectFocus(target: Locator): Promise<void> {
  await expect.poll(() => hasFocus(target), { message: String(target) }).toBe(true);
}

/** Everything the Tab key comes to until it is back where it began. */
export async function tabThrough(page: Page): Promise<readonly Focus[]> {
  const passed: Focus[] = [];
  for (;;) {
    await page.keyboard.press('Tab');
    let focus = await lookAtFocus(page);
    // Behind the last element the focus leaves the page, and the browser gives it back a moment later.
    if (focus.isBody && (await isGivenBack(page))) focus = await lookAtFocus(page);
    if (focus.isBody) continue;
    if (focus.key === passed[0]?.key) return passed;
    if (passed.some(({ key }) => key === focus.key) || passed.length > maxStops) {
      expect.fail(`The Tab key goes in circles: ${[...passed, focus].map(({ name }) => name).join(', ')}`);
    }
    passed.push(focus);
  }
}

async function isGivenBack(page: Page): Promise<boolean> {
  const back = page.waitForFunction(() => document.activeElement !== document.body, undefined, {
    timeout: 1000,
  });
  return back.then(
    () => true,
    () => false,
  );
}

/** How many elements of the page can be tabbed to: of a group of radio buttons, one. */
export function tabbable(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const groups = new Set<string>();
    return [
      ...document.querySelectorAll<HTMLElement>(
        'a[href], button, input, select, summary, textarea, [tabindex]',
      ),
    ]
      .filter((element) => element.tabIndex >= 0 && !element.matches(':disabled'))
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .filter((element) => {
        if (!element.matches('input[type=radio]')) return true;
        const { name } = element as HTMLInputElement;
        return !groups.has(name) && groups.add(name);
      })
      .map((element) =>
        `${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent}`.slice(0, 80),
      );
  });
}
