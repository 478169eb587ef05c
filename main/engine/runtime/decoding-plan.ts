import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ModelConfig } from '../families/family.ts';
import type { DeviceKind } from './device.ts';
import { planMemory, type MemoryPlan } from './memory-plan.ts';
import { openWeightStore, readFloat32, readStored, type WeightStore } from './residency.ts';

/** How a memory budget is spent where tokens come one at a time and every weight is used for each. */
export interface DecodingPlan {
  readonly memory: MemoryPlan;
  /** `float32` spares turning half precision into float32 at each token, which takes longer than the products. */
  readonly weights: 'float32' | 'stored';
}

/** Float32 weights where they take at most half of the budget, else weights as stored; streamed where those do not fit either. */
export function planDecoding(
  config: ModelConfig,
  { parameters, weightBytes }: { readonly parameters: number; readonly weightBytes: number },
  budgetBytes: number,
  device: DeviceKind = 'cpu',
): DecodingPlan {
  const memory = planMemory(config, 4 * parameters, budgetBytes, device);
  if (memory.residency !== 'stream' || device === 'webgpu') return { memory, weights: 'float32' };
  return { memory: planMemory(config, weightBytes, budgetBytes, device), weights: 'stored' };
}

export function openDecodingWeights(
  checkpoint: Checkpoint,
  { memory, weights }: DecodingPlan,
  device: DeviceKind,
): WeightStore {
  const reader = weights === 'float32' ? readFloat32(checkpoint) : readStored(checkpoint);
  return openWeightStore(checkpoint, memory.residency, device, reader);
}

/** Beside the weights: the program, activations, keys and values. */
const besideBytes = 400 * 2 ** 20;

/** Resident memory of a process that generates, about. */
export function decodingMemoryBytes(
  { memory, weights }: DecodingPlan,
  { parameters, weightBytes }: { readonly parameters: number; readonly weightBytes: number },
): number {
  const kept = weights === 'float32' ? 4 * parameters : weightBytes;
  return besideBytes + (memory.residency === 'stream' ? Math.min(kept, memory.budgetBytes / 2) : kept);
}
