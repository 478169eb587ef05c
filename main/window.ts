import { fileURLToPath } from 'node:url';
import { BrowserWindow, nativeTheme, screen, type Rectangle } from 'electron';
import { z } from 'zod';
import { pageUrl } from './protocol.ts';
import { StoredDocument } from './studio/stored-document.ts';

const placeSchema = z.strictObject({
  bounds: z
    .strictObject({ x: z.int(), y: z.int(), width: z.int().min(1), height: z.int().min(1) })
    .nullable(),
  maximized: z.boolean(),
});

const size = { width: 1280, height: 800, minWidth: 960, minHeight: 600 };

/** Shown until the page has painted: the page's own background, so that nothing flashes. */
const background = { light: '#f3f4f5', dark: '#131517' };

/** A window that is dragged or resized tells of it many times a second. */
const rememberAfterMs = 500;

/** The studio's window: at most one, which opens where it was. */
export class StudioWindow {
  private window: BrowserWindow | undefined;
  private remembering: Promise<void> = Promise.resolve();

  private constructor(private readonly place: StoredDocument<z.infer<typeof placeSchema>>) {}

  static async at(file: string, warn: (message: string) => void): Promise<StudioWindow> {
    const nowhere = { bounds: null, maximized: false };
    return new StudioWindow(await StoredDocument.open(file, placeSchema, nowhere, warn));
  }

  get current(): BrowserWindow | undefined {
    return this.window;
  }

  /** Resolves when it is on disk where the window was. */
  remembered(): Promise<void> {
    return this.remembering;
  }

  /** Sends to the page, if there is one. */
  send(channel: string, ...args: readonly unknown[]): void {
    this.window?.webContents.send(channel, ...args);
  }

  /** Brings the window to the front, or opens it. @param onClose Asked before it closes. */
  show(onClose: (event: { preventDefault(): void }) => void): void {
    if (this.window === undefined) {
      this.window = this.open(onClose);
      return;
    }
    if (this.window.isMinimized()) this.window.restore();
    this.window.focus();
  }

  private open(onClose: (event: { preventDefault(): void }) => void): BrowserWindow {
    const { bounds, maximized } = this.place.value;
    const window = new BrowserWindow({
      ...size,
      ...(bounds !== null && isOnScreen(bounds) && bounds),
      show: false,
      // Elsewhere the program's own file carries it.
      ...(process.platform === 'linux' && { icon: besideBundle('icon.png') }),
      backgroundColor: nativeTheme.shouldUseDarkColors ? background.dark : background.light,
      webPreferences: {
        preload: besideBundle('preload.cjs'),
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        spellcheck: false,
        // A run is watched while the person works in another window.
        backgroundThrottling: false,
      },
    });
    if (maximized) window.maximize();
    window.once('ready-to-show', () => {
      window.show();
    });
    window.on('close', onClose);
    window.on('closed', () => {
      this.window = undefined;
    });
    this.remember(window);
    void window.loadURL(pageUrl);
    return window;
  }

  private remember(window: BrowserWindow): void {
    let timer: NodeJS.Timeout | undefined;
    const write = (): void => {
      clearTimeout(timer);
      const content = { bounds: window.getNormalBounds(), maximized: window.isMaximized() };
      // Where the window was is no reason to disturb anyone.
      this.remembering = this.place.replace(content).catch(() => undefined);
    };
    const later = (): void => {
      clearTimeout(timer);
      timer = setTimeout(write, rememberAfterMs);
    };
    window.on('resize', later);
    window.on('move', later);
    window.on('maximize', later);
    window.on('unmaximize', later);
    window.on('close', write);
  }
}

/** Path of a file that the build puts beside main's bundle. */
function besideBundle(file: string): string {
  return fileURLToPath(new URL(`./${file}`, import.meta.url));
}

/** A screen may have been unplugged since. */
function isOnScreen(bounds: Rectangle): boolean {
  const { workArea } = screen.getDisplayMatching(bounds);
  return (
    bounds.x < workArea.x + workArea.width &&
    bounds.x + bounds.width > workArea.x &&
    bounds.y < workArea.y + workArea.height &&
    bounds.y + bounds.height > workArea.y
  );
}
