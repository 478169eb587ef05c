import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { publishedRecovery } from '../../renderer/recovery/presets.ts';
import { call, refusal, sharedStudio, startStudio, type OpenStudio, type PageWithStudio } from './harness.ts';

const preload = path.resolve(import.meta.dirname, '../../dist/preload.cjs');

/** What `app:info` answers in a page of a window made beside the studio's: its code, or that there is no bridge. */
async function askFromAnotherWindow(
  { app }: OpenStudio,
  url: string,
  frame: 'main' | 'child' = 'main',
): Promise<string> {
  return app.evaluate(
    async ({ BrowserWindow }, given) => {
      const window = new BrowserWindow({
        show: false,
        webPreferences: { preload: given.preload, sandbox: true, nodeIntegrationInSubFrames: true },
      });
      await window.loadURL(given.url);
      const asking = given.frame === 'main' ? window.webContents.mainFrame : await childFrame();
      const code = (await asking.executeJavaScript(
        "window.studio === undefined ? 'no bridge' : window.studio.call('app:info').then((a) => a.ok ? 'answered' : a.error.code)",
      )) as string;
      window.destroy();
      return code;

      async function childFrame(): Promise<Electron.WebFrameMain> {
        await window.webContents.executeJavaScript(
          "const f = document.createElement('iframe'); f.srcdoc = '<p>hello'; document.body.append(f); new Promise((r) => { f.onload = r; })",
        );
        return window.webContents.mainFrame.frames[0];
      }
    },
    { url, preload, frame },
  );
}

const shared = sharedStudio();

describe('a request', () => {
  it('that has not the form of the contract is refused', async () => {
    const { page } = shared();
    const { id: modelId } = await call(page, 'model:demo');
    const calibration = { sourceId: null, samples: null, seqLen: 64, seed: 42 };
    const comparison = { runs: [], modelIds: [], baseline: null, published: true };
    const requests: readonly (readonly [name: string, request?: unknown])[] = [
      ['model:inspect'],
      ['model:inspect', modelId],
      ['model:inspect', { modelId: 7 }],
      ['model:inspect', { modelId: '' }],
      ['model:inspect', { modelId: 'x'.repeat(65) }],
      ['model:inspect', { modelId, path: '/etc' }],
      ['app:info', {}],
      ['settings:set', { theme: 'pink' }],
      ['settings:set', { language: 'en', path: '/etc' }],
      ['plan:preview', { modelId, prune: { ratio: 0.5 } }],
      ['text:preview', { modelId, calibration: { ...calibration, seqLen: 1.5 } }],
      ['text:preview', { modelId, calibration: { ...calibration, seqLen: 1e9 } }],
      ['run:reorder', { runIds: [null] }],
      ['run:get', { runId: ['a'] }],
      ['run:deleted', {}],
      ['run:restore', { runId: 7 }],
      ['run:purge'],
      ['run:annotate', { name: 'x' }],
      ['run:annotate', { runId: 'a', name: '' }],
      ['run:annotate', { runId: 'a', name: 'x'.repeat(201) }],
      ['run:annotate', { runId: 'a', tags: 'one, two' }],
      ['run:annotate', { runId: 'a', tags: Array(21).fill('tag') }],
      ['run:annotate', { runId: 'a', note: 'x'.repeat(10_001) }],
      ['run:annotate', { runId: 'a', folder: '/etc' }],
      ['compare:models', { ...comparison, runs: ['a'] }],
      ['compare:models', { ...comparison, runs: [{ runId: 'a', roles: ['published'] }] }],
      ['compare:models', { ...comparison, modelIds: Array(51).fill(modelId) }],
      ['compare:models', { ...comparison, path: '/etc' }],
      ['compare:export', { ...comparison, format: 'exe', language: 'en' }],
      ['compare:export', { ...comparison, format: 'csv', language: 'en', path: '/etc/passwd' }],
      ['no:such-call', {}],
      ['toString'],
      ['__proto__'],
      ['constructor', {}],
    ];
    const codes = [];
    for (const [name, request] of requests) codes.push([name, request, await refusal(page, name, request)]);
    expect(codes).toEqual(requests.map(([name, request]) => [name, request, 'request-invalid']));
  });

  it('that names a file nobody picked is refused, and so is one picked as something else', async () => {
    const { page } = shared();
    const model = await call(page, 'model:demo');
    const { calibration: text, recovery } = await call(page, 'text:demo');
    const { defaultWindow } = await call(page, 'model:inspect', { modelId: model.id });
    const prune = {
      criterion: 'random',
      aggregation: 'sum',
      ratio: 0.3,
      gqaFold: 'correct',
      layers: { attention: defaultWindow, mlp: defaultWindow },
      seed: 42,
    };
    const calibration = { sourceId: null, samples: null, seqLen: 64, seed: 42 };
    const evaluate = { textId: null, seqLen: 64, samples: null };
    const run = { modelId: model.id, prune, calibration, evaluate, recover: null };
    const recover = { ...publishedRecovery, dataId: recovery.id };
    for (const stranger of ['b3a1f6a0-0000-4000-8000-000000000000', '/etc/passwd', model.path]) {
      const id = stranger.slice(0, 64);
      const requests: readonly (readonly [name: string, request: unknown])[] = [
        ['model:inspect', { modelId: id }],
        ['plan:preview', { modelId: id, prune }],
        ['text:preview', { modelId: id, calibration: { ...calibration, sourceId: text.id } }],
        ['text:preview', { modelId: model.id, calibration: { ...calibration, sourceId: id } }],
        ['text:measure', { modelId: model.id, evaluation: { ...evaluate, textId: id } }],
        ['recovery:preview', { modelId: id, recover }],
        ['recovery:preview', { modelId: model.id, recover: { ...recover, dataId: id } }],
        ['recovery:estimate', { modelId: model.id, prune, recover: { ...recover, template: id } }],
        ['compare:models', { runs: [], modelIds: [id], baseline: null, published: true }],
        ['run:start', { ...run, modelId: id }],
        ['run:start', { ...run, evaluate: { ...evaluate, textId: id } }],
        ['run:start', { ...run, calibration: { ...calibration, sourceId: id } }],
        ['run:start', { ...run, recover: { ...recover, dataId: id } }],
      ];
      for (const [name, request] of requests) {
        expect(await refusal(page, name, request), `${name} ${JSON.stringify(request)}`).toBe(
          'file-not-granted',
        );
      }
    }
    expect(await refusal(page, 'model:inspect', { modelId: text.id })).toBe('file-kind');
    expect(
      await refusal(page, 'text:preview', {
        modelId: model.id,
        calibration: { ...calibration, sourceId: model.id },
      }),
    ).toBe('file-kind');
    for (const name of [
      'get',
      'cancel',
      'kill',
      'resume',
      'delete',
      'restore',
      'purge',
      'annotate',
      'open-folder',
    ]) {
      expect(await refusal(page, `run:${name}`, { runId: '../../etc' })).toBe('run-unknown');
    }
    expect(await call(page, 'run:list')).toEqual([]);
  });

  it('with a file that a script made up grants nothing', async () => {
    const { page } = shared();
    const codes = await page.evaluate(async () => {
      const { studio } = window as unknown as PageWithStudio;
      const given: unknown[] = [new File(['x'], '/etc/passwd'), '/etc/passwd', { path: '/etc/passwd' }, null];
      const answers = await Promise.all(given.map((file) => studio.dropped(file as File)));
      return answers.map((answer) => (answer.ok ? 'granted' : answer.error.code));
    });
    expect(codes).toEqual(Array(4).fill('file-not-granted'));
  });

  it('that cannot be sent at all is an answer too', async () => {
    const { page } = shared();
    const code = await page.evaluate(async () => {
      const { studio } = window as unknown as PageWithStudio;
      const answer = await studio
        .call('settings:set', { theme: Symbol('dark') } as never)
        .catch((error: unknown) => String(error));
      return typeof answer === 'string' ? answer : !answer.ok && answer.error.code;
    });
    // The bridge itself refuses what cannot be copied, before any of our code runs.
    expect(code).toMatch(/request-invalid|could not be cloned/);
  });
});

describe('a sender', () => {
  it('in the main frame of the studio’s own window is heard', async () => {
    const { page } = shared();
    expect(await refusal(page, 'app:info')).toBe('not refused');
  });

  it('in any other window is refused, even with the same preload and the same page', async () => {
    const studio = shared();
    expect(await askFromAnotherWindow(studio, studio.page.url())).toBe('request-refused');
    expect(await askFromAnotherWindow(studio, 'about:blank')).toBe('request-refused');
    expect(await askFromAnotherWindow(studio, 'data:text/html,<p>hello')).toBe('request-refused');
  });

  it('in a frame inside a page is refused', async () => {
    const studio = shared();
    expect(await askFromAnotherWindow(studio, 'data:text/html,<p>hello', 'child')).toBe('request-refused');
  });

  it('in the studio’s own window on another page is refused', async () => {
    const { app } = await startStudio();
    const codes = await app.evaluate(async ({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      const ask = (): Promise<string> =>
        window.webContents.executeJavaScript(
          "window.studio.call('app:info').then((a) => a.ok ? 'answered' : a.error.code)",
        ) as Promise<string>;
      const pages = ['about:blank', 'data:text/html,<p>hello', 'app://studio/no-such-page.html'];
      const answers: string[] = [];
      for (const url of pages) {
        await window.loadURL(url).catch(() => undefined);
        answers.push(await ask());
      }
      return answers;
    });
    expect(codes).toEqual(['request-refused', 'request-refused', 'request-refused']);
  });

  it('in a frame that the page makes has no bridge', async () => {
    const { page } = shared();
    const found = await page.evaluate(async () => {
      const frame = document.createElement('iframe');
      document.body.append(frame);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return typeof (frame.contentWindow as unknown as Partial<PageWithStudio>).studio;
    });
    expect(found).toBe('undefined');
  });
});

describe('the page', () => {
  it('has the bridge, exactly, and nothing of Node or Electron', async () => {
    const { page } = shared();
    const found = await page.evaluate(() => {
      const scope = window as unknown as Record<string, unknown>;
      const names = [
        'require',
        'process',
        'Buffer',
        'module',
        'global',
        '__dirname',
        'electron',
        'ipcRenderer',
      ];
      return {
        there: names.filter((name) => scope[name] !== undefined),
        bridge: Object.keys(scope.studio as object).sort(),
      };
    });
    expect(found).toEqual({ there: [], bridge: ['call', 'dropped', 'listen'] });
  });

  it('runs sandboxed and isolated', async () => {
    const { app } = shared();
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const [{ webContents }] = BrowserWindow.getAllWindows();
      const contents = webContents as unknown as { getLastWebPreferences(): Electron.WebPreferences };
      const { sandbox, contextIsolation, nodeIntegration, webviewTag, webSecurity } =
        contents.getLastWebPreferences();
      return { sandbox, contextIsolation, nodeIntegration, webviewTag, webSecurity };
    });
    expect(preferences).toEqual({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      webSecurity: true,
    });
  });

  it('is served with a strict policy, and a fresh nonce for every load', async () => {
    const { page } = await startStudio();
    const load = async (): Promise<{ policy: string; nonce: string }> => {
      const response = await page.reload();
      const nonce = await page.getAttribute('meta[name="csp-nonce"]', 'content');
      return { policy: response?.headers()['content-security-policy'] ?? '', nonce: nonce ?? '' };
    };
    const [first, second] = [await load(), await load()];
    expect(first.policy.split('; ').sort()).toEqual(
      [
        "base-uri 'none'",
        "default-src 'none'",
        "font-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        `style-src 'self' 'nonce-${first.nonce}'`,
      ].sort(),
    );
    expect(first.nonce).toMatch(/^[A-Za-z0-9+/]{22}==$/);
    expect(second.nonce).not.toBe(first.nonce);
  });

  it('runs no script and takes no style but its own', async () => {
    const { page } = shared();
    const ran = await page.evaluate(async () => {
      const scope = window as unknown as Record<string, unknown>;
      const script = document.createElement('script');
      script.textContent = 'window.inlineRan = true';
      document.head.append(script);
      const remote = document.createElement('script');
      remote.src = 'data:text/javascript,window.dataRan=true';
      document.head.append(remote);
      const button = document.createElement('div');
      button.innerHTML = '<button onclick="window.handlerRan = true">x</button>';
      document.body.append(button);
      button.querySelector('button')?.click();
      // What a debugger evaluates may evaluate in turn; a callback is the page's own again.
      const evaluated = await new Promise<boolean>((resolve) => {
        setTimeout(() => {
          try {
            // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that it throws is what is tested
            resolve(new Function('return true')() as boolean);
          } catch {
            resolve(false);
          }
        });
      });
      const colourOf = (nonce: string): string => {
        const style = document.createElement('style');
        style.nonce = nonce;
        style.textContent = 'button { color: rgb(1, 2, 3) }';
        document.head.append(style);
        const shown = getComputedStyle(button.querySelector('button') as Element).color;
        style.remove();
        return shown;
      };
      const meta = document.querySelector('meta[name="csp-nonce"]');
      const styles = {
        plain: colourOf(''),
        wrong: colourOf('AAAAAAAAAAAAAAAAAAAAAA=='),
        own: colourOf(meta?.getAttribute('content') ?? ''),
      };
      await new Promise((resolve) => setTimeout(resolve, 200));
      return {
        inline: scope.inlineRan,
        data: scope.dataRan,
        handler: scope.handlerRan,
        evaluated,
        plainStyled: styles.plain === 'rgb(1, 2, 3)',
        wrongStyled: styles.wrong === 'rgb(1, 2, 3)',
        ownStyled: styles.own === 'rgb(1, 2, 3)',
      };
    });
    expect(ran).toEqual({ evaluated: false, plainStyled: false, wrongStyled: false, ownStyled: true });
  });

  it('is all that its protocol serves, with the files beside it', async () => {
    const { app, page } = shared();
    const script = await page.getAttribute('script[src]', 'src');
    const answers = await app.evaluate(
      async ({ net }, addresses) => {
        const answersOf = async (address: string): Promise<string> => {
          try {
            const { status, headers } = await net.fetch(address);
            return `${status} ${headers.get('content-type') ?? ''}`;
          } catch (error) {
            return String(error);
          }
        };
        return Promise.all(addresses.map(answersOf));
      },
      [
        page.url(),
        new URL(script ?? '', page.url()).href,
        'app://studio/../package.json',
        'app://studio/..%2Fapp.js',
        'app://studio/%2e%2e/app.js',
        'app://studio/..%5Capp.js',
        'app://studio/%2Fetc%2Fpasswd',
        'app://studio/',
        'app://studio/%00.js',
        'app://studio/%.js',
        'app://other/index.html',
      ],
    );
    expect(answers.slice(0, 2)).toEqual([
      '200 text/html; charset=utf-8',
      '200 text/javascript; charset=utf-8',
    ]);
    expect(answers.slice(2).filter((answer) => !answer.startsWith('404'))).toEqual([]);
  });

  it('fetches nothing', async () => {
    const { page } = shared();
    const reached = await page.evaluate(async () => {
      const addresses = ['app://studio/index.html', 'https://example.com/', 'file:///etc/passwd', 'data:,x'];
      const answers = await Promise.allSettled(addresses.map((address) => fetch(address)));
      return answers.filter(({ status }) => status === 'fulfilled').length;
    });
    expect(reached).toBe(0);
  });

  it('goes nowhere: no navigation, no window, no frame, no download', async () => {
    const { app, page } = await startStudio();
    const url = page.url();
    await app.evaluate(({ shell, session }) => {
      const scope = globalThis as unknown as { opened: string[]; downloads: number };
      scope.opened = [];
      scope.downloads = 0;
      shell.openExternal = (address) => {
        scope.opened.push(address);
        return Promise.resolve();
      };
      session.defaultSession.on('will-download', (event) => {
        if (!event.defaultPrevented) scope.downloads++;
      });
    });
    const opened = await page.evaluate(async () => {
      const click = (attributes: Record<string, string>): void => {
        const link = document.createElement('a');
        for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
        document.body.append(link);
        link.click();
      };
      click({ href: 'https://example.com/' });
      click({ href: 'https://example.com/', target: '_blank' });
      click({ href: 'app://studio/no-such-page.html' });
      click({ href: 'data:text/plain,hello', download: 'hello.txt' });
      const frame = document.createElement('iframe');
      frame.src = 'https://example.com/';
      document.body.append(frame);
      const windows = [
        window.open('https://example.com/'),
        window.open('file:///etc/passwd'),
        window.open('javascript:1'),
        window.open('http://arxiv.org/abs/2305.11627'),
        window.open('https://arxiv.org.example.com/'),
        window.open('https://arxiv.org/abs/2305.11627'),
      ];
      location.href = 'https://example.com/';
      await new Promise((resolve) => setTimeout(resolve, 500));
      return windows.filter((opened) => opened !== null).length;
    });
    expect(opened).toBe(0);
    expect(page.url()).toBe(url);
    const seen = await app.evaluate(({ BrowserWindow }) => {
      const scope = globalThis as unknown as { opened: string[]; downloads: number };
      const { opened: addresses, downloads } = scope;
      return { windows: BrowserWindow.getAllWindows().length, addresses, downloads };
    });
    expect(seen).toEqual({ windows: 1, addresses: ['https://arxiv.org/abs/2305.11627'], downloads: 0 });
  });

  it('has no permission but to copy', async () => {
    const { page } = shared();
    const states = await page.evaluate(async () => {
      const state = async (name: string): Promise<string> =>
        (await navigator.permissions.query({ name: name as PermissionName })).state;
      const refused = (asked: Promise<unknown>): Promise<string> =>
        asked.then(
          () => 'granted',
          () => 'denied',
        );
      return {
        notifications: await Notification.requestPermission(),
        geolocation: await state('geolocation'),
        clipboardRead: await state('clipboard-read'),
        camera: await refused(navigator.mediaDevices.getUserMedia({ video: true })),
        screen: await refused(navigator.mediaDevices.getDisplayMedia()),
        readClipboard: await refused(navigator.clipboard.readText()),
      };
    });
    expect(states).toEqual({
      notifications: 'denied',
      geolocation: 'denied',
      clipboardRead: 'denied',
      camera: 'denied',
      screen: 'denied',
      readClipboard: 'denied',
    });
  });
});
