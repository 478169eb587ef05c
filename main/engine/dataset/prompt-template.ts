import { z } from 'zod';
import alpaca from '../../../resources/templates/alpaca.json' with { type: 'json' };
import plain from '../../../resources/templates/plain.json' with { type: 'json' };
import vicuna from '../../../resources/templates/vicuna.json' with { type: 'json' };
import { readJsonFile } from '../checkpoint/read-json.ts';
import { EngineError } from '../errors.ts';

const templateSchema = z.strictObject({
  description: z.string(),
  /** In front of the first round. */
  system: z.string(),
  /** What the model reads of a round: {instruction}, and {input} in the second. */
  prompt: z.string().includes('{instruction}'),
  promptWithInput: z.string().includes('{instruction}').includes('{input}'),
  /** What it learns to write: {output}. */
  answer: z.string().includes('{output}'),
});

/** How questions and answers are put into words. */
export type PromptTemplate = z.infer<typeof templateSchema>;

const bundled: Readonly<Record<string, PromptTemplate>> = { alpaca, vicuna, plain };

/** The templates of resources/templates. */
export const templateNames: readonly string[] = Object.keys(bundled);

/** A template has some hundred bytes. */
const maxTemplateBytes = 2 ** 20;

/**
 * A template by its name, or by the path of a file of the same form.
 * @throws EngineError recipe-invalid for another form, file-missing, and as readJsonFile.
 */
export async function loadTemplate(nameOrPath: string): Promise<PromptTemplate> {
  if (Object.hasOwn(bundled, nameOrPath)) return bundled[nameOrPath];
  const found = templateSchema.safeParse(await readTemplate(nameOrPath));
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new EngineError(
    'recipe-invalid',
    `${nameOrPath} is no prompt template: ${issue.path.join('.') || 'the file'}: ${issue.message}.`,
    { path: nameOrPath },
    `Write it as those in resources/templates, or take one of them: ${templateNames.join(', ')}.`,
  );
}

async function readTemplate(path: string): Promise<unknown> {
  try {
    return await readJsonFile(path, { maxBytes: maxTemplateBytes });
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'file-missing')) throw error;
    throw new EngineError(
      'file-missing',
      `There is no prompt template ${path}.`,
      { path },
      `Name a file, or one of ${templateNames.join(', ')}.`,
    );
  }
}

/** What the model reads of a question; `input` is what it is about, where that stands apart, and may be empty. */
export function promptOf(
  { prompt, promptWithInput }: PromptTemplate,
  { instruction, input }: { readonly instruction: string; readonly input: string },
): string {
  return input === '' ? fillIn(prompt, { instruction }) : fillIn(promptWithInput, { instruction, input });
}

/** Fills a text's {names} in one pass, so that what is filled in may hold braces of its own. */
export function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
}
