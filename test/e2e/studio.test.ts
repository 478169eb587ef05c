import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { writeRandomModel } from '../fixtures/random-model.ts';
import {
  call,
  endStudio,
  pick,
  refusal,
  secondStart,
  sharedStudio,
  startStudio,
  userDataFolder,
  type OpenStudio,
  type PageWithStudio,
} from './harness.ts';

/** The labels of the menu, and the theme that pages and dialogs follow. */
const surroundings = ({ app }: OpenStudio): Promise<{ menu: string[]; dark: boolean }> =>
  app.evaluate(({ Menu, nativeTheme }) => ({
    menu: Menu.getApplicationMenu()?.items.map(({ label }) => label) ?? [],
    dark: nativeTheme.shouldUseDarkColors,
  }));

const pageIsDark = ({ page }: OpenStudio): Promise<boolean> =>
  page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);

describe('settings', () => {
  it('hold at once, for page, menu and dialogs, and are there at the next start', async () => {
    const studio = await startStudio();
    expect(await call(studio.page, 'settings:get')).toEqual({
      language: 'system',
      theme: 'system',
      device: 'auto',
    });
    expect((await surroundings(studio)).menu).toContain('Edit');
    await studio.page.evaluate(() => {
      const scope = window as unknown as PageWithStudio & { heard: unknown[] };
      scope.heard = [];
      scope.studio.listen('settings:changed', (settings) => scope.heard.push(settings));
    });
    await call(studio.page, 'settings:set', { theme: 'dark' });
    expect(await pageIsDark(studio)).toBe(true);
    await call(studio.page, 'settings:set', { language: 'zh-CN' });
    const settings = { language: 'zh-CN', theme: 'dark', device: 'auto' };
    expect(await call(studio.page, 'settings:get')).toEqual(settings);
    expect(await studio.page.evaluate(() => (window as unknown as { heard: unknown[] }).heard)).toEqual([
      { language: 'system', theme: 'dark', device: 'auto' },
      settings,
    ]);
    expect(await surroundings(studio)).toEqual({ menu: ['文件', '编辑', '视图', '窗口'], dark: true });

    await endStudio(studio);
    const next = await startStudio({ userData: studio.userData });
    expect(await call(next.page, 'settings:get')).toEqual(settings);
    expect((await surroundings(next)).menu).toContain('编辑');
    expect(await pageIsDark(next)).toBe(true);
  });

  it('follow the language of the system', async () => {
    const studio = await startStudio({ locale: 'zh-CN' });
    expect((await call(studio.page, 'app:info')).locale).toBe('zh-CN');
    expect((await surroundings(studio)).menu).toContain('编辑');
  });

  it('that are damaged give way to the defaults, with a warning', async () => {
    const userData = await userDataFolder();
    await writeFile(path.join(userData, 'settings.json'), '{"theme": "da');
    const { page } = await startStudio({ userData });
    expect(await call(page, 'settings:get')).toEqual({ language: 'system', theme: 'system', device: 'auto' });
    expect(await readFile(path.join(userData, 'studio.log'), 'utf8')).toContain(
      `${path.join(userData, 'settings.json')} is damaged`,
    );
    expect(await readFile(path.join(userData, 'settings.json.damaged'), 'utf8')).toBe('{"theme": "da');
  });
});

describe('the window', () => {
  it('opens at 1280 by 800, keeps to 960 by 600, and where it was the next time', async () => {
    const studio = await startStudio();
    const bounds = { x: 40, y: 60, width: 1111, height: 777 };
    const sizes = await studio.app.evaluate(async ({ BrowserWindow }, wanted) => {
      const [window] = BrowserWindow.getAllWindows();
      const opened = window.getSize();
      const least = window.getMinimumSize();
      window.setBounds(wanted);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { opened, least };
    }, bounds);
    expect(sizes).toEqual({ opened: [1280, 800], least: [960, 600] });
    const gone = new Promise((resolve) => studio.main.once('exit', resolve));
    await studio.app.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0].close();
    });
    // Without a run, nothing asks, and the last window takes the program with it.
    await gone;

    const next = await startStudio({ userData: studio.userData });
    expect(
      await next.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].getBounds()),
    ).toEqual(bounds);
  });

  it('is found again where its screen is gone', async () => {
    const userData = await userDataFolder();
    const bounds = { x: 90_000, y: 90_000, width: 1000, height: 700 };
    await writeFile(path.join(userData, 'window.json'), JSON.stringify({ bounds, maximized: false }));
    const { app } = await startStudio({ userData });
    const found = await app.evaluate(({ BrowserWindow, screen }) => {
      const { x, y } = BrowserWindow.getAllWindows()[0].getBounds();
      const { width, height } = screen.getPrimaryDisplay().bounds;
      return x < width && y < height;
    });
    expect(found).toBe(true);
  });

  it('comes back where its process crashes, and says so in the log', async () => {
    const { app, userData } = await startStudio();
    const answer = await app.evaluate(async ({ BrowserWindow }) => {
      const [{ webContents }] = BrowserWindow.getAllWindows();
      const gone = new Promise((resolve) => webContents.once('render-process-gone', resolve));
      const back = new Promise<void>((resolve) => webContents.once('did-finish-load', () => resolve()));
      webContents.forcefullyCrashRenderer();
      await gone;
      await back;
      return (await webContents.executeJavaScript("window.studio.call('app:info')")) as { ok: boolean };
    });
    expect(answer.ok).toBe(true);
    expect(await readFile(path.join(userData, 'studio.log'), 'utf8')).toContain(
      "The window's process is gone",
    );
  });

  it('is one: a second start brings it to the front', async () => {
    const studio = await startStudio();
    expect(await secondStart(studio)).toBe(0);
    expect(await studio.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    expect((await call(studio.page, 'app:info')).platform).toBe(process.platform);
  });
});

describe('files', () => {
  const shared = sharedStudio();

  it('that are dropped are granted by their own path', async () => {
    const { page } = shared();
    const folder = temporaryFolder();
    const model = path.join(folder, 'dropped-model');
    await writeRandomModel(model);
    const text = path.join(folder, 'text.txt');
    await writeFile(text, 'some text');
    await page.evaluate(() => {
      const scope = window as unknown as PageWithStudio & { answers: Promise<unknown>[] };
      scope.answers = [];
      window.addEventListener('dragover', (event) => {
        event.preventDefault();
      });
      window.addEventListener(
        'drop',
        (event) => {
          event.preventDefault();
          for (const file of event.dataTransfer?.files ?? []) scope.answers.push(scope.studio.dropped(file));
        },
        { capture: true },
      );
    });
    const drag = await page.context().newCDPSession(page);
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      const data = { items: [], files: [model, text], dragOperationsMask: 1 };
      await drag.send('Input.dispatchDragEvent', { type, x: 600, y: 400, data });
    }
    const answers = await page.evaluate(() =>
      Promise.all((window as unknown as { answers: Promise<unknown>[] }).answers),
    );
    const granted = (name: string): unknown => ({
      ok: true,
      value: { id: expect.any(String) as string, name, path: path.join(folder, name) },
    });
    expect(answers).toEqual([granted('dropped-model'), granted('text.txt')]);
    const [{ value: dropped }] = answers as { value: { id: string } }[];
    expect(await call(page, 'model:inspect', { modelId: dropped.id })).toMatchObject({
      family: 'llama',
      hasWeights: true,
      hasTokenizer: false,
      hiddenSize: 32,
    });
  });

  it('that are picked are granted, or none where the dialog is closed', async () => {
    const studio = shared();
    const folder = temporaryFolder();
    expect(await pick(studio, 'model', folder)).toMatchObject({ path: folder });
    await studio.app.evaluate(({ dialog }) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: true, filePaths: [] });
    });
    expect(await call(studio.page, 'model:pick')).toBeNull();
    expect(await call(studio.page, 'text:pick')).toBeNull();
  });
});

describe('models', () => {
  it('that were looked at are recent, the latest first, as long as they are there', async () => {
    const studio = await startStudio();
    const folder = temporaryFolder();
    for (const name of ['one', 'two', 'three']) {
      await writeRandomModel(path.join(folder, name));
      const { id } = await pick(studio, 'model', path.join(folder, name));
      await call(studio.page, 'model:inspect', { modelId: id });
    }
    const nothing = await pick(studio, 'model', folder);
    expect(await refusal(studio.page, 'model:inspect', { modelId: nothing.id })).toBe('file-missing');
    const demo = await call(studio.page, 'model:demo');
    await call(studio.page, 'model:inspect', { modelId: demo.id });
    const recent = async ({ page }: OpenStudio): Promise<string[]> =>
      (await call(page, 'model:recent')).map(({ name }) => name);
    expect(await recent(studio)).toEqual(['three', 'two', 'one']);

    await rm(path.join(folder, 'two'), { recursive: true });
    await endStudio(studio);
    const next = await startStudio({ userData: studio.userData });
    expect(await recent(next)).toEqual(['three', 'one']);
    const [latest] = await call(next.page, 'model:recent');
    expect((await call(next.page, 'model:inspect', { modelId: latest.id })).layers).toHaveLength(4);
  });
});

describe('the demo’s texts', () => {
  const shared = sharedStudio();

  it('are previewed as a run would draw them, and measured', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const { calibration, evaluation } = await call(page, 'text:demo');
    const preview = await call(page, 'text:preview', {
      modelId,
      calibration: { sourceId: calibration.id, samples: 16, seqLen: 64, seed: 42 },
    });
    const rows = (await readFile(calibration.path, 'utf8')).trim().split('\n');
    expect(preview).toMatchObject({ kind: 'texts', rows: rows.length, tokens: 16 * 64 });
    expect(preview.samples).toHaveLength(8);
    const everything = rows.map((row) => (JSON.parse(row) as { text: string }).text).join('\n');
    for (const { text, tokens } of preview.samples) {
      expect(tokens).toBe(64);
      // A window may begin or end inside a character.
      expect(everything).toContain(text.slice(1, -1));
    }
    const measure = { textId: evaluation.id, seqLen: 128, samples: null };
    const { tokens, chunks } = await call(page, 'text:measure', { modelId, evaluation: measure });
    expect(chunks).toBe(Math.floor(tokens / 128));
    expect(tokens).toBeGreaterThan(10_000);
  });

  it('are looked at for the latest request alone', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const { calibration } = await call(page, 'text:demo');
    const codes = await page.evaluate(
      async ([model, source]) => {
        const { studio } = window as unknown as PageWithStudio;
        const asked = [32, 48, 64].map((seqLen) =>
          studio.call('text:preview', {
            modelId: model,
            calibration: { sourceId: source, samples: 4, seqLen, seed: 1 },
          }),
        );
        const answers = await Promise.all(asked);
        return answers.map((answer) => (answer.ok ? answer.value.tokens : answer.error.code));
      },
      [modelId, calibration.id],
    );
    expect(codes).toEqual(['superseded', 'superseded', 4 * 64]);
  });

  it('that are too short for a row are refused with the engine’s own words', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const short = path.join(temporaryFolder(), 'short.txt');
    await writeFile(short, 'A few words.');
    const { id: sourceId } = await pick(shared(), 'text', short);
    const calibration = { sourceId, samples: 4, seqLen: 64, seed: 1 };
    expect(await refusal(page, 'text:preview', { modelId, calibration })).toBe('text-too-short');
  });
});
