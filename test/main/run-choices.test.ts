import { mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { channelImportance, maxChannelMeans, RunChoices } from '../../main/studio/run-choices.ts';
import { channelScoresSchema } from '../../preload/run-contract.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const writeScores = async (layer: number, scores: object): Promise<string> => {
  await mkdir(path.join(folder, 'scores'), { recursive: true });
  const file = path.join(folder, 'scores', `layer-00${layer}.json`);
  await writeFile(file, JSON.stringify({ layer, ...scores }));
  return file;
};

describe('the choices of a run', () => {
  it('are told as far as they are there', async () => {
    const choices = new RunChoices();
    expect(await choices.scores(folder)).toEqual([]);
    expect(await choices.kept(folder)).toBeNull();
    await writeScores(1, { channels: [1, 3, 2] });
    await writeScores(0, { heads: [3] });
    await writeFile(path.join(folder, 'scores', 'layer-002.json.1-1.partial'), '{"lay');
    expect(await choices.scores(folder)).toEqual([
      { layer: 0, heads: [3], channels: null, influence: null },
      { layer: 1, heads: null, channels: { count: 3, means: [3, 2, 1] }, influence: null },
    ]);
    const plan = {
      layers: [{ attention: { keptHeads: [0, 1], keptKvHeads: [0] }, mlp: { keptChannels: [4] } }],
    };
    await writeFile(path.join(folder, 'plan.json'), JSON.stringify(plan));
    expect(await choices.kept(folder)).toEqual([{ kvHeads: [0] }]);
  });

  it('are told whole where something is selected by them, heads and channels apart from whole layers', async () => {
    const choices = new RunChoices();
    await writeScores(0, { heads: [3], channels: [2, 1] });
    await writeScores(1, { influence: 0.5 });
    expect([...(await choices.wholeScores(folder))]).toEqual([
      [0, { layer: 0, heads: [3], channels: [2, 1] }],
    ]);
    expect(await choices.influences(folder)).toEqual([{ layer: 1, influence: 0.5 }]);
  });

  it('are told of hidden indices as one, in the order of the network, once the run has chosen', async () => {
    const choices = new RunChoices();
    const part = async (name: string, scores: object): Promise<void> =>
      writeFile(path.join(folder, 'scores', `${name}.json`), JSON.stringify({ members: 1, ...scores }));
    await writeScores(1, { part: 1, members: 1, hidden: [1, 2, 3] });
    await part('head', { part: 'head', hidden: [0, 0, 1] });
    await part('embedding', { part: 'embedding', hidden: [10, 0, 0] });
    expect(await choices.hiddenScores(folder, 'sum')).toBeNull();
    const plan = { hidden: [0, 2], layers: [] };
    await writeFile(path.join(folder, 'plan.json'), JSON.stringify(plan));
    expect(await choices.hiddenScores(folder, 'sum')).toEqual([11, 2, 4]);
    expect(await choices.hiddenScores(folder, 'max')).toEqual([10, 2, 3]);
    expect((await choices.wholeScores(folder)).size).toBe(0);
  });

  it('are read again when a file has changed, and only then', async () => {
    const choices = new RunChoices();
    const file = await writeScores(0, { heads: [1, 2] });
    const [before] = await choices.scores(folder);
    expect((await choices.scores(folder))[0]).toBe(before);
    await writeScores(0, { heads: [2, 1] });
    await utimes(file, 1, 1);
    expect(await choices.scores(folder)).toEqual([
      { layer: 0, heads: [2, 1], channels: null, influence: null },
    ]);
  });
});

describe('channels', () => {
  it.each([1, 24, 256])('as few as %i keep every score', (count) => {
    const scores = Array.from({ length: count }, (_, i) => (i * 7) % count);
    expect(channelImportance(scores)).toEqual({ count, means: [...scores].sort((a, b) => b - a) });
  });

  it.each([257, 300, 11_008, 28_672])('%i come in at most 256 equal shares, with their means', (count) => {
    const scores = Array.from({ length: count }, (_, i) => (i * 7919) % count);
    const told = channelImportance(scores);
    expect(channelScoresSchema.parse(told)).toEqual(told);
    expect(told.count).toBe(count);
    expect(told.means).toHaveLength(maxChannelMeans);
    expect(told.means).toEqual([...told.means].sort((a, b) => b - a));
    expect(told.means[0]).toBeGreaterThanOrEqual(count - 1 - Math.ceil(count / maxChannelMeans) / 2);
  });

  it('of a layer that has none make no share', () => {
    expect(channelImportance([])).toEqual({ count: 0, means: [] });
  });
});
