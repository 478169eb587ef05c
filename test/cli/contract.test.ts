import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf, startCommand, type Finished } from '../fixtures/command-line.ts';
import { goldenForward, goldenModelFolder, goldenModelNames } from '../fixtures/golden-files.ts';
import { randomRows, writeRandomModel, writeRows } from '../fixtures/random-model.ts';

const published = (name: string): string => path.resolve('test/golden/published', name);

interface Costs {
  readonly parameters: number;
  readonly macs: number;
  readonly weightBytes: number;
}

describe('inspect', () => {
  it.each([
    ['llama-7b', 6_738_415_616, 32, 4096, 2],
    ['llama-3-8b', 8_030_261_248, 32, 4096, 2],
    ['tinyllama-1.1b', 1_100_048_384, 22, 2048, 2],
  ])(
    '--json tells of %s, from its config.json alone',
    async (name, parameters, layers, hiddenSize, bytes) => {
      const document = documentOf(await command('inspect', published(name), '--json'));
      expect(document).toMatchObject({
        family: 'llama',
        parameters,
        macs: expect.any(Number) as number,
        weightBytes: parameters * bytes,
        layers,
        hiddenSize,
        hasWeights: false,
      });
    },
  );

  it('--json tells of a folder with weights what they hold', async () => {
    for (const name of ['gqa', 'sharded-bf16']) {
      const { parameters } = goldenForward(name);
      const document = documentOf(await command('inspect', goldenModelFolder(name), '--json'));
      const bytes = name === 'gqa' ? 4 : 2;
      expect(document).toMatchObject({ parameters, weightBytes: bytes * parameters, hasWeights: true });
    }
  });

  it('shows people the same numbers', async () => {
    const { code, stdout, stderr } = await command('inspect', published('llama-7b'));
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const shown of ['6,738,415,616', '424.02 G', '12884.5 MiB', '(config.json only)']) {
      expect(stdout).toContain(shown);
    }
  });
});

describe('plan', () => {
  const plan = (name: string, ratio: number, window: string, ...more: string[]): Promise<unknown> =>
    command(
      ...['plan', '--set', `model=${published(name)}`, '--set', `prune.ratio=${ratio}`],
      ...['--set', `prune.layers={attention: ${window}, mlp: ${window}}`, '--json'],
      ...more,
    ).then((finished) => documentOf(finished));

  it.each([
    ['llama-7b', 0.25, '[4, 30]', 6_738_415_616, 5_422_977_024, 424.02, 339.6],
    ['llama-7b', 0.6, '[3, 31]', 6_738_415_616, 3_350_188_032, 424.02, 206.59],
    ['llama-3-8b', 0.25, '[4, 30]', 8_030_261_248, 6_612_586_496, undefined, undefined],
    ['tinyllama-1.1b', 0.25, '[4, 18]', 1_100_048_384, 945_907_712, undefined, undefined],
  ])(
    '--json gives the published sizes of %s at %d inside %s, from config.json alone',
    async (name, ratio, window, before, after, macsBefore, macsAfter) => {
      const document = (await plan(name, ratio, window)) as { before: Costs; after: Costs };
      expect(document.before).toMatchObject({ parameters: before, weightBytes: 2 * before });
      expect(document.after).toMatchObject({ parameters: after, weightBytes: 2 * after });
      const gigas = ({ macs }: Costs): number => Math.round(macs / 1e7) / 100;
      if (macsBefore === undefined) return;
      expect([gigas(document.before), gigas(document.after)]).toEqual([macsBefore, macsAfter]);
    },
  );

  it('shows people both ratios, by the window that scales with depth', async () => {
    const { code, stdout } = await command('plan', '--set', `model=${published('llama-7b')}`);
    expect(code).toBe(0);
    expect(stdout).toContain('Ratio 0.25 inside layers [4, 30): 19.5 % of all parameters.\n');
    for (const shown of ['5,422,977,024', '339.60 G', '12884.5 MiB', '10375.5 MiB'])
      expect(stdout).toContain(shown);
  });

  it('names both windows where they differ', async () => {
    const settings = ['--set', 'prune.layers={attention: [4, 30], mlp: [0, 32]}'];
    const { stdout } = await command('plan', '--set', `model=${published('llama-7b')}`, ...settings);
    expect(stdout).toContain('inside attention of layers [4, 30) and MLP of layers [0, 32):');
  });
});

describe('eval', () => {
  it.each(goldenModelNames)(
    '--json gives the golden perplexity of %s, which has no tokenizer',
    async (name) => {
      const { perplexity } = goldenForward(name);
      const rows = [perplexity.tokens.slice(0, 300), perplexity.tokens.slice(300)];
      const text = await writeRows(path.join(temporaryFolder(), 'rows.jsonl'), rows);
      const finished = await command(
        'eval',
        goldenModelFolder(name),
        '--text',
        text,
        '--seq-len',
        '128',
        '--json',
      );
      const document = documentOf(finished) as { perplexity: number };
      expect(document).toMatchObject({ tokens: 1024, chunks: 8, seqLen: 128 });
      expect(Math.abs(document.perplexity / perplexity.byChunk[128] - 1)).toBeLessThan(1e-5);
      expect(finished.stderr).toBe('evaluating\n');
    },
  );

  it('takes a sequence length, the first rows and a memory budget', async () => {
    const { perplexity } = goldenForward('mha');
    const rows = [perplexity.tokens.slice(0, 96), perplexity.tokens.slice(96)];
    const text = await writeRows(path.join(temporaryFolder(), 'rows.jsonl'), rows);
    const args = ['eval', goldenModelFolder('mha'), '--text', text, '--seq-len', '32', '--json'];
    const all = documentOf(await command(...args, '--memory', '1MiB')) as { perplexity: number };
    expect(all).toMatchObject({ chunks: 34, tokens: 34 * 32, seqLen: 32 });
    expect(Math.abs(all.perplexity / perplexity.byChunk[32] - 1)).toBeLessThan(1e-5);
    expect(documentOf(await command(...args, '--samples', '1'))).toMatchObject({ chunks: 3, tokens: 96 });
  });
});

describe('a recipe', () => {
  it('is printed with every default, and reads back as the same', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'recipe.yaml');
    const text = 'model: m\nprune: {ratio: 0.4, layers: {mlp: [1, 2]}}\ncalibration: {source: c.txt}\n';
    await writeFile(file, text);
    const print = async (...args: string[]): Promise<Finished> =>
      startCommand(['run', ...args, '--print-recipe'], { cwd: folder }).finished;
    const settings = ['--set', 'evaluate.text=e.txt', '--set', 'memory=2GiB'];
    const printed = await print(file, ...settings);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    const again = path.join(folder, 'again.yaml');
    await writeFile(again, printed.stdout);
    expect(await print(again)).toEqual(printed);
    const document = documentOf(await print(again, '--json'));
    expect(document).toEqual(documentOf(await print(file, ...settings, '--json')));
    expect(document).toMatchObject({
      model: path.join(folder, 'm'),
      prune: { ratio: 0.4, aggregation: 'sum', layers: { attention: null, mlp: [1, 2] } },
      evaluate: { text: path.join(folder, 'e.txt') },
      memory: '2GiB',
    });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('needs no file to show its defaults', async () => {
    const { code, stdout } = await command('run', '--print-recipe');
    expect(code).toBe(0);
    for (const key of ['model', 'prune', 'calibration', 'evaluate', 'device', 'memory']) {
      expect(stdout).toMatch(new RegExp(`^${key}:`, 'm'));
    }
  });
});

describe('exit codes', () => {
  it.each([
    '',
    'prune',
    'inspect',
    'inspect a b',
    'plan --ratio 0.5',
    'eval model --json',
    'eval model --text file --seq-len 1',
    'eval model --text file --seq-len 1e9x',
    'eval model --text file --samples 0',
    'eval model --text file --memory much --json',
    'eval model --text file --memory 0GiB',
  ])('2 for a command that is used wrongly, with help on stderr: %j', async (line) => {
    const args = line.split(' ').filter((word) => word !== '');
    const { code, stdout, stderr } = await command(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: llm-pruner');
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('0 for help and version, on stdout', async () => {
    expect(await command('--version')).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
    const help = await command('run', '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--print-recipe');
  });

  it('1 for an error: one document on stdout with --json, one sentence and a hint on stderr', async () => {
    const folder = path.join(temporaryFolder(), 'none');
    const error = {
      code: 'file-missing',
      message: `${folder} does not exist.`,
      facts: { folder },
      hint: 'Name the folder that holds config.json, the weights and the tokenizer.',
    };
    const stderr = `error: ${error.message}\nhint: ${error.hint}\n`;
    const finished = await command('inspect', folder, '--json');
    expect(documentOf(finished, 1)).toEqual({ error });
    expect(finished.stderr).toBe(stderr);
    expect(await command('inspect', folder)).toEqual({ code: 1, stdout: '', stderr });
  });

  /** Arguments of a Taylor run of some seconds. */
  async function longRun(folder: string): Promise<string[]> {
    const model = path.join(folder, 'model');
    await writeRandomModel(model, { num_hidden_layers: 8, hidden_size: 96, intermediate_size: 192 });
    const source = await writeRows(path.join(folder, 'rows.jsonl'), randomRows(40, 256));
    const settings = ['--set', `model=${model}`, '--set', `calibration.source=${source}`];
    return ['run', ...settings, '--out', path.join(folder, 'run'), '--json'];
  }

  const lastEvent = async (folder: string): Promise<unknown> =>
    JSON.parse(
      (await readFile(path.join(folder, 'run/events.jsonl'), 'utf8')).trim().split('\n').at(-1) ?? '',
    );

  it.each([
    // The command alone, as from another program; all of its processes, as from Ctrl-C in a terminal.
    ['SIGINT', 'signal'],
    ['SIGINT', 'signalAll'],
    ['SIGTERM', 'signal'],
  ] as const)('130 for a run that %s cancelled (%s), which can be resumed', async (name, send) => {
    const folder = temporaryFolder();
    const started = startCommand(await longRun(folder));
    await started.wrote('estimating');
    started[send](name);
    const finished = await started.finished;
    expect(documentOf(finished, 130)).toEqual({ cancelled: true });
    expect(finished.stderr).toContain(`To go on: llm-pruner resume ${path.join(folder, 'run')}\ncancelled\n`);
    expect(finished.stderr).not.toContain('error:');
    expect(await lastEvent(folder)).toMatchObject({ type: 'cancelled' });
  });

  it('130 for a run that was interrupted twice, which does not wait for its layer', async () => {
    const folder = temporaryFolder();
    const started = startCommand(await longRun(folder));
    await started.wrote('estimating');
    // Its worker stands still, as in a layer that takes long.
    started.signalAll('SIGSTOP');
    started.signal('SIGCONT');
    started.signal('SIGINT');
    await started.wrote('stopping after the current layer');
    started.signal('SIGINT');
    expect(documentOf(await started.finished, 130)).toEqual({ cancelled: true });
  });
});
