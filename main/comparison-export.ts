import type { ComparisonFormat } from '../preload/comparison-contract.ts';
import { BrowserWindow, dialog } from 'electron';
import { writeFileAtomic } from './engine/checkpoint/atomic-file.ts';
import type { Comparison } from './studio/compare/comparison.ts';
import { comparisonFormats } from './studio/compare/comparison-formats.ts';
import { comparisonWords } from './studio/compare/comparison-words.ts';
import { writeComparison } from './studio/compare/written-comparison.ts';
import type { wordsFor } from './words.ts';

const endings = { html: 'html', markdown: 'md', csv: 'csv', png: 'png' } as const;

/**
 * Asks where, and writes the comparison there.
 * @returns the file's path; null when the person closes the dialog.
 * @throws EngineError folder-not-writable, disk-full.
 */
export async function exportComparison(
  comparison: Comparison,
  format: ComparisonFormat,
  language: 'en' | 'zh-CN',
  parent: BrowserWindow | undefined,
  words: ReturnType<typeof wordsFor>,
): Promise<string | null> {
  const ending = endings[format];
  const options = {
    title: words.saveComparison,
    defaultPath: `comparison.${ending}`,
    filters: [{ name: ending.toUpperCase(), extensions: [ending] }],
  };
  const { canceled, filePath } = await (parent === undefined
    ? dialog.showSaveDialog(options)
    : dialog.showSaveDialog(parent, options));
  if (canceled || filePath === '') return null;
  await writeFileAtomic(filePath, await contentOf(comparison, format, language));
  return filePath;
}

function contentOf(
  comparison: Comparison,
  format: ComparisonFormat,
  language: 'en' | 'zh-CN',
): Promise<Uint8Array> | string {
  const written = writeComparison(comparison, comparisonWords(language));
  return format === 'png'
    ? pictureOf(comparisonFormats.html(comparison, written))
    : comparisonFormats[format](comparison, written);
}

/** Wider and taller pictures no screen shows, and no card may paint. */
const largest = 8000;

/** The page as it would be printed, light or dark as the system is, in one piece. */
async function pictureOf(page: string): Promise<Uint8Array> {
  const window = new BrowserWindow({
    show: false,
    width: 1280,
    height: 800,
    useContentSize: true,
    webPreferences: { sandbox: true, contextIsolation: true, offscreen: true },
  });
  try {
    await window.loadURL(`data:text/html;base64,${Buffer.from(page).toString('base64')}`);
    // They would be in the picture, and take their width from the page.
    await window.webContents.insertCSS('::-webkit-scrollbar { display: none; }');
    const [width, height] = (await window.webContents.executeJavaScript(
      '[Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll("table")].map((t) => t.offsetWidth + 48)), document.documentElement.scrollHeight]',
    )) as [number, number];
    window.setContentSize(Math.min(width, largest), Math.min(height, largest));
    await window.webContents.executeJavaScript(
      'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
    );
    return (await window.webContents.capturePage()).toPNG();
  } finally {
    window.destroy();
  }
}
