import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { keepCalibration } from '../../main/engine/calibration.ts';
import { readCalibrationTexts } from '../../main/studio/run-calibration.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const rowsOf = (count: number, length: number): number[][] =>
  Array.from({ length: count }, (_, i) => Array.from({ length }, (_token, j) => i + j));

describe('what a run was calibrated on', () => {
  it('is nothing where the run keeps nothing', async () => {
    expect(await readCalibrationTexts(folder)).toBeNull();
  });

  it('is told as the run wrote it, with the step that read it', async () => {
    const rows = rowsOf(2, 3);
    await keepCalibration(folder, [
      { rows, learnt: rows.map(() => Uint8Array.of(0, 0, 1)), texts: ['first\nline', 'second'] },
      { rows, learnt: null, texts: null },
    ]);
    expect(await readCalibrationTexts(folder)).toEqual({
      samples: [
        { text: 'first\nline', tokens: 3, step: 1 },
        { text: 'second', tokens: 3, step: 1 },
        { text: null, tokens: 3, step: 2 },
        { text: null, tokens: 3, step: 2 },
      ],
      hasMore: false,
    });
  });

  it('is told as far as a screen shows it', async () => {
    const rows = rowsOf(300, 2);
    await keepCalibration(folder, [{ rows, learnt: null, texts: rows.map(() => 'x'.repeat(9000)) }]);
    const told = await readCalibrationTexts(folder);
    expect(told?.samples).toHaveLength(200);
    expect(told?.samples[199].text).toHaveLength(4000);
    expect(told?.hasMore).toBe(true);
  });

  it('is refused where somebody changed the file', async () => {
    await writeFile(path.join(folder, 'calibration.jsonl'), '{"text": "a"}\n');
    await expect(readCalibrationTexts(folder)).rejects.toMatchObject({ code: 'row-invalid' });
  });
});
