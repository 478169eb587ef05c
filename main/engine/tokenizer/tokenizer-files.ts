import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import { configSchema, definitionSchema } from './schema.ts';

/** The largest published files, of vocabularies with 256 000 tokens, have 35 MB. */
const maxTokenizerBytes = 128 * 1024 * 1024;

/** A few kB as a rule; 1.2 MB where every added token and several chat templates are listed. */
const maxConfigBytes = 16 * 1024 * 1024;

export type TokenizerDefinition = z.output<typeof definitionSchema>;
export type TokenizerConfig = z.output<typeof configSchema>;

/** The two files of a tokenizer.json, checked for their form; `config` is empty where there is no tokenizer_config.json. */
export interface TokenizerFiles {
  /** Of tokenizer.json, for errors. */
  readonly path: string;
  readonly definition: TokenizerDefinition;
  readonly config: TokenizerConfig;
}

/** Undefined where there is no tokenizer.json. Throws tokenizer-invalid, or file-unreadable. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles | undefined> {
  const definitionPath = path.join(folder, 'tokenizer.json');
  const definition = await readJson(definitionPath, maxTokenizerBytes);
  if (definition === undefined) return undefined;
  checkModelType(definition, definitionPath);
  return {
    path: definitionPath,
    definition: parseWith(definitionSchema, definition, definitionPath),
    config: await readSettings(folder, 'tokenizer_config.json', configSchema),
  };
}

/** A small JSON file beside a tokenizer; one that does not exist is as an empty one. */
export async function readSettings<T extends z.ZodType>(
  folder: string,
  file: string,
  schema: T,
): Promise<z.output<T>> {
  const filePath = path.join(folder, file);
  return parseWith(schema, (await readJson(filePath, maxConfigBytes)) ?? {}, filePath);
}

/** A SentencePiece model's bytes; undefined where there is no such file. */
export function readModelBytes(folder: string, file: string): Promise<Uint8Array | undefined> {
  return readWhole(path.join(folder, file), maxTokenizerBytes);
}

/** Undefined when the file does not exist. */
async function readJson(filePath: string, maxBytes: number): Promise<unknown> {
  const bytes = await readWhole(filePath, maxBytes);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw invalid(filePath, `it is not JSON: ${reasonOf(error)}`);
  }
}

async function readWhole(filePath: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const file = await stat(filePath);
    if (!file.isFile()) throw invalid(filePath, 'it is not a file');
    if (file.size > maxBytes) {
      throw invalid(filePath, `it has ${file.size} bytes, and a tokenizer's file has at most ${maxBytes}`);
    }
    return await readFile(filePath);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new EngineError(
      'file-unreadable',
      `${filePath} could not be read: ${reasonOf(error)}`,
      { path: filePath },
      'Check its permissions and the disk that holds it.',
    );
  }
}

/** Before the rest is checked: of another model type nothing else would be as expected. */
function checkModelType(definition: unknown, definitionPath: string): void {
  const found = z.object({ model: z.object({ type: z.string() }) }).safeParse(definition);
  if (!found.success || found.data.model.type === 'BPE') return;
  throw invalid(
    definitionPath,
    `expected a model of type BPE, found ${JSON.stringify(found.data.model.type.slice(0, 80))}`,
    'Byte-pair encoding is what LLaMA and its relatives use; other kinds of tokenizer are not supported.',
  );
}

function parseWith<T extends z.ZodType>(schema: T, value: unknown, filePath: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place =
    issue === undefined || issue.path.length === 0 ? 'the file' : issue.path.map(String).join('.');
  throw invalid(filePath, `${place.slice(0, 200)}: ${issue?.message ?? 'not as expected'}`);
}

/** The error of a tokenizer's file that is not as it must be. */
export function invalid(
  filePath: string,
  reason: string,
  hint = 'Get the file again from where the model came.',
): EngineError {
  return new EngineError(
    'tokenizer-invalid',
    `${filePath} cannot be used: ${reason}`,
    { path: filePath },
    hint,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
