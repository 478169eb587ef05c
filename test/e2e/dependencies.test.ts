import { describe, expect, it } from 'vitest';
import type { Locator, Page } from 'playwright-core';
import { sharedStudio } from './harness.ts';
import { expectFocus, tabTo } from './keyboard-hand.ts';
import { choose, chooseDemo, goOn, region, type } from './wizard-hand.ts';

/** The demo: 8 layers, hidden size 160, 10 heads of 16, 448 channels, a tied embedding. */

const vertex = (page: Page, name: string | RegExp): Locator =>
  page.getByRole('application', { name: 'Chain of dependencies' }).getByRole('button', { name });

/** The table behind the picture: step, where, weight, shape, what goes, by the rule. */
async function tableRows(page: Page): Promise<string[][]> {
  const rows = await region(page, 'Weights of the chain').locator('tbody tr').all();
  return Promise.all(rows.map((row) => row.locator('th, td').allInnerTexts()));
}

const summary = (page: Page): Locator => region(page, 'What it pulls along').locator('.chain-summary');
const side = (page: Page, name: 'Row' | 'Column'): Promise<void> =>
  page.getByRole('radiogroup', { name: 'Rows or columns' }).getByText(name, { exact: true }).click();

describe('the dependency explorer', () => {
  const shared = sharedStudio();

  it('opens from a layer of the plan, and shows the head that a row pulls along', async () => {
    const { page } = shared();
    await chooseDemo(page);
    await goOn(page, 'Model');
    await page.getByRole('application', { name: 'Model map' }).press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary').getByRole('link', { name: 'See dependencies' }).click();
    await page.getByRole('heading', { level: 1, name: 'Dependencies' }).waitFor();
    await choose(page, 'Where', 'Layer 3');
    await choose(page, 'Weight', 'self_attn.q_proj.weight');
    await type(page.getByRole('spinbutton', { name: 'Index' }), '40');

    await expect
      .poll(() => summary(page).innerText())
      .toMatch(/goes structure 3 of 10: parts of 4 weights, 10,240 parameters/);
    expect(await summary(page).innerText()).toContain('comes to 1 of them');
    expect(await tableRows(page)).toEqual([
      ['0', 'Layer 3', 'self_attn.q_proj.weight', '160 × 160', 'rows 32–47', 'Yes'],
      ['5', 'Layer 3', 'self_attn.v_proj.weight', '160 × 160', 'rows 32–47', 'No'],
      ['5', 'Layer 3', 'self_attn.o_proj.weight', '160 × 160', 'columns 32–47', 'No'],
      ['6', 'Layer 3', 'self_attn.k_proj.weight', '160 × 160', 'rows 32–47', 'No'],
    ]);
    expect(await vertex(page, /./).count()).toBe(11);
    await vertex(page, /^attention, /).click();
    const selected = await region(page, 'Selected').innerText();
    expect(selected).toContain('attention has in-degree 3');
    expect(selected).toContain('Beyond the rule');
    expect(selected).toContain('LLM-Pruner, §3.1');
    expect(await page.locator('.model-map-lit').count()).toBe(1);
  });

  it('follows to a column, backwards by the rule alone', async () => {
    const { page } = shared();
    await choose(page, 'Weight', 'mlp.down_proj.weight');
    await side(page, 'Column');
    await type(page.getByRole('spinbutton', { name: 'Index' }), '447');
    await expect.poll(() => summary(page).innerText()).toContain('structure 448 of 448');
    expect(await summary(page).innerText()).toContain("The paper's rule alone comes to all of them.");
    expect((await tableRows(page)).map(([step, , weight, , goes]) => [step, weight, goes])).toEqual([
      ['0', 'mlp.down_proj.weight', 'column 447'],
      ['2', 'mlp.up_proj.weight', 'row 447'],
      ['3', 'mlp.gate_proj.weight', 'row 447'],
    ]);
    expect(await region(page, 'Selected').innerText()).toContain('multiply (gate) has out-degree 1');
  });

  it('collapses the layers that a hidden index goes through, and opens one', async () => {
    const { page } = shared();
    await side(page, 'Row');
    await type(page.getByRole('spinbutton', { name: 'Index' }), '7');
    await vertex(page, /^Layers 0–2, /).waitFor();
    await expect.poll(() => summary(page).innerText()).toContain('parts of 74 weights');
    expect(await page.locator('.model-map-lit').count()).toBe(2 + 2 * 8);
    await vertex(page, /^Layers 4–7, /).click();
    await choose(page, 'Open a layer', 'Layer 7');
    await vertex(page, /^Layers 0–6, /).waitFor();
    expect(await tableRows(page)).toContainEqual([
      '0',
      'Layers 0–6',
      'mlp.down_proj.weight',
      '160 × 448',
      'row 7',
      'No',
    ]);
  });

  it('says why a token cannot go', async () => {
    const { page } = shared();
    await choose(page, 'Where', 'Before the layers');
    await page.getByText('nothing can go. Why: the vocabulary belongs to the tokenizer.').waitFor();
    expect(await page.locator('.model-map-lit').count()).toBe(0);
  });

  it('starts at the place of the map that is clicked', async () => {
    const { page } = shared();
    const map = page.getByRole('application', { name: 'Model map' });
    await map.press('End');
    await page.keyboard.press('PageDown');
    await page.keyboard.press('Enter');
    await vertex(page, 'mlp.gate_proj, row 0, chosen').waitFor();
    expect((await tableRows(page))[0][1]).toBe('Layer 7');
  });

  it('is walked by keys alone', async () => {
    const { page } = shared();
    await tabTo(page, vertex(page, 'mlp.gate_proj, row 0, chosen'));
    const walk = [
      ['ArrowDown', /^SiLU, /],
      ['ArrowDown', /^multiply \(gate\), /],
      ['ArrowDown', /^mlp\.down_proj, /],
      ['ArrowUp', /^multiply \(gate\), /],
      ['Home', /^mlp\.gate_proj, /],
      ['ArrowDown', /^SiLU, /],
    ] as const;
    for (const [key, name] of walk) {
      await page.keyboard.press(key);
      await expectFocus(vertex(page, name));
    }
    await page.keyboard.press('Enter');
    await expect
      .poll(() => region(page, 'Selected').getByRole('heading', { level: 3 }).first().innerText())
      .toBe('SiLU');
  });

  it('comes back to where it was after a reload', async () => {
    const { page } = shared();
    await page.reload();
    await vertex(page, 'mlp.gate_proj, row 0, chosen').waitFor();
  });
});
