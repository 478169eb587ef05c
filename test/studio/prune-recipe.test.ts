import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../main/studio/inspect-model.ts';
import { prepareRunOf, type PreparedRun } from '../../main/studio/preview-plan.ts';
import { checkRecipe } from '../../main/studio/recipe.ts';

const folder = path.resolve(import.meta.dirname, '../golden/published/llama-7b');
const model = await inspectModel(folder);

const prepared = (prune: object): PreparedRun =>
  prepareRunOf(model, checkRecipe({ model: folder, prune }, 'here'));

describe('what a run keeps of a recipe', () => {
  it('has no trace of what is at its default, so that identities stay', () => {
    const plain = prepared({}).settings.prune;
    expect(Object.keys(plain)).toEqual(['criterion', 'aggregation', 'ratio', 'gqaFold', 'windows', 'seed']);
    const spelled = {
      mode: 'block',
      target: null,
      steps: 1,
      unit: 'group',
      scope: 'local',
      round: 1,
      uniform: false,
      drop: 'last',
      edits: { exclude: { attention: [], mlp: [] }, ratios: {}, keep: {} },
    };
    expect(JSON.stringify(prepared(spelled).settings.prune)).toBe(JSON.stringify(plain));
  });

  it('is the same however edits were written down', () => {
    const edited = (edits: object): string => JSON.stringify(prepared({ edits }).settings.prune);
    expect(
      edited({
        keep: { heads: { 7: [3, 0, 3], 5: [1] } },
        exclude: { mlp: [9, 8] },
        ratios: { mlp: { 12: 0.1, 4: 0.5 } },
      }),
    ).toBe(
      edited({
        exclude: { mlp: [8, 9, 8] },
        ratios: { mlp: { 4: 0.5, 12: 0.1 } },
        keep: { heads: { 5: [1], 7: [0, 3] } },
      }),
    );
  });

  it('says what ratio a target came to, whatever ratio stood beside it', () => {
    for (const ratio of [0.1, 0.9]) {
      const { settings, preview } = prepared({ ratio, target: { parameters: 5_422_977_024 } });
      expect(settings.prune).toMatchObject({ ratio: 0.25, target: { parameters: 5_422_977_024 } });
      expect(preview).toMatchObject({ ratioInWindow: 0.25, after: { parameters: 5_422_977_024 } });
    }
    expect(prepared({ target: { bytes: '10GiB' } }).settings.prune.target).toEqual({ bytes: 10 * 2 ** 30 });
  });

  it('has all layers as its window where all are concerned', () => {
    const all = { attention: [0, 32], mlp: [0, 32] };
    expect(prepared({ mode: 'layer', layers: { attention: [4, 30] } }).settings.prune.windows).toEqual(all);
    expect(prepared({ uniform: true }).settings.prune.windows).toEqual(all);
    expect(prepared({ uniform: true, layers: { attention: [0, 0] } }).settings.prune.windows).toEqual({
      attention: [0, 0],
      mlp: [0, 32],
    });
  });
});

describe('the plan', () => {
  it('tells of widths that run no faster than the next multiple of 64', () => {
    expect(prepared({ ratio: 0.25 }).preview.unevenWidths).toEqual([]);
    expect(prepared({ ratio: 0.2 }).preview.unevenWidths).toEqual([8806]);
    expect(prepared({ ratio: 0.2, round: 8 }).preview.unevenWidths).toEqual([8800]);
    expect(prepared({ ratio: 0.2, round: 64 }).preview.unevenWidths).toEqual([]);
    expect(prepared({ ratio: 0.2, mode: 'channel' }).preview.unevenWidths).toEqual([3276]);
  });

  it('leaves nothing of layers that go, and says where scores decide', () => {
    const { preview } = prepared({ mode: 'layer', ratio: 0.25, drop: 'last' });
    expect(preview.layers[23].after).toEqual(preview.layers[23].before);
    expect(preview.layers[24].after).toEqual({ heads: 0, kvHeads: 0, mlpWidth: 0 });
    expect(preview.after.parameters).toBe(6_738_415_616 - 8 * 202_383_360);
    expect(preview.awaitsScores).toBe(false);
    for (const prune of [{ mode: 'layer' }, { scope: 'global' }, { scope: 'global-published' }])
      expect(prepared(prune).preview.awaitsScores).toBe(true);
  });

  it('of a global ranking has the size that the ratio is of the windows, to a channel', () => {
    const { preview } = prepared({ scope: 'global', ratio: 0.25 });
    const goal = 6_738_415_616 - 26 * 202_375_168 + Math.trunc(26 * 202_375_168 * 0.75);
    expect(preview.after.parameters).toBeLessThanOrEqual(goal);
    expect(preview.after.parameters).toBeGreaterThan(goal - 3 * 4096);
  });
});

describe('keys that mean nothing beside each other', () => {
  const edits = { exclude: { attention: [3] } };
  const ratios = { ratios: { mlp: { 3: 0.5 } } };

  it.each([
    [{ mode: 'channel', scope: 'global' }, 'prune.scope is for blocks'],
    [{ mode: 'layer', scope: 'global-published' }, 'prune.scope is for blocks'],
    [{ mode: 'layer', uniform: true }, 'prune.uniform is for blocks'],
    [{ mode: 'channel', edits }, 'prune.edits do not go with prune.mode: channel'],
    [{ mode: 'layer', edits: ratios }, 'of prune.edits, only exclude goes with prune.mode: layer'],
    [{ mode: 'layer', round: 8 }, 'prune.round does not go with prune.mode: layer'],
    [{ mode: 'layer', steps: 2 }, 'layers are judged once: prune.steps does not go with prune.mode: layer'],
    [{ uniform: true, scope: 'global' }, 'and prune.uniform all the same'],
    [{ scope: 'global-published', target: { percent: 80 } }, 'for prune.target take prune.scope: global'],
    [{ mode: 'channel', unit: 'query-head' }, 'prune.unit is for blocks'],
    [{ unit: 'query-head', gqaFold: 'published' }, 'published goes with prune.unit: group'],
    [
      { unit: 'query-head', edits: { keep: { heads: { 5: [1] } } } },
      'all of them stay with prune.unit: query-head',
    ],
    [{ scope: 'global-published', round: 64 }, 'for prune.round take prune.scope: global'],
  ])('are refused with a reason: %j', (prune, reason) => {
    expect(() => prepared(prune)).toThrow(
      expect.objectContaining({
        code: 'combination-unsupported',
        message: expect.stringContaining(reason) as string,
      }),
    );
  });

  it.each([
    { mode: 'layer', edits },
    { mode: 'channel', target: { percent: 80 }, round: 64 },
    { target: { percent: 80 }, scope: 'global', round: 8, steps: 3, edits: { ...edits, ...ratios } },
  ])('and those that do are not: %j', (prune) => {
    expect(prepared(prune).settings.prune.criterion).toBe('taylor-element1');
  });
});

describe('a recipe without a criterion', () => {
  it('has the one that suits the family', async () => {
    expect(prepared({}).settings.prune.criterion).toBe('taylor-element1');
    const glm = await inspectModel(path.resolve(import.meta.dirname, '../golden/families/chatglm'));
    const criterionOf = (prune: object): string =>
      prepareRunOf(glm, checkRecipe({ model: glm.folder, prune }, 'here')).settings.prune.criterion;
    expect(criterionOf({})).toBe('taylor-vector');
    expect(criterionOf({ criterion: 'taylor-element1' })).toBe('taylor-element1');
  });
});

describe('query heads as the unit', () => {
  it('are kept in the settings, and leave all KV heads', async () => {
    const glm = await inspectModel(path.resolve(import.meta.dirname, '../golden/families/chatglm2'));
    const recipe = checkRecipe({ model: glm.folder, prune: { unit: 'query-head', uniform: true } }, 'here');
    const { settings, preview } = prepareRunOf(glm, recipe);
    expect(settings.prune.unit).toBe('query-head');
    expect(preview.layers.map(({ after }) => [after.heads, after.kvHeads])).toEqual([
      [6, 2],
      [6, 2],
      [6, 2],
    ]);
  });
});
