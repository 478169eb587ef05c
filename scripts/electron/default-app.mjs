// Starts the app that the command line names: `electron [flags] [-r MODULE] path/to/app`, as Electron's own default app
// does. The runtime from the package registry comes without one.
//
// An ES module, and awaited to its end: an app that registers its protocol schemes must be heard before Electron is
// ready.

import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { app as electronApp } from 'electron';

// Electron keeps these two for its own default app.
const app =
  /** @type {import('electron').App & { setAppPath(path: string): void, setVersion(version: string): void }} */ (
    electronApp
  );

const { preloads, appPath } = readCommandLine(process.argv.slice(1));
const require = createRequire(import.meta.url);
for (const module of preloads) require(path.resolve(module));
if (appPath === undefined) {
  console.error('Expected an app: electron path/to/app');
  app.exit(1);
} else {
  await startApp(path.resolve(appPath));
}

/**
 * @param {readonly string[]} args
 * @returns {{ preloads: string[], appPath: string | undefined }}
 */
function readCommandLine(args) {
  const preloads = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '-r' || arg === '--require') preloads.push(args[++i]);
    else if (!arg.startsWith('-')) return { preloads, appPath: arg };
  }
  return { preloads, appPath: undefined };
}

/** @param {string} target a folder with a package.json, or a file of JavaScript */
async function startApp(target) {
  if (!statSync(target).isDirectory()) {
    app.setAppPath(path.dirname(target));
    await import(pathToFileURL(target).href);
    return;
  }
  const manifest = JSON.parse(readFileSync(path.join(target, 'package.json'), 'utf8'));
  const { productName, name, version, main = 'index.js', desktopName } = manifest;
  app.setName(productName ?? name);
  if (version !== undefined) app.setVersion(version);
  app.setDesktopName(desktopName ?? `${app.name}.desktop`);
  if (!app.commandLine.hasSwitch('user-data-dir')) {
    app.setPath('userData', path.join(app.getPath('appData'), app.name));
  }
  app.setAppPath(target);
  await import(pathToFileURL(path.join(target, main)).href);
}
