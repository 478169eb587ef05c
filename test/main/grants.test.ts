import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileGrants } from '../../main/studio/grants.ts';
import { Refusal } from '../../main/studio/refusal.ts';
import { rejection } from '../engine/checkpoint/rejection.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

function refused(ask: () => unknown): Refusal {
  try {
    ask();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}

describe('a grant', () => {
  it('gives the path for its id, and the same id for the same path', () => {
    const grants = new FileGrants();
    const granted = grants.grant('/models/llama/', 'folder');
    expect(granted).toEqual({ id: granted.id, name: 'llama', path: path.resolve('/models/llama') });
    expect(grants.pathOf(granted.id, 'folder')).toBe(path.resolve('/models/llama'));
    expect(grants.grant('/models/other/../llama', 'folder')).toEqual(granted);
    expect(grants.grant('/models/vicuna', 'folder').id).not.toBe(granted.id);
  });

  it('may have a name of its own', () => {
    expect(new FileGrants().grant('/studio/demo/model', 'folder', 'demo').name).toBe('demo');
  });

  it('is found by no other id, path or kind', () => {
    const grants = new FileGrants();
    const { id, path: granted } = grants.grant('/models/llama', 'folder');
    for (const stranger of [granted, id.toUpperCase(), `${id} `, '', 'constructor']) {
      expect(refused(() => grants.pathOf(stranger, 'folder'))).toMatchObject({
        code: 'file-not-granted',
        message: 'No folder with this id was picked.',
      });
    }
    expect(refused(() => grants.pathOf(id, 'file'))).toMatchObject({
      code: 'file-kind',
      message: `${granted} is not a file.`,
      hint: 'Choose a file.',
    });
    expect(refused(() => new FileGrants().pathOf(id, 'folder')).code).toBe('file-not-granted');
  });

  it('of what was dropped is for what lies there', async () => {
    const folder = temporaryFolder();
    await mkdir(path.join(folder, 'model'));
    await writeFile(path.join(folder, 'text.txt'), 'text');
    const grants = new FileGrants();
    const model = await grants.grantFound(path.join(folder, 'model'));
    const text = await grants.grantFound(path.join(folder, 'text.txt'));
    expect(grants.pathOf(model.id, 'folder')).toBe(model.path);
    expect(grants.pathOf(text.id, 'file')).toBe(text.path);
    expect((await rejection(grants.grantFound(path.join(folder, 'nothing')))).code).toBe('file-missing');
  });
});
