import { spawn, type ChildProcess } from 'node:child_process';
import type { TestProject } from 'vitest/node';
import { findRuntime } from '../scripts/electron/find-runtime.mjs';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the Electron that window tests start, or why there is none: they fail then, and the others still tell. */
    electron: { readonly executable: string } | { readonly missing: string };
  }
}

/** Large enough for the largest window that tests look at. */
const screen = '2560x1600x24';

/** Finds an Electron once before the tests, and a display for its windows. */
export async function setup({ provide }: TestProject): Promise<() => void> {
  const needsDisplay = process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
  try {
    const { executable } = await findRuntime({ virtualDisplay: needsDisplay });
    const display = needsDisplay ? await startDisplay() : undefined;
    provide('electron', { executable });
    return () => {
      display?.kill();
    };
  } catch (error) {
    provide('electron', { missing: error instanceof Error ? error.message : String(error) });
    return () => undefined;
  }
}

/** Starts a virtual display under a free number, which the test processes find in their environment. */
async function startDisplay(): Promise<ChildProcess> {
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', screen, '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  process.env.DISPLAY = `:${await firstLine(server)}`;
  return server;
}

function firstLine(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.on('close', (code) => {
      reject(new Error(`Xvfb ended with code ${code ?? 'none'}.`));
    });
    server.stdio[3]?.on('data', (number: Buffer) => {
      resolve(number.toString('utf8').trim());
    });
  });
}
