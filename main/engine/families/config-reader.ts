import { EngineError } from '../errors.ts';

/** Upper bounds on what a config may claim, far above any published model: they keep a hostile file from asking for the moon. */
const maxCount = 2 ** 27;

/** Reads keys of config.json, naming the key in each complaint. */
export class ConfigReader {
  constructor(readonly source: Readonly<Record<string, unknown>>) {}

  has(key: string): boolean {
    return this.source[key] !== undefined && this.source[key] !== null;
  }

  /** A positive whole number; `fallback` where the key is absent or null. */
  count(key: string, fallback?: number): number {
    const value = this.has(key) ? this.source[key] : fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maxCount) return value;
    throw this.invalid(key, `a whole number from 1 to ${maxCount}`, value);
  }

  positive(key: string, fallback: number): number {
    const value = this.has(key) ? this.source[key] : fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.invalid(key, 'a number above 0', value);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.has(key) ? this.source[key] : fallback;
    if (typeof value === 'boolean') return value;
    throw this.invalid(key, 'true or false', value);
  }

  text(key: string, fallback: string): string {
    const value = this.has(key) ? this.source[key] : fallback;
    if (typeof value === 'string') return value;
    throw this.invalid(key, 'a text', value);
  }

  /** A nested object, or undefined where the key is absent or null. */
  object(key: string): ConfigReader | undefined {
    if (!this.has(key)) return undefined;
    const value = this.source[key];
    if (isRecord(value)) return new ConfigReader(value);
    throw this.invalid(key, 'an object', value);
  }

  /** One positive whole number a layer, or undefined where the key is absent. */
  countPerLayer(key: string, layers: number): number[] | undefined {
    if (!this.has(key)) return undefined;
    const value = this.source[key];
    const valid = (n: unknown): n is number =>
      typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= maxCount;
    if (Array.isArray(value) && value.length === layers && value.every(valid)) return value;
    throw this.invalid(key, `a list of ${layers} whole numbers, one a layer`, value);
  }

  invalid(key: string, expected: string, found: unknown): EngineError {
    const shown = found === undefined ? 'nothing' : (JSON.stringify(found).slice(0, 80) ?? typeof found);
    return new EngineError(
      'config-invalid',
      `config.json: "${key}" should be ${expected}, but is ${shown}.`,
      { key, expected, found: shown },
      'Check that config.json belongs to this model and is whole.',
    );
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
