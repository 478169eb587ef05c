import { stat } from 'node:fs/promises';
import { dirname, join, posix, resolve, win32 } from 'node:path';
import { readJsonFile } from '../checkpoint/read-json.ts';
import { EngineError } from '../errors.ts';

/** peft's names for what an adapter's folder holds. */
export const adapterConfigFile = 'adapter_config.json';
export const adapterWeightsFile = 'adapter_model.safetensors';
/** What peft puts before the model's own parameter names: its wrapper, and the model inside it. */
export const peftKeyPrefix = 'base_model.model.';

/** peft's own configs have a kilobyte or two; a list of every module of a large model adds some more. */
const maxConfigBytes = 2 ** 20;
/** Ranks in use end at some hundreds. */
const maxRank = 2 ** 16;
const maxTargets = 2 ** 16;

/** A PEFT folder with a LoRA adapter, as its config tells of it. */
export interface AdapterFolder {
  readonly folder: string;
  /** Of the model that the adapter belongs to. */
  readonly baseFolder: string;
  readonly rank: number;
  readonly alpha: number;
  /** Names of modules, or the ends of them after a point; null: all linear weights of the layers. */
  readonly targets: readonly string[] | null;
}

/**
 * The adapter in a folder without a model of its own; undefined where there is none.
 * @throws EngineError config-invalid; feature-unsupported for what is more than a plain LoRA; file-missing without the
 * base model; as readJsonFile.
 */
export async function findAdapter(folder: string): Promise<AdapterFolder | undefined> {
  if (!(await isAdapter(folder))) return undefined;
  const path = join(folder, adapterConfigFile);
  const config = await readJsonFile(path, { maxBytes: maxConfigBytes });
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw invalid(path, 'the file', 'a JSON object', config);
  const source = config as Readonly<Record<string, unknown>>;
  requirePlainLora(path, source);
  const { base_model_name_or_path: base, r: rank, lora_alpha: alpha } = source;
  if (typeof base !== 'string' || base === '')
    throw invalid(path, 'base_model_name_or_path', 'the path of the model', base);
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 1 || rank > maxRank)
    throw invalid(path, 'r', `a whole number from 1 to ${maxRank}`, rank);
  if (typeof alpha !== 'number' || !Number.isFinite(alpha))
    throw invalid(path, 'lora_alpha', 'a number', alpha);
  const targets = targetsOf(path, source.target_modules);
  return { folder, baseFolder: await findBase(folder, base), rank, alpha, targets };
}

/** A folder with a config.json is a model, whatever lies beside it. */
async function isAdapter(folder: string): Promise<boolean> {
  return !(await isThere(join(folder, 'config.json'))) && (await isThere(join(folder, adapterConfigFile)));
}

/** Options of peft by which an adapter is more than W + alpha/rank · B·A for every weight of its targets. */
const furtherOptions = [
  'use_dora',
  'use_rslora',
  'use_qalora',
  'use_bdlora',
  'bias',
  'lora_bias',
  'fan_in_fan_out',
  'modules_to_save',
  'exclude_modules',
  'layers_to_transform',
  'layer_replication',
  'rank_pattern',
  'alpha_pattern',
  'target_parameters',
  'trainable_token_indices',
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
  'velora_config',
];

/** Ways to begin that leave the base model as it was; pissa, olora, corda and loftq change it. */
const plainStarts: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

function requirePlainLora(path: string, source: Readonly<Record<string, unknown>>): void {
  const { peft_type: type, init_lora_weights: start } = source;
  if (type !== 'LORA') throw unsupported(path, 'peft_type', type);
  const found = furtherOptions.find((key) => !isOff(source[key]));
  if (found !== undefined) throw unsupported(path, found, source[found]);
  if (!plainStarts.includes(start)) throw unsupported(path, 'init_lora_weights', start);
}

function isOff(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === 'none';
}

function targetsOf(path: string, value: unknown): readonly string[] | null {
  if (value === 'all-linear') return null;
  if (typeof value === 'string') throw unsupported(path, 'target_modules', value);
  const isName = (name: unknown): name is string => typeof name === 'string';
  if (Array.isArray(value) && value.length <= maxTargets && value.every(isName)) return value;
  throw invalid(path, 'target_modules', 'a list of names', value);
}

/**
 * Where the base model lies: at the path that the config names, from the adapter's folder on where it is relative; or,
 * of an absolute path, beside the adapter's folder under the same name, where a run's folder was moved or copied.
 */
async function findBase(folder: string, name: string): Promise<string> {
  const candidates = candidatesFor(folder, name);
  for (const candidate of candidates) {
    if (await isThere(join(candidate, 'config.json'))) return candidate;
    if (await isAdapter(candidate)) throw adapterOnAdapter(folder, candidate);
  }
  throw new EngineError(
    'file-missing',
    `${folder} holds an adapter for the model ${JSON.stringify(name)}, which was not found: no config.json in ${candidates.join(' or ')}.`,
    { folder, base: name },
    `Put the model there, or write its path as base_model_name_or_path into ${adapterConfigFile}.`,
  );
}

function candidatesFor(folder: string, name: string): string[] {
  if (!posix.isAbsolute(name) && !win32.isAbsolute(name)) return [resolve(folder, name)];
  const lastPart = /([^/\\]*)[/\\]*$/.exec(name)?.[1] ?? '';
  const beside = lastPart === '' ? [] : [join(dirname(resolve(folder)), lastPart)];
  // A file from elsewhere must not make this machine log in to a server: nothing is looked for under \\server\share.
  const isOnServer = /^[/\\]{2}/.test(name);
  return [...(isOnServer ? [] : [resolve(folder, name)]), ...beside];
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);

function invalid(path: string, key: string, expected: string, found: unknown): EngineError {
  return new EngineError(
    'config-invalid',
    `${path}: ${key} should be ${expected}, but is ${shown(found)}.`,
    { path, key },
    'Get the adapter again, with all of its files.',
  );
}

function unsupported(path: string, key: string, found: unknown): EngineError {
  return new EngineError(
    'feature-unsupported',
    `${path}: adapters with ${key} ${shown(found)} are not supported; a plain LoRA of whole layers is.`,
    { path, key },
    'Merge the adapter into its model with peft (merge_and_unload), and open the merged model.',
  );
}

function adapterOnAdapter(folder: string, base: string): EngineError {
  return new EngineError(
    'feature-unsupported',
    `${folder} holds an adapter for ${base}, which is an adapter itself.`,
    { folder, base },
    'Merge the lower one into its model first.',
  );
}
