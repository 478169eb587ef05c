/**
 * How free the window stays while the demo model is pruned: the longest tasks of its page on the Run screen, how late
 * main's event loop is, and how long a call from the page to main and back takes; idle and at work.
 *
 *   xvfb-run -a node scripts/run-ts.mjs scripts/bench/window-responsiveness.ts
 *
 * Needs the built studio (npm run build).
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { printTable } from './print-table.ts';

/** Tasks of a page that keep it from answering a person are called long from here on. */
const longTaskMs = 50;
const idleMs = 5000;
const pingIntervalMs = 50;

interface Measured {
  readonly tasks: readonly number[];
  readonly pings: readonly number[];
  readonly loop: { readonly p99Ms: number; readonly mostMs: number };
}

const userData = await mkdtemp(join(tmpdir(), 'studio-bench-'));
// A script of its own: it finds the repository by where it lies, which this bundle does not.
const finder = [resolve('scripts/electron/find-runtime.mjs')];
const executable = execFileSync(process.execPath, finder, { encoding: 'utf8' }).trim();
const rootFlags = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const app = await _electron.launch({
  executablePath: executable,
  colorScheme: null,
  args: [...rootFlags, `--user-data-dir=${userData}`, resolve('.')],
});
try {
  const page = await app.firstWindow();
  await page.waitForLoadState();
  await sleep(2000);
  const idle = await measure(app, page, () => sleep(idleMs));
  const atWork = await measure(app, page, () => pruneDemo(page));
  printTable([
    ['', 'idle', 'at work'],
    ...rows(idle).map(([name, value], i) => [name, value, rows(atWork)[i][1]]),
  ]);
  const long = atWork.tasks.filter((ms) => ms > longTaskMs);
  if (long.length > 0) {
    process.stdout.write(`\n${long.length} tasks of the page took longer than ${longTaskMs} ms.\n`);
    process.exitCode = 1;
  }
} finally {
  app.process().kill('SIGKILL');
  await app.close().catch(() => undefined);
  await rm(userData, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

async function measure(
  studio: ElectronApplication,
  page: Page,
  meanwhile: () => Promise<unknown>,
): Promise<Measured> {
  await studio.evaluate(() => {
    const { monitorEventLoopDelay } = process.getBuiltinModule('node:perf_hooks');
    const histogram = monitorEventLoopDelay({ resolution: 5 });
    histogram.enable();
    Object.assign(globalThis, { histogram });
  });
  await page.evaluate((intervalMs) => {
    const tasks: number[] = [];
    const pings: number[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) tasks.push(entry.duration);
    });
    observer.observe({ type: 'longtask' });
    const { studio: bridge } = window as unknown as {
      studio: { call(name: string): Promise<unknown> };
    };
    const timer = setInterval(() => {
      const startedAt = performance.now();
      void bridge.call('settings:get').then(() => pings.push(performance.now() - startedAt));
    }, intervalMs);
    Object.assign(window, { measured: { tasks, pings, timer } });
  }, pingIntervalMs);
  await meanwhile();
  const ofPage = await page.evaluate(() => {
    const { measured } = window as unknown as {
      measured: { tasks: number[]; pings: number[]; timer: number };
    };
    clearInterval(measured.timer);
    return { tasks: measured.tasks, pings: measured.pings };
  });
  const loop = await studio.evaluate(() => {
    const { histogram } = globalThis as unknown as {
      histogram: { disable(): void; max: number; percentile(p: number): number };
    };
    histogram.disable();
    return { p99Ms: histogram.percentile(99) / 1e6, mostMs: histogram.max / 1e6 };
  });
  return { ...ofPage, loop };
}

/** Starts the demo's run, shows it, and waits until it has ended. */
async function pruneDemo(page: Page): Promise<void> {
  await page.evaluate(async () => {
    type Ids = Readonly<Record<'id' | 'runId', string>>;
    const { studio } = window as unknown as {
      studio: { call(name: string, request?: unknown): Promise<{ value: unknown }> };
    };
    const ask = async <T>(name: string, request?: unknown): Promise<T> =>
      (await studio.call(name, request)).value as T;
    const { id: modelId } = await ask<Ids>('model:demo');
    const { defaultWindow } = await ask<{ defaultWindow: unknown }>('model:inspect', { modelId });
    const texts = await ask<Readonly<Record<'calibration' | 'evaluation', Ids>>>('text:demo');
    const { runId } = await ask<Ids>('run:start', {
      modelId,
      prune: {
        criterion: 'taylor-element1',
        aggregation: 'sum',
        ratio: 0.3,
        gqaFold: 'correct',
        layers: { attention: defaultWindow, mlp: defaultWindow },
        seed: 42,
      },
      calibration: { sourceId: texts.calibration.id, samples: 64, seqLen: 128, seed: 42 },
      evaluate: { textId: texts.evaluation.id, seqLen: 128, samples: null },
    });
    const route = `#/run/${runId}/progress`;
    history.pushState(route, '');
    dispatchEvent(new PopStateEvent('popstate', { state: route }));
    for (;;) {
      const { run } = await ask<{ run: { state: string } }>('run:get', { runId });
      if (run.state !== 'running' && run.state !== 'queued') return;
      await new Promise((done) => setTimeout(done, 500));
    }
  });
}

function rows({ tasks, pings, loop }: Measured): (readonly [name: string, value: string])[] {
  const sorted = [...pings].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  const ms = (value: number): string => value.toFixed(1);
  return [
    [`page: tasks above ${longTaskMs} ms`, String(tasks.filter((task) => task > longTaskMs).length)],
    ['page: longest task, ms', tasks.length === 0 ? '-' : ms(Math.max(...tasks))],
    ['main: event loop late, p99, ms', ms(loop.p99Ms)],
    ['main: event loop late, most, ms', ms(loop.mostMs)],
    ['call and answer, median, ms', ms(at(0.5))],
    ['call and answer, p99, ms', ms(at(0.99))],
    ['call and answer, most, ms', ms(sorted[sorted.length - 1])],
  ];
}
