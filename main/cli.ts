import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { engineVersion } from './studio/engine-version.ts';
import { compare, compareFormats, type CompareOptions } from './cli/compare.ts';
import { device } from './cli/device.ts';
import { evaluate, inspect, plan, recover, resume, run } from './cli/commands.ts';
import type { EvalOptions, RecipeOptions, RunOptions, CommonOptions } from './cli/commands.ts';
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
    .description('measure perplexity')
    .argument('<model>', 'model folder')
    .requiredOption('--text <file>', 'text, or JSONL with "text" or "input_ids"')
    .option('--seq-len <n>', 'tokens a chunk', atLeast(2), 128)
    .option('--samples <n>', 'rows of a JSONL file to use', atLeast(1))
    .option('--memory <size>', 'memory budget, e.g. 4GiB', asMemorySize, 'auto')
    .addOption(new Option('--device <name>', 'what computes').choices(deviceChoices).default('auto'))
    .option(...json)
    .action(async (folder: string, options: EvalOptions) => {
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
    .command('device')
    .description('test the graphics card, and show what computes on it')
    .option(...json)
    .action(async (options: CommonOptions) => {
      end(await device(options));
    });
  return program;
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

function atLeast(least: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${least}.`);
  };
}

function asMemorySize(value: string): number | string {
  const size = memorySize.safeParse(/^\d+$/.test(value) ? Number(value) : value);
  if (size.success) return size.data;
  throw new InvalidArgumentError('Expected auto, or a size such as 4GiB.');
}
