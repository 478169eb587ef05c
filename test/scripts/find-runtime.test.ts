import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { electronExecutable } from '../e2e/harness.ts';

const scripts = path.resolve(import.meta.dirname, '../../scripts/electron');

describe('the runtime', () => {
  it('that is there is found again, and printed for whoever starts it', () => {
    const script = path.join(scripts, 'find-runtime.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(stdout).toBe(`${electronExecutable()}\n`);
  });

  it('is a plain Electron: its version beside it, and no app but the default one', () => {
    const folder = path.dirname(electronExecutable());
    const version = readFileSync(path.join(folder, 'version'), 'utf8').trim();
    expect(version).toMatch(/^v?\d+\.\d+\.\d+$/);
    expect(existsSync(path.join(folder, 'resources', 'default_app.asar'))).toBe(true);
    expect(existsSync(path.join(folder, 'resources', 'app'))).toBe(false);
    const { stdout } = spawnSync(electronExecutable(), ['-p', 'process.versions.electron'], {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      encoding: 'utf8',
    });
    expect(stdout.trim()).toBe(version.replace(/^v/, ''));
  });
});

it.runIf(process.platform === 'linux')(
  'what a machine lacks is named, as Debian 12 and as Debian 13 call it',
  () => {
    const module = pathToFileURL(path.join(scripts, 'system-packages.mjs')).href;
    const source = `
    const { ensureSystemPackages } = await import(process.argv[1]);
    ensureSystemPackages(process.argv[2], { virtualDisplay: true });`;
    const args = ['--input-type=module', '--eval', source, module, electronExecutable()];
    // No program is found there: no display server, and no package manager to install one with.
    const env = { ...process.env, PATH: path.join(scripts, 'nowhere') };
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    expect(status).toBe(1);
    expect(stderr).toContain('Electron cannot start here: xvfb-run, Xvfb, xauth not found.');
    for (const name of [
      'libgtk-3-0t64 or libgtk-3-0',
      'libasound2t64 or libasound2',
      'libnss3',
      'xvfb',
      'xauth',
    ]) {
      expect(stderr).toContain(name);
    }
  },
);
