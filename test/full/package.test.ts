import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { chromium, type Page } from 'playwright-core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RunDetail } from '../../preload/contract.ts';
import { call, electronExecutable, refusal, userDataFolder } from '../e2e/harness.ts';
import { runEnded } from '../e2e/long-run.ts';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf } from '../fixtures/command-line.ts';

const root = path.resolve(import.meta.dirname, '../..');
const unpacked = path.join(root, 'release', 'linux-unpacked');
const program = path.join(unpacked, 'llm-pruner-studio');

/** Most that an unpacked studio may weigh: Electron has about 220 MB, ONNX Runtime 45 MB. */
const mostBytes = 400e6;

beforeAll(() => {
  // Where there is no Electron, this says so.
  electronExecutable();
  const { status, stderr } = spawnSync('npm', ['run', 'dist:dir'], { cwd: root, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
}, 300_000);

describe('the unpacked program', () => {
  it('is small, and carries the libraries of this platform alone', () => {
    expect(sizeBelow(unpacked)).toBeLessThan(mostBytes);
    const libraries = path.join(
      unpacked,
      'resources/app.asar.unpacked/node_modules/onnxruntime-node/bin/napi-v6',
    );
    expect(readdirSync(libraries)).toEqual([process.platform]);
    expect(readdirSync(path.join(libraries, process.platform))).toEqual([process.arch]);
  });

  it('starts nothing but the studio', async () => {
    expect(readdirSync(path.join(unpacked, 'resources')).sort()).toEqual([
      'app.asar',
      'app.asar.unpacked',
      'demo',
    ]);
    const fuses = await getCurrentFuseWire(program);
    const off = [
      FuseV1Options.RunAsNode,
      FuseV1Options.EnableNodeOptionsEnvironmentVariable,
      FuseV1Options.EnableNodeCliInspectArguments,
      FuseV1Options.GrantFileProtocolExtraPrivileges,
    ];
    const on = [
      FuseV1Options.EnableCookieEncryption,
      FuseV1Options.EnableEmbeddedAsarIntegrityValidation,
      FuseV1Options.OnlyLoadAppFromAsar,
    ];
    // A fuse is one character of the program.
    const wire = (options: readonly FuseV1Options[]): string =>
      String.fromCharCode(...options.map((option) => fuses[option] ?? 0));
    expect(wire(off)).toBe('0000');
    expect(wire(on)).toBe('111');
    const { stdout } = spawnSync(program, ['--version'], {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      encoding: 'utf8',
      timeout: 10_000,
    });
    expect(stdout).not.toMatch(/^v\d+/);
  });

  it('runs its page in the sandbox, and prunes the demo model to the numbers of the command line', async () => {
    const user = programUser();
    const { page, seccompModes } = await startProgram(user);
    expect(seccompModes()).toEqual(user.canSandbox ? [filtered] : ['0']);
    expect((await call(page, 'app:info')).version).toMatch(/^0\.\d+\.\d+/);
    const { run, folder, modelFolder, progress } = await pruneDemo(page);
    expect(run.state, JSON.stringify(progress)).toBe('finished');
    expect(existsSync(path.join(modelFolder, 'model.safetensors'))).toBe(true);
    const out = path.join(temporaryFolder(), 'run');
    const recipe = path.join(folder, 'recipe.yaml');
    const report = documentOf(await command('run', recipe, '--out', out, '--json'));
    expect(report).toMatchObject({ ...run.report });
    expect(await refusal(page, 'model:inspect', { modelId: '/etc' })).toBe('file-not-granted');
  });
});

/** Chromium's sandbox does not work for root: the program is started as nobody then, where nobody may. */
interface ProgramUser {
  readonly ids: { readonly uid?: number; readonly gid?: number };
  readonly canSandbox: boolean;
}

const nobody = { uid: 65_534, gid: 65_534 };

function programUser(): ProgramUser {
  if (process.getuid?.() !== 0) return { ids: {}, canSandbox: true };
  // It needs a user namespace of its own, and to be reached at all.
  const canSandbox = [
    ['unshare', '--user', 'true'],
    ['test', '-x', program],
  ].every(([name, ...args]) => spawnSync(name, args, { cwd: '/', ...nobody }).status === 0);
  return canSandbox ? { ids: nobody, canSandbox } : { ids: {}, canSandbox };
}

/** A process whose system calls a filter decides on; as /proc has it. */
const filtered = '2';

interface StartedProgram {
  readonly page: Page;
  /** The Seccomp mode of each page's process. */
  readonly seccompModes: () => string[];
}

/** The program, driven over its debugging port: the fuses keep Playwright from its main process. */
async function startProgram(user: ProgramUser): Promise<StartedProgram> {
  const userData = await userDataFolder();
  const { uid, gid } = user.ids;
  if (uid !== undefined && gid !== undefined) chownSync(userData, uid, gid);
  const studio = spawn(
    program,
    [
      ...(user.canSandbox ? [] : ['--no-sandbox']),
      '--remote-debugging-port=0',
      `--user-data-dir=${userData}`,
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: '/',
      env: { ...process.env, HOME: userData, XDG_CONFIG_HOME: userData },
      ...user.ids,
    },
  );
  const gone = new Promise((resolve) => studio.once('close', resolve));
  onTestFinished(async () => {
    studio.kill('SIGKILL');
    await gone;
  });
  let written = '';
  const address = await new Promise<string>((resolve, reject) => {
    studio.on('error', reject);
    studio.on('close', (code) => {
      reject(new Error(`The program ended with code ${code ?? 'none'}:\n${written}`));
    });
    studio.stderr.setEncoding('utf8').on('data', (text: string) => {
      written += text;
      const [, found] = /DevTools listening on (ws:\S+)/.exec(written) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  const browser = await chromium.connectOverCDP(address);
  onTestFinished(() => browser.close());
  const [context] = browser.contexts();
  const page = context.pages()[0] ?? (await context.waitForEvent('page'));
  await page.waitForURL('app://studio/**');
  return { page, seccompModes: () => seccompModesOf(`--user-data-dir=${userData}`) };
}

function seccompModesOf(userDataFlag: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
        if (!args.includes('--type=renderer') || !args.includes(userDataFlag)) return [];
        return /^Seccomp:\s+(\d)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? [];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

async function pruneDemo(page: Page): Promise<RunDetail> {
  const model = await call(page, 'model:demo');
  const { defaultWindow } = await call(page, 'model:inspect', { modelId: model.id });
  const { calibration, evaluation } = await call(page, 'text:demo');
  const { runId } = await call(page, 'run:start', {
    modelId: model.id,
    prune: {
      criterion: 'taylor-element1',
      aggregation: 'sum',
      ratio: 0.3,
      gqaFold: 'correct',
      layers: { attention: defaultWindow, mlp: defaultWindow },
      seed: 42,
    },
    calibration: { sourceId: calibration.id, samples: 16, seqLen: 128, seed: 42 },
    evaluate: { textId: evaluation.id, seqLen: 128, samples: null },
    recover: null,
  });
  return runEnded({ page }, runId);
}

function sizeBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce((total, name) => {
    const found = statSync(path.join(folder, name));
    return found.isFile() ? total + found.size : total;
  }, 0);
}
