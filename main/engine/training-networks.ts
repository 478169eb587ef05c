import type { Adaptation } from './derive/lora.ts';
import { sessionOptions, type MachineShare } from './measure-model.ts';
import { withAdapter, type AdapterMatrix } from './recover/adapter.ts';
import type { TrainedNetworks } from './recover/trainer.ts';
import type { RecoverySettings } from './recovery.ts';
import { openBase } from './runtime/frozen-base.ts';
import { arenaFits } from './runtime/memory-plan.ts';
import type { Model } from './runtime/model.ts';
import { Network } from './runtime/network.ts';

/** The adapter as it is measured: without dropout masks. */
export const adaptationOf = ({ lora }: RecoverySettings): Adaptation => ({ ...lora, masked: false });

/** A training's networks over one set of weights, until they are released. */
export interface OpenNetworks extends TrainedNetworks {
  release(): Promise<void>;
}

/** The network that is trained, with dropout masks where there is dropout, and the one that is measured. */
export function trainingNetworks(
  settings: RecoverySettings,
  model: Model,
  adapter: readonly AdapterMatrix[],
  share: MachineShare,
): OpenNetworks {
  const weights = withAdapter(openBase(settings.base, model, share.memory, share.device.kind), adapter);
  const { config, checkpoint } = model;
  const arena = arenaFits(
    { config, weightBytes: checkpoint.totalBytes },
    share.memory,
    settings.training.microBatch * settings.cutoff,
  );
  // Two or three sessions run thousands of times.
  const options = { ...sessionOptions(share), arena };
  const network = (masked: boolean): Network =>
    new Network(model, weights, options, { ...adaptationOf(settings), masked });
  const measuring = network(false);
  const training = settings.training.dropout > 0 ? network(true) : measuring;
  return {
    training,
    measuring,
    async release() {
      for (const used of new Set([training, measuring])) await used.release();
      weights.release();
    },
  };
}
