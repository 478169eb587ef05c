import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { chatTemplateNames } from './engine/generate/built-in-templates.ts';
import { taskIds } from './engine/evaluate/tasks/index.ts';
import { engineVersion } from './studio/engine-version.ts';
import { compare, compareFormats, type CompareOptions } from './cli/compare.ts';
import { bench, type BenchOptions } from './cli/bench.ts';
import { device } from './cli/device.ts';
import { evaluate, lackingOption, taskList, type EvalOptions } from './cli/evaluate.ts';
import { generateCommand, type GenerateOptions } from './cli/generate.ts';
import { inspect, plan, recover, resume, run } from './cli/commands.ts';
import type { RecipeOptions, RunOptions, CommonOptions } from './cli/commands.ts';
import { deviceChoices, memorySize } from './studio/recipe.ts';
import { describeError, exitCode, printError, type ExitCode } from './cli/output.ts';

// Whoever reads the output may stop early, as `head` does: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCode.done : exitCode.failed);
});

process.exitCode = await main(process.argv);

async function main(argv: readonly string[]): Promise<number> {
  let ended: ExitCode = exitCode.done;
  const program = commandLine((code) => {
    ended = code;
  });
  try {
    await program.parseAsync(argv);
    return ended;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    printError(argv.includes('--json'), describeError(error));
    return exitCode.failed;
  }
}

function commandLine(end: (code: ExitCode) => void): Command {
  const program = new Command('llm-pruner')
    .description('Makes large language models smaller by structural pruning.')
    .version(engineVersion)
    .exitOverride()
    .showHelpAfterError();
  const json = ['--json', 'print one JSON document on stdout; logs go to stderr', false] as const;
  const set = [
    '--set <key=value>',
    'override a recipe key, e.g. prune.ratio=0.5 (repeatable)',
    collect,
    [],
  ] as const;

  program
    .command('inspect')
    .description('show what a model folder holds')
    .argument('<model>', 'model folder (config.json is enough)')
    .option(...json)
    .action(async (folder: string, options: CommonOptions) => {
      end(await inspect(folder, options));
    });
  program
    .command('plan')
    .description('show what a recipe will come to, before anything is done')
    .argument('[recipe]', 'recipe file (YAML)')
    .option(...set)
    .option(...json)
    .action(async (file: string | undefined, options: RecipeOptions) => {
      end(await plan(file, options));
    });
  const runs = [
    { name: 'run', what: 'prune a model', act: run },
    {
      name: 'recover',
      what: 'train a pruned model again, without pruning: the recipe needs its key "recover"',
      act: recover,
    },
  ];
  for (const { name, what, act } of runs) {
    program
      .command(name)
      .description(what)
      .argument('[recipe]', 'recipe file (YAML)')
      .option('--out <dir>', 'run folder (default: runs/, named after the recipe)')
      .option('--print-recipe', 'print the recipe with every default, and stop', false)
      .option(...set)
      .option(...json)
      .action(async (file: string | undefined, options: RunOptions) => {
        end(await act(file, options));
      });
  }
  program
    .command('resume')
    .description('go on with an interrupted run')
    .argument('<dir>', 'run folder')
    .option(...json)
    .action(async (folder: string, options: CommonOptions) => {
      end(await resume(folder, options));
    });
  program
    .command('eval')
    .description('measure perplexity on texts, and zero-shot tasks')
    .argument('<model>', 'model folder')
    .option(
      '--text <file>',
      'text, or JSONL or Parquet with "text", "sentence" or "input_ids" (repeatable)',
      collect,
      [],
    )
    .option('--seq-len <n>', 'tokens a chunk', atLeast(2), 128)
    .option('--samples <n>', 'rows of a JSONL or Parquet file to use', atLeast(1))
    .option('--tasks <names>', `all, or some of ${taskIds.join(',')}`, taskList)
    .option('--task-data <folder>', 'folder with the data sets of the tasks, each as the hub has it')
    .option('--few-shot <n>', 'worked examples in front of each question', atLeast(0), 0)
    .option('--bos', 'put the BOS of the tokenizer in front of each question', false)
    .option('--limit <n>', 'first questions of each task to ask', atLeast(1))
    .option('--out <dir>', 'run folder (default with tasks: runs/, named after the model)')
    .option('--memory <size>', 'memory budget, e.g. 4GiB', asMemorySize, 'auto')
    .addOption(new Option('--device <name>', 'what computes').choices(deviceChoices).default('auto'))
    .option(...json)
    .action(async (folder: string, options: EvalOptions, command: Command) => {
      const lacking = lackingOption(options);
      if (lacking !== undefined) command.error(`error: ${lacking}`, { exitCode: exitCode.usage });
      end(await evaluate(folder, options));
    });
  program
    .command('compare')
    .description(
      'set runs and models side by side: every number, with its difference from the first original',
    )
    .argument('<folders...>', 'run folders or model folders')
    .addOption(new Option('--format <name>', 'how it is written').choices(compareFormats).default('text'))
    .option('--out <file>', 'write to a file instead of stdout')
    .option('--no-published', 'leave out published results of the same models and recipes')
    .option(...json)
    .action(async (folders: string[], options: CompareOptions & CommonOptions) => {
      end(await compare(folders, { ...options, ...(options.json && { format: 'json' }) }));
    });
  program
    .command('generate')
    .description('continue a prompt: the text goes to stdout as it comes, how fast it came to stderr')
    .argument('<model>', 'model folder')
    .requiredOption('--prompt <text>', 'what to continue, or with --chat what to answer')
    .option('--chat', "put the prompt into the model's chat template", false)
    .option('--system <text>', 'a system message before it, with --chat')
    .addOption(
      new Option('--template <name>', "a built-in template instead of the model's own, with --chat").choices(
        chatTemplateNames,
      ),
    )
    .option('--max-new-tokens <n>', 'tokens to add at most', atLeast(1), 256)
    .option('--temperature <t>', '0 takes the most probable token each time', between(0, 100), 0)
    .option('--top-k <k>', 'of so many of the most probable tokens; 0: all', atLeast(0), 0)
    .option('--top-p <p>', 'of the fewest tokens with so much of the probability; 1: all', above0(1), 1)
    .option('--repetition-penalty <x>', 'what tokens lose that occurred before; 1: nothing', above0(10), 1)
    .option('--stop <text>', 'end before this text (repeatable)', collect, [])
    .option('--seed <n>', 'of the draw', atLeast(0), 42)
    .option('--memory <size>', 'memory budget, e.g. 4GiB', asMemorySize, 'auto')
    .addOption(new Option('--device <name>', 'what computes').choices(deviceChoices).default('cpu'))
    .option(...json)
    .action(async (folder: string, options: GenerateOptions, command: Command) => {
      const lonely = (['system', 'template'] as const).find((name) => options[name] !== undefined);
      if (lonely !== undefined && !options.chat)
        command.error(`error: --${lonely} needs --chat`, { exitCode: exitCode.usage });
      end(await generateCommand(folder, options));
    });
  program
    .command('bench')
    .description('time models beside each other, in turn: the first is what the others are compared with')
    .argument('<models...>', 'model folders')
    .option('--batch-sizes <list>', 'rows that grow together', wholeNumbers, [1])
    .option('--prompt-lengths <list>', 'tokens a row begins with', wholeNumbers, [128])
    .option('--new-tokens <n>', 'tokens a row grows by', atLeast(1), 32)
    .option('--repeats <n>', 'rounds that are timed', atLeast(2), 7)
    .option('--memory <size>', 'memory budget, e.g. 4GiB', asMemorySize, 'auto')
    .addOption(new Option('--device <name>', 'what computes').choices(deviceChoices).default('cpu'))
    .option(...json)
    .action(async (folders: string[], options: BenchOptions) => {
      end(await bench(folders, options));
    });
  program
    .command('device')
    .description('test the graphics card, and show what computes on it')
    .option(...json)
    .action(async (options: CommonOptions) => {
      end(await device(options));
    });
  return program;
}

function collect(value: string, previous: readonly string[]): string[] {
  if (value === '') throw new InvalidArgumentError('Expected at least one character.');
  return [...previous, value];
}

function atLeast(least: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${least}.`);
  };
}

/** 1,4,16 */
function wholeNumbers(list: string): number[] {
  const numbers = list.split(',').map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number >= 1)) return numbers;
  throw new InvalidArgumentError('Expected whole numbers from 1, such as 1,4.');
}

function between(least: number, most: number): (value: string) => number {
  return numberThat((number) => number >= least && number <= most, `from ${least} to ${most}`);
}

function above0(most: number): (value: string) => number {
  return numberThat((number) => number > 0 && number <= most, `above 0 and at most ${most}`);
}

function numberThat(fits: (number: number) => boolean, range: string): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() !== '' && fits(number)) return number;
    throw new InvalidArgumentError(`Expected a number ${range}.`);
  };
}

function asMemorySize(value: string): number | string {
  const size = memorySize.safeParse(/^\d+$/.test(value) ? Number(value) : value);
  if (size.success) return size.data;
  throw new InvalidArgumentError('Expected auto, or a size such as 4GiB.');
}
