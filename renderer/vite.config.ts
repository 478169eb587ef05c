import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The page, as one folder of files that can be served from any origin: every address in it is relative. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  build: {
    outDir: '../dist/renderer',
    emptyOutDir: true,
    // Electron 33 carries Chromium 130.
    target: 'chrome130',
    // The page's policy forbids data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // antd, React and recharts in one file: the page is read from the disk, once.
    chunkSizeWarningLimit: 3000,
  },
});
