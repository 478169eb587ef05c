import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRecipe, readRecipe } from '../../../main/studio/recipe.ts';
import { recoverSettingsSchema } from '../../../preload/recovery-contract.ts';
import {
  assumedMsPerToken,
  budgetMsOf,
  demoRecovery,
  presetOf,
  publishedRecovery,
  type PresetName,
  type RecoveryDraft,
} from '../../../renderer/recovery/presets.ts';

const weekMs = 7 * 86_400_000;

/** What a preset comes to at a pace, each row as long as it may be. */
const msOf = ({ steps, batchSize, cutoff }: RecoveryDraft, msPerToken: number): number =>
  (steps ?? NaN) * batchSize * cutoff * msPerToken;

describe('the presets of a recovery', () => {
  it('begin with the defaults of a recipe', () => {
    const { recover } = checkRecipe({ model: '/model', recover: { data: '/data' } }, 'test');
    expect({ ...publishedRecovery, data: '/data' }).toEqual(recover);
  });

  it("are for the demo what the demo's recipe says", async () => {
    const { recover } = await readRecipe('resources/demo/recover.yaml', [], path.resolve('.'));
    expect({ ...demoRecovery, data: path.resolve('resources/demo/recovery.txt') }).toEqual(recover);
  });

  const machines = {
    'the demo on a laptop': assumedMsPerToken(2.9e6, 8),
    'a 1B on a laptop': assumedMsPerToken(1.1e9, 8),
    'a 7B on two cores': assumedMsPerToken(6.7e9, 2),
    'a 13B on one core': assumedMsPerToken(13e9, 1),
  };

  it.each(Object.entries(machines))('never promise what takes weeks: %s', (_, msPerToken) => {
    for (const name of ['quick', 'thorough'] as const) {
      const preset = presetOf(name, publishedRecovery, { msPerToken, rows: 50_000 });
      expect(msOf(preset, msPerToken), name).toBeLessThan(weekMs);
      expect(preset.steps, name).toBeGreaterThanOrEqual(10);
    }
  });

  it('keep to their time where the model allows it', () => {
    const msPerToken = assumedMsPerToken(1.1e9, 8);
    for (const name of ['quick', 'thorough'] as const) {
      const preset = presetOf(name, publishedRecovery, { msPerToken, rows: null });
      expect(msOf(preset, msPerToken), name).toBeLessThanOrEqual(budgetMsOf(name) ?? 0);
    }
  });

  it.each<PresetName>(['quick', 'thorough', 'published'])(
    'keep what says nothing of the time: %s',
    (name) => {
      const own: RecoveryDraft = {
        ...publishedRecovery,
        template: 'vicuna',
        output: 'adapter',
        control: true,
      };
      const preset = presetOf(name, own, { msPerToken: 1, rows: 400 });
      expect(preset).toMatchObject({ template: 'vicuna', output: 'adapter', control: true });
      expect(() => recoverSettingsSchema.parse({ ...preset, dataId: 'd' })).not.toThrow();
    },
  );

  it('leave rows to train on, however few there are', () => {
    const { validation } = presetOf('quick', publishedRecovery, { msPerToken: 0.01, rows: 12 });
    expect(validation.rows).toBe(0);
    expect(presetOf('quick', publishedRecovery, { msPerToken: 0.01, rows: null }).validation.rows).toBeNull();
  });
});
