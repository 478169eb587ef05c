import { mkdir, readFile, writeFile, cp } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf, startCommand } from '../fixtures/command-line.ts';
import { goldenModelFolder } from '../fixtures/golden-files.ts';
import { changeJson } from './bad-input/bad-input.ts';

const demo = path.resolve('resources/demo/model');
const prompt = ['--prompt', 'The climate of the country is'];

interface Generated {
  readonly text: string;
  readonly ids: readonly number[];
  readonly endedBy: string;
  readonly promptTokens: number;
  readonly tokensPerSecond: number;
}

/** The demo model with a chat template. */
async function chattyModel(template: string): Promise<string> {
  const folder = path.join(temporaryFolder(), 'model');
  await cp(demo, folder, { recursive: true });
  await writeFile(path.join(folder, 'chat_template.jinja'), template);
  return folder;
}

describe('generate', () => {
  it('streams the text to stdout, the same as in the document, and its speed to stderr', async () => {
    const { code, stdout, stderr } = await command('generate', demo, ...prompt, '--max-new-tokens', '20');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /^prompt: \d+ tokens at [\d.]+ tokens\/s; text: 20 tokens at [\d.]+ tokens\/s; --max-new-tokens ended it\n$/,
    );
    const args = ['generate', demo, ...prompt, '--max-new-tokens', '20', '--json'];
    const document = documentOf(await command(...args)) as Generated;
    expect(`${document.text}\n`).toBe(stdout);
    expect(document).toMatchObject({ model: demo, endedBy: 'max-tokens', prompt: { kind: 'text' } });
    expect(document.ids).toHaveLength(20);
    expect(document.tokensPerSecond).toBeGreaterThan(0);
  });

  it('gives the same text whatever the memory, and another for another seed', async () => {
    const drawn = async (...more: string[]): Promise<string> => {
      const sampling = ['--temperature', '1', '--top-p', '0.9', '--top-k', '50', '--max-new-tokens', '16'];
      return (await command('generate', demo, ...prompt, ...sampling, ...more)).stdout;
    };
    const first = await drawn('--seed', '1');
    expect(await drawn('--seed', '1', '--memory', '4MiB')).toBe(first);
    expect(await drawn('--seed', '2')).not.toBe(first);
  });

  it('ends before any of the stop strings', async () => {
    const { stdout } = await command('generate', demo, ...prompt, '--max-new-tokens', '20');
    const words = stdout.trim().split(' ');
    const stop = ['--stop', `${words[2]} ${words[3]}`, '--stop', 'no such words'];
    const document = documentOf(await command('generate', demo, ...prompt, ...stop, '--json')) as Generated;
    expect(document.endedBy).toBe('stop-string');
    expect(stdout.startsWith(document.text)).toBe(true);
    expect(document.text.trim().split(' ')).toEqual(words.slice(0, 2));
  });

  it('puts a chat into the model’s template', async () => {
    const model = await chattyModel('{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}');
    const chat = [
      '--chat',
      '--system',
      'Be brief.',
      '--prompt',
      'The climate',
      '--max-new-tokens',
      '4',
      '--json',
    ];
    const plain = ['--prompt', 'system: Be brief.\nuser: The climate\n', '--max-new-tokens', '4', '--json'];
    const [asChat, asText] = await Promise.all([
      command('generate', model, ...chat),
      command('generate', model, ...plain),
    ]);
    const [chatted, texted] = [documentOf(asChat), documentOf(asText)] as Generated[];
    expect(chatted.ids).toEqual(texted.ids);
    expect(chatted.promptTokens).toBe(texted.promptTokens);
  });

  it('is stopped by Ctrl-C between two tokens', async () => {
    const model = await chattyModel('');
    await changeJson(path.join(model, 'config.json'), { max_position_embeddings: 1_000_000 });
    const endless = ['--max-new-tokens', '1000000', '--temperature', '1'];
    const started = startCommand(['generate', model, ...prompt, ...endless]);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    started.signalAll('SIGINT');
    const { code, stderr } = await started.finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopping after the current token[^]*cancelled/);
  });

  it.each([
    ['--temperature', '-1', 'Expected a number from 0 to 100'],
    ['--temperature', 'hot', 'Expected a number from 0 to 100'],
    ['--top-p', '0', 'Expected a number above 0 and at most 1'],
    ['--top-k', '1.5', 'Expected a whole number from 0'],
    ['--repetition-penalty', '0', 'Expected a number above 0 and at most 10'],
    ['--max-new-tokens', '0', 'Expected a whole number from 1'],
    ['--stop', '', 'Expected at least one character'],
  ])('refuses %s %s', async (option, value, message) => {
    const { code, stderr } = await command('generate', demo, ...prompt, option, value);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('bench', () => {
  interface Cost {
    readonly models: readonly {
      readonly name: string;
      readonly peakBytes: number;
      readonly programBytes: number;
    }[];
    readonly points: readonly {
      readonly batchSize: number;
      readonly promptLength: number;
      readonly models: readonly { readonly speedup: { readonly decode: { readonly low: number } } | null }[];
    }[];
  }

  it('measures every model at every size, and says in words how they compare', async () => {
    const sizes = ['--batch-sizes', '1,2', '--prompt-lengths', '8', '--new-tokens', '2', '--repeats', '2'];
    const models = [demo, goldenModelFolder('gqa')];
    const cost = documentOf(await command('bench', ...models, ...sizes, '--json')) as Cost;
    expect(cost.models.map(({ name }) => name)).toEqual(models);
    for (const { peakBytes, programBytes } of cost.models) {
      expect(programBytes).toBeGreaterThan(10 * 2 ** 20);
      expect(peakBytes).toBeGreaterThan(programBytes);
    }
    expect(cost.points.map(({ batchSize, promptLength }) => [batchSize, promptLength])).toEqual([
      [1, 8],
      [2, 8],
    ]);
    expect(cost.points[0].models.map(({ speedup }) => speedup === null)).toEqual([true, false]);
    const { stdout } = await command('bench', ...models, ...sizes);
    expect(stdout).toMatch(
      /^New tokens \(1 x 8\): gqa is .* times the speed of model \(95 %: [\d.]+ to [\d.]+\)\.$/m,
    );
  });

  it('is a stage of a run that asks for it', async () => {
    const folder = temporaryFolder();
    await mkdir(folder, { recursive: true });
    const cost = '{batchSizes: [1], promptLengths: [8], newTokens: 2, repeats: 2}';
    const settings = [`model=${demo}`, 'prune.criterion=magnitude-l2', `evaluate.cost=${cost}`];
    const out = path.join(folder, 'run');
    const args = ['run', ...settings.flatMap((setting) => ['--set', setting]), '--out', out];
    const report = documentOf(await command(...args, '--json')) as { readonly cost: Cost };
    expect(report.cost.models.map(({ name }) => name)).toEqual(['before', 'after']);
    expect(report.cost.points[0].models[1].speedup?.decode.low).toBeGreaterThan(0);
    const stored = JSON.parse(await readFile(path.join(out, 'report.json'), 'utf8')) as {
      readonly cost: Cost;
    };
    expect(stored.cost).toEqual(report.cost);
    // Another time there would be other times.
    expect((documentOf(await command(...args, '--json')) as { readonly cost: Cost }).cost).toEqual(
      report.cost,
    );
  });

  it('refuses prompts that a model has no positions for', async () => {
    const finished = await command('bench', demo, '--prompt-lengths', '100000', '--json');
    expect(documentOf(finished, 1)).toMatchObject({ error: { code: 'prompt-too-long' } });
  });

  it('refuses sizes that are no numbers', async () => {
    const { code, stderr } = await command('bench', demo, '--batch-sizes', '1,x');
    expect(code).toBe(2);
    expect(stderr).toContain('Expected whole numbers from 1, such as 1,4.');
  });
});
