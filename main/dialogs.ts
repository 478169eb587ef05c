import { dialog, type BrowserWindow, type MessageBoxOptions, type OpenDialogOptions } from 'electron';
import type { wordsFor } from './words.ts';

type Words = ReturnType<typeof wordsFor>;
type Parent = BrowserWindow | undefined;

/** @returns the folder's path; undefined when the person closes the dialog. */
export function pickFolder(parent: Parent, title: string): Promise<string | undefined> {
  return pick(parent, { title, properties: ['openDirectory'] });
}

/** @returns the file's path; undefined when the person closes the dialog. */
export function pickText(parent: Parent, words: Words): Promise<string | undefined> {
  return pick(parent, {
    title: words.pickText,
    properties: ['openFile'],
    filters: [
      { name: words.texts, extensions: ['txt', 'md', 'json', 'jsonl', 'parquet'] },
      { name: words.allFiles, extensions: ['*'] },
    ],
  });
}

/** What a person wants who leaves while a run is at work. */
export type Leaving = 'stay' | 'stop' | 'unseen';

/** @param canGoOnUnseen Whether the run may go on without a window. */
export async function askBeforeLeaving(
  parent: Parent,
  words: Words,
  canGoOnUnseen: boolean,
): Promise<Leaving> {
  const choices: { readonly label: string; readonly leaving: Leaving }[] = [
    { label: words.keepWorking, leaving: 'stay' },
    ...(canGoOnUnseen ? [{ label: words.goOnUnseen, leaving: 'unseen' as const }] : []),
    { label: words.stopAndQuit, leaving: 'stop' },
  ];
  const options: MessageBoxOptions = {
    type: 'question',
    message: words.busyTitle,
    detail: words.busyDetail,
    buttons: choices.map(({ label }) => label),
    defaultId: 0,
    cancelId: 0,
    noLink: true,
  };
  const { response } = await (parent === undefined
    ? dialog.showMessageBox(options)
    : dialog.showMessageBox(parent, options));
  return choices[response].leaving;
}

async function pick(parent: Parent, options: OpenDialogOptions): Promise<string | undefined> {
  const { canceled, filePaths } = await (parent === undefined
    ? dialog.showOpenDialog(options)
    : dialog.showOpenDialog(parent, options));
  return canceled ? undefined : filePaths[0];
}
