/**
 * Peak memory of pruning 1.1 billion bfloat16 weights and of training the result: plan, run, eval and recover of a
 * random model of TinyLlama's shape, through the command line.
 *
 *   npm run build && node scripts/run-ts.mjs scripts/bench/tinyllama-memory.ts --folder DIR [--memory 1GiB]
 *
 * DIR takes 7 GB; the model in it is used again. The weights are random, so the perplexities say nothing.
 */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeModel } from '../../main/engine/runtime/model.ts';
import { runFiles, type RunReport } from '../../main/engine/run.ts';
import { RandomStream } from '../../main/engine/tensor/random.ts';
import { readEvents } from '../../main/studio/run-store.ts';
import { printTable } from './print-table.ts';
import { provideRandomModel } from './random-model.ts';

const { values: args } = parseArgs({
  options: { folder: { type: 'string' }, memory: { type: 'string', default: '1GiB' } },
});

/** What the process that does the work may take at the most, by what is promised of it. */
const mostWorkerBytes = 2 * 2 ** 30;

const configFile = 'test/golden/published/tinyllama-1.1b/config.json';
/** Three files, so that more than one is read and their index is. */
const maxShardBytes = 1e9;
const expectedParameters = { before: 1_100_048_384, after: 945_907_712 };
const calibration = { rows: 10, length: 64 };
const evaluation = { rows: 8, length: 128 };
/** Of the calibration rows, without validation. */
const training = { steps: 2, batchSize: 8 };

/** Beside this bundle, as run-ts.mjs says. */
const commandLine = fileURLToPath(new URL('./cli.js', import.meta.url));

await measure();

async function measure(): Promise<void> {
  if (args.folder === undefined) throw new Error('Name a folder with 7 GB of room: --folder DIR');
  const places = placesIn(resolve(args.folder));
  await mkdir(places.peaks, { recursive: true });
  const config = JSON.parse(await readFile(configFile, 'utf8')) as object;
  await provideRandomModel(places.model, config, 'BF16', maxShardBytes);
  await writeInputs(places);
  const steps = [
    await step('plan', ['plan', places.recipe, '--json'], places),
    await step('run', ['run', places.recipe, '--out', places.run, '--json'], places),
    await step('eval', evalArguments(places), places),
    await step('recover', ['recover', places.recovery, '--out', places.recovered, '--json'], places),
  ];
  requireParameters(JSON.parse(steps[1].output) as RunReport);
  printSteps(steps);
  await printStages(places.run);
  await printStages(places.recovered);
  printVerdict(Math.max(...steps.map(({ workerBytes }) => workerBytes)));
}

interface Places {
  readonly model: string;
  readonly recipe: string;
  readonly calibration: string;
  readonly evaluation: string;
  readonly run: string;
  readonly recovery: string;
  readonly recovered: string;
  /** Each process of a step leaves its peak memory here, in a file named by its process id. */
  readonly peaks: string;
}

function placesIn(folder: string): Places {
  return {
    model: join(folder, 'model'),
    recipe: join(folder, 'recipe.yaml'),
    calibration: join(folder, 'calibration.jsonl'),
    evaluation: join(folder, 'evaluation.jsonl'),
    run: join(folder, 'run'),
    recovery: join(folder, 'recovery.yaml'),
    recovered: join(folder, 'recovered'),
    peaks: join(folder, 'peaks'),
  };
}

async function writeInputs({
  model,
  recipe,
  calibration: rows,
  evaluation: chunks,
  run,
  recovery,
  recovered,
  peaks,
}: Places): Promise<void> {
  const { config } = await describeModel(model);
  await writeFile(rows, randomRows(calibration, config.vocabSize, 0));
  await writeFile(chunks, randomRows(evaluation, config.vocabSize, 1));
  const content = {
    model,
    prune: {
      criterion: 'taylor-element1',
      ratio: 0.25,
      layers: { attention: [4, 18], mlp: [4, 18] },
    },
    calibration: { source: rows },
    evaluate: { text: chunks, seqLen: evaluation.length },
    memory: args.memory,
  };
  await writeFile(recipe, JSON.stringify(content)); // JSON is YAML
  const recover = {
    data: rows,
    cutoff: calibration.length,
    ...training,
    warmupSteps: 0,
    validation: { rows: 0 },
  };
  await writeFile(
    recovery,
    JSON.stringify({ model: join(run, runFiles.model), recover, memory: args.memory }),
  );
  for (const folder of [run, recovered, peaks]) await rm(folder, { recursive: true, force: true });
  await mkdir(peaks);
}

function randomRows(
  { rows, length }: { rows: number; length: number },
  vocabSize: number,
  stream: number,
): string {
  const random = new RandomStream(1, 'calibration', stream);
  const row = (): number[] => Array.from({ length }, () => random.below(vocabSize));
  return Array.from({ length: rows }, () => `${JSON.stringify({ input_ids: row() })}\n`).join('');
}

function evalArguments({ run, evaluation: text }: Places): string[] {
  const length = String(evaluation.length);
  return [
    'eval',
    join(run, runFiles.model),
    '--text',
    text,
    '--seq-len',
    length,
    '--memory',
    args.memory,
    '--json',
  ];
}

interface Step {
  readonly name: string;
  readonly output: string;
  readonly commandBytes: number;
  /** 0 where a step starts no worker. */
  readonly workerBytes: number;
  readonly elapsedMs: number;
}

/** Peak memory as the kernel counts it, written by every Node process of a step as it exits. */
function peakRecorder(folder: string): string {
  const source =
    "import { writeFileSync } from 'node:fs'; process.on('exit', () => " +
    `writeFileSync(${JSON.stringify(`${folder}/`)} + process.pid, String(process.resourceUsage().maxRSS * 1024)))`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

async function step(name: string, commandArguments: readonly string[], { peaks }: Places): Promise<Step> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [commandLine, ...commandArguments], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: `--import=${peakRecorder(peaks)}` },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`llm-pruner ${name} ended with exit code ${code ?? 'none'}`);
  const elapsedMs = performance.now() - startedAt;
  const found = new Map<string, number>();
  for (const file of await readdir(peaks)) {
    found.set(file, Number(await readFile(join(peaks, file), 'utf8')));
    await rm(join(peaks, file));
  }
  const commandBytes = found.get(String(child.pid)) ?? NaN;
  found.delete(String(child.pid));
  return { name, output, commandBytes, workerBytes: Math.max(0, ...found.values()), elapsedMs };
}

function requireParameters({ before, after }: RunReport): void {
  if (before.parameters === expectedParameters.before && after.parameters === expectedParameters.after)
    return;
  throw new Error(
    `Expected ${expectedParameters.before} and ${expectedParameters.after} parameters, ` +
      `found ${before.parameters} and ${after.parameters}.`,
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function printSteps(steps: readonly Step[]): void {
  printTable([
    ['Peak memory', 'worker', 'command line', 'both, at most', 'wall time'],
    ...steps.map(({ name, workerBytes, commandBytes, elapsedMs }) => [
      name,
      workerBytes === 0 ? 'none' : mebibytes(workerBytes),
      mebibytes(commandBytes),
      mebibytes(workerBytes + commandBytes),
      seconds(elapsedMs),
    ]),
  ]);
}

async function printStages(runFolder: string): Promise<void> {
  const marks = (await readEvents(runFolder)).filter(({ type }) => type === 'stage' || type === 'finished');
  const rows = marks.slice(0, -1).map((mark, i) => {
    const name = mark.type === 'stage' ? mark.stage : mark.type;
    return [name, seconds(Date.parse(marks[i + 1].time) - Date.parse(mark.time))];
  });
  process.stdout.write('\n');
  printTable([['Stage of the run', 'wall time'], ...rows]);
  const log = await readFile(join(runFolder, 'log.txt'), 'utf8');
  process.stdout.write(
    `\nRecorded in the run's log: ${/peak memory of the worker: .*/.exec(log)?.[0] ?? 'nothing'}\n`,
  );
}

function printVerdict(workerBytes: number): void {
  const verdict = workerBytes <= mostWorkerBytes ? 'stayed within' : 'EXCEEDED';
  process.stdout.write(
    `The worker ${verdict} ${mebibytes(mostWorkerBytes)}: ${mebibytes(workerBytes)} at its peak.\n`,
  );
  if (workerBytes > mostWorkerBytes) process.exitCode = 1;
}
