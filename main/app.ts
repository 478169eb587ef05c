import { join } from 'node:path';
import { app, dialog, nativeTheme, session } from 'electron';
import { confinePages, denyPermissions } from './confinement.ts';
import { askBeforeLeaving } from './dialogs.ts';
import { serveCalls, shownProgress, summaryOf, systemLocale, tell } from './ipc.ts';
import { setMenu } from './menu.ts';
import { registerPageScheme, servePage } from './protocol.ts';
import { StudioLog } from './studio-log.ts';
import { Studio } from './studio/studio.ts';
import { spawnUtilityWorker } from './utility-worker.ts';
import { StudioWindow } from './window.ts';
import { wordsFor } from './words.ts';

registerPageScheme();
confinePages();

if (app.requestSingleInstanceLock()) {
  // Not awaited here: an ES module that waits for Electron to be ready keeps it from becoming so.
  void app.whenReady().then(open).catch(giveUp);
} else {
  app.quit();
}

async function open(): Promise<void> {
  denyPermissions(session.defaultSession);
  servePage(join(app.getAppPath(), 'dist', 'renderer'));
  const dataFolder = app.getPath('userData');
  const log = new StudioLog(join(dataFolder, 'studio.log'));
  const warn = (message: string): void => {
    log.warn(message);
  };
  const window = await StudioWindow.at(join(dataFolder, 'window.json'), warn);
  const studio = await Studio.open(
    { dataFolder, demoFolder: demoFolder(), spawn: spawnUtilityWorker },
    {
      runProgress: (runId, progress) => {
        tell(window, 'run:progress', { runId, progress: shownProgress(progress) });
      },
      runsChanged: () => {
        void tellRuns(studio, window).catch((error: unknown) => {
          warn(`The runs could not be listed: ${String(error)}`);
        });
      },
      generationNews: (news) => {
        tell(window, 'generation:event', news);
      },
      warn,
    },
  );
  const words = (): ReturnType<typeof wordsFor> => wordsFor(studio.settings.value.language, systemLocale());
  const applySettings = (): void => {
    nativeTheme.themeSource = studio.settings.value.theme;
    setMenu(words());
  };
  applySettings();
  serveCalls({ studio, window, words, settingsChanged: applySettings, warn });
  watchProcesses(warn);
  finishWriting([
    () => window.remembered(),
    () => studio.written(),
    () => studio.purgeDeleted(),
    () => log.written(),
  ]);
  const show = leaveWithCare(studio, window, words);
  app.on('second-instance', show);
  app.on('activate', show);
  show();
}

/** The page hears of runs that came, went or changed; without a window, the studio ends with its last run. */
async function tellRuns(studio: Studio, window: StudioWindow): Promise<void> {
  if (window.current === undefined && !studio.isBusy && process.platform !== 'darwin') {
    app.quit();
    return;
  }
  const [runs, deleted] = [await studio.listRuns(), await studio.deletedRuns()];
  tell(window, 'run:changed', { runs: runs.map(summaryOf), deleted });
}

/**
 * Asks before a window closes or the studio quits while a run is at work.
 * @returns what brings the window to the front.
 */
function leaveWithCare(
  studio: Studio,
  window: StudioWindow,
  words: () => ReturnType<typeof wordsFor>,
): () => void {
  let leaving = false;
  let asking = false;
  const ask = async (canGoOnUnseen: boolean): Promise<void> => {
    if (asking) return;
    asking = true;
    const choice = await askBeforeLeaving(window.current, words(), canGoOnUnseen);
    asking = false;
    if (choice === 'unseen') window.current?.destroy();
    if (choice !== 'stop') return;
    leaving = true;
    await studio.close();
    app.quit();
  };
  const stayWhileBusy = (canGoOnUnseen: boolean) => (event: { preventDefault(): void }) => {
    if (leaving || !studio.isBusy) return;
    event.preventDefault();
    void ask(canGoOnUnseen).catch(giveUp);
  };
  app.on('before-quit', stayWhileBusy(false));
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin' && !studio.isBusy) app.quit();
  });
  // On macOS a program without windows is nothing unusual: closing asks nothing there.
  const onClose = process.platform === 'darwin' ? () => undefined : stayWhileBusy(true);
  return () => {
    window.show(onClose);
  };
}

/** Where the demo lies: beside the program once installed, in the repository before. */
function demoFolder(): string {
  const resources = app.isPackaged ? process.resourcesPath : join(app.getAppPath(), 'resources');
  return join(resources, 'demo');
}

/** Lets the last writes end before the program does. */
function finishWriting(writes: readonly (() => Promise<void>)[]): void {
  let finished = false;
  app.on('will-quit', (event) => {
    if (finished) return;
    event.preventDefault();
    void Promise.allSettled(writes.map((written) => written())).then(() => {
      finished = true;
      app.quit();
    });
  });
}

/** A page that crashes again so soon would do nothing else. */
const reloadPauseMs = 10_000;

function watchProcesses(warn: (message: string) => void): void {
  let reloadedAt = 0;
  app.on('render-process-gone', (_event, contents, { reason }) => {
    if (reason === 'clean-exit') return;
    warn(`The window's process is gone: ${reason}`);
    if (Date.now() - reloadedAt < reloadPauseMs) return;
    reloadedAt = Date.now();
    contents.reload();
  });
  app.on('child-process-gone', (_event, { type, name, reason, exitCode }) => {
    if (reason !== 'clean-exit') warn(`${name ?? type} is gone: ${reason} (exit code ${exitCode})`);
  });
}

function giveUp(error: unknown): void {
  console.error(error);
  dialog.showErrorBox('LLM-Pruner Studio', error instanceof Error ? error.message : String(error));
  app.exit(1);
}
