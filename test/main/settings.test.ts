import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SettingsStore } from '../../main/studio/settings.ts';
import { StoredDocument } from '../../main/studio/stored-document.ts';
import { rejection } from '../engine/checkpoint/rejection.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';

const opened = async (
  file = path.join(temporaryFolder(), 'settings.json'),
): Promise<{ file: string; settings: SettingsStore; warnings: string[] }> => {
  const warnings: string[] = [];
  const settings = await SettingsStore.open(file, (message) => warnings.push(message));
  return { file, settings, warnings };
};

const untouched = { language: 'system', theme: 'system', device: 'auto' };

describe('settings', () => {
  it('follow the system until they are set, without a file', async () => {
    const { file, settings, warnings } = await opened();
    expect(settings.value).toEqual(untouched);
    expect(warnings).toEqual([]);
    expect(await readdir(path.dirname(file))).toEqual([]);
  });

  it('are there again the next time; a change leaves the others', async () => {
    const { file, settings } = await opened();
    expect(await settings.change({ theme: 'dark' })).toEqual({ ...untouched, theme: 'dark' });
    await settings.change({ language: 'zh-CN' });
    const next = await opened(file);
    expect(next.settings.value).toEqual({ ...untouched, language: 'zh-CN', theme: 'dark' });
    expect(next.warnings).toEqual([]);
    expect(await readdir(path.dirname(file))).toEqual(['settings.json']);
  });

  it('of a time before there was a choice of device are kept', async () => {
    const file = path.join(temporaryFolder(), 'settings.json');
    await writeFile(file, '{"language": "en", "theme": "dark"}');
    const { settings, warnings } = await opened(file);
    expect(settings.value).toEqual({ language: 'en', theme: 'dark', device: 'auto' });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['torn', '{"language": "zh'],
    ['empty', ''],
    ['of another form', '{"language": "fr", "theme": "dark"}'],
    ['with keys of others', '{"language": "en", "theme": "dark", "token": "x"}'],
    ['no object', '[]'],
  ])('that are %s give way to the defaults, with a warning, and are set aside', async (_how, content) => {
    const file = path.join(temporaryFolder(), 'settings.json');
    await writeFile(file, content);
    const { settings, warnings } = await opened(file);
    expect(settings.value).toEqual(untouched);
    expect(warnings).toHaveLength(1);
    expect(warnings[0].startsWith(`${file} is damaged, so the defaults are taken; `)).toBe(true);
    expect(await readFile(`${file}.damaged`, 'utf8')).toBe(content);
    await settings.change({ theme: 'light' });
    expect((await opened(file)).settings.value.theme).toBe('light');
  });

  it('that change many times at once end in the last of them', async () => {
    const { file, settings } = await opened();
    const themes = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'dark' : 'light'));
    await Promise.all(themes.map((theme) => settings.change({ theme })));
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ ...untouched, theme: 'light' });
  });
});

it('a document that cannot be written says so, and the next write is tried again', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'gone', 'document.json');
  const document = await StoredDocument.open(file, z.number(), 0, () => undefined);
  expect((await rejection(document.replace(1))).code).toBe('folder-not-writable');
  expect(document.value).toBe(1);
  const there = await StoredDocument.open(path.join(folder, 'document.json'), z.number(), 0, () => undefined);
  await there.replace(2);
  expect(await readFile(path.join(folder, 'document.json'), 'utf8')).toBe('2\n');
});
