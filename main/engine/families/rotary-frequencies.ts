import { EngineError } from '../errors.ts';
import type { ConfigReader } from './config-reader.ts';
import type { Positions, SideInput } from './family.ts';

/**
 * Rotary frequencies of a config, transformers 4's keys (`rope_theta`, `rope_scaling`) or 5's (`rope_parameters`),
 * in float32 steps as transformers computes them (docs/method.md, LLaMA). [rotaryDim / 2]
 * @throws EngineError feature-unsupported for a scaling other than none, linear and llama3.
 */
export function rotaryFrequencies(config: ConfigReader, rotaryDim: number): Float32Array {
  const scaling = config.object('rope_parameters') ?? config.object('rope_scaling');
  const theta = scaling?.has('rope_theta')
    ? scaling.positive('rope_theta', 1)
    : config.positive('rope_theta', 10000);
  const base = Float32Array.from(
    { length: rotaryDim / 2 },
    (_, i) => 1 / Math.fround(theta ** Math.fround((2 * i) / rotaryDim)),
  );
  const kind = scaling ? scaling.text('rope_type', scaling.text('type', 'default')) : 'default';
  if (!scaling || kind === 'default') return base;
  if (kind === 'linear') {
    const factor = scaling.positive('factor', 1);
    return base.map((frequency) => frequency / factor);
  }
  if (kind === 'llama3') return llama3Frequencies(base, scaling);
  throw new EngineError(
    'feature-unsupported',
    `config.json: the rotary scaling "${kind}" is not known; known are default, linear and llama3.`,
    { rope_type: kind },
    'Take a model without scaled positions, or with these.',
  );
}

/** Llama 3's scaling: long waves are stretched, short ones kept, those between interpolated. */
function llama3Frequencies(base: Float32Array, scaling: ConfigReader): Float32Array {
  const factor = scaling.positive('factor', 8);
  const low = scaling.positive('low_freq_factor', 1);
  const high = scaling.positive('high_freq_factor', 4);
  const original = scaling.count('original_max_position_embeddings');
  return base.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > original / low) return frequency / factor;
    if (wavelength < original / high) return frequency;
    const smooth = (original / wavelength - low) / (high - low);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** cos and sin of every position's angles, each [length, frequencies]. */
export function rotaryTables(
  frequencies: Float32Array,
  { length, start = 0, tree }: Positions,
): { cos: SideInput; sin: SideInput } {
  const dims = [length, frequencies.length];
  const angles = new Float32Array(length * frequencies.length);
  for (let t = 0; t < length; t++) {
    const position = tree ? tree.positions[t] : start + t;
    for (let i = 0; i < frequencies.length; i++) {
      angles[t * frequencies.length + i] = position * frequencies[i];
    }
  }
  return { cos: { dims, data: angles.map(Math.cos) }, sin: { dims, data: angles.map(Math.sin) } };
}
