import { describe, expect, it } from 'vitest';
import type { Adaptation } from '../../../main/engine/derive/lora.ts';
import { adapterShapes, type AdapterMatrix } from '../../../main/engine/recover/adapter.ts';
import { adapterGradients } from '../../../main/engine/recover/adapter-gradients.ts';
import { adamwStep, clippingScale, trainedParameter } from '../../../main/engine/recover/adamw.ts';
import { linearSchedule } from '../../../main/engine/recover/schedule.ts';
import { adaptedNetwork, examplesOf, openedModel, passOptions } from '../../fixtures/adapted-network.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenLora, goldenModelFolder, goldenTensors, type GoldenTensor } from '../../fixtures/golden-files.ts';

const noDropout = { rate: 0, seed: 0, step: 0 };

const adaptationOf = ({ rank, alpha, targets }: ReturnType<typeof goldenLora>): Adaptation => ({
  rank,
  alpha,
  targets,
  masked: false,
});

/** The adapter under `prefix` of a golden file; every matrix must be there. */
function goldenAdapter(
  tensors: ReadonlyMap<string, GoldenTensor>,
  prefix: string,
  shapes: readonly Omit<AdapterMatrix, 'values'>[],
): AdapterMatrix[] {
  return shapes.map(({ name, shape }) => {
    const found = tensors.get(`${prefix}.${name}`);
    expect(found?.dims, name).toEqual(shape);
    return { name, shape, values: Float32Array.from(found?.data ?? []) };
  });
}

describe.each(['gqa', 'sharded-bf16'])('LoRA on %s', (name) => {
  const golden = goldenLora(name);
  const tensors = goldenTensors('lora', name);
  const adaptation = adaptationOf(golden);

  it.each([
    ['all rows at once, weights in memory', 'ram', 100],
    ['two rows at a time, weights streamed', 'stream', 2],
  ] as const)('has PyTorch’s loss and adapter gradients: %s', async (_what, residency, microBatch) => {
    const model = await openedModel(goldenModelFolder(name));
    const adapter = goldenAdapter(tensors, 'gradients.adapter', adapterShapes(model, adaptation));
    expect(adapter).toHaveLength(2 * 7 * model.config.layers.length);
    const network = adaptedNetwork(model, adaptation, adapter, residency);
    const examples = examplesOf(golden.gradients.rows);
    const found = await adapterGradients(network, examples, noDropout, passOptions({ microBatch }));
    expect(Math.abs(found.loss / golden.gradients.loss - 1)).toBeLessThan(1e-5);
    for (const matrix of adapter) {
      const expected = tensors.get(`gradients.grad.${matrix.name}`)?.data ?? [];
      const gradient = found.gradients.get(matrix.name) ?? [];
      expect(worstOfLargest(gradient, expected), matrix.name).toBeLessThan(1e-4);
    }
  });

  it('falls as PyTorch’s and peft’s loss does, over 50 steps', async () => {
    const model = await openedModel(goldenModelFolder(name));
    const { curve } = golden;
    const adapter = goldenAdapter(tensors, 'curve.start', adapterShapes(model, adaptation));
    const network = adaptedNetwork(model, adaptation, adapter);
    const parameters = adapter.map((matrix) => trainedParameter(matrix.name, matrix.values, true));
    const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: curve.weightDecay };
    const schedule = { peak: curve.learningRate, warmupSteps: curve.warmupSteps, totalSteps: 50 };
    const examples = examplesOf(curve.rows);
    const pass = passOptions();
    for (const [step, expected] of curve.steps.entries()) {
      const first = (step * curve.rowsPerStep) % examples.length;
      const rows = examples.slice(first, first + curve.rowsPerStep);
      const { loss, gradients } = await adapterGradients(network, rows, noDropout, pass);
      const ordered = parameters.map((parameter) => gradients.get(parameter.name) ?? new Float32Array());
      const { norm, scale } = clippingScale(ordered, curve.maxGradientNorm);
      const learningRate = linearSchedule(step, schedule);
      expect(Math.abs(loss / expected.loss - 1), `loss of step ${step}`).toBeLessThan(1e-4);
      expect(Math.abs(norm / expected.gradientNorm - 1), `norm of step ${step}`).toBeLessThan(1e-3);
      expect(Math.abs(learningRate - expected.learningRate)).toBeLessThan(1e-12);
      parameters.forEach((parameter, i) => {
        adamwStep(parameter, ordered[i], { step: step + 1, learningRate, scale }, options);
      });
    }
  });
});
