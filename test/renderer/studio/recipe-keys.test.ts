import { describe, expect, it } from 'vitest';
import { checkRecipe, formatRecipe } from '../../../main/studio/recipe.ts';
import { measuresPerplexity, recipeValue, recipeWindows } from '../../../renderer/studio/recipe-keys.ts';

const stored = (evaluate: string | null): string =>
  formatRecipe(
    checkRecipe(
      {
        model: '/models/attention: [9, 9] # odd',
        prune: { ratio: 0.3, layers: { attention: [4, 30], mlp: [3, 31] } },
        evaluate: { text: evaluate },
      },
      'test',
    ),
  );

describe('the keys of a stored recipe', () => {
  it('give the layer windows', () => {
    expect(recipeWindows(stored(null))).toEqual({ attention: [4, 30], mlp: [3, 31] });
  });

  it('tell whether perplexity is measured', () => {
    expect(measuresPerplexity(stored(null))).toBe(false);
    expect(measuresPerplexity(stored('/data/held out.txt'))).toBe(true);
  });

  it('are found at their own depth', () => {
    expect(recipeValue(stored(null), ['prune', 'ratio'])).toBe('0.3');
    expect(recipeValue(stored(null), ['prune', 'seed'])).toBe('42');
    expect(recipeValue(stored(null), ['ratio'])).toBeNull();
    expect(recipeValue(stored(null), ['prune'])).toBeNull();
  });

  it('name no windows where the recipe leaves them open', () => {
    expect(recipeWindows('prune:\n  layers:\n    attention: null\n    mlp: null\n')).toBeNull();
  });
});
