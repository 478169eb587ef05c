import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, writeFileAtomic } from '../checkpoint/atomic-file.ts';
import { openSafetensors } from '../checkpoint/checkpoint.ts';
import { readJsonFile } from '../checkpoint/read-json.ts';
import { writeSafetensors, type TensorSource } from '../checkpoint/write-checkpoint.ts';
import { EngineError } from '../errors.ts';
import { toFloat32 } from '../tensor/half.ts';
import type { AdapterMatrix } from './adapter.ts';
import { float32Tensor } from './adapter-file.ts';
import { trainedParameter, type TrainedParameter } from './adamw.ts';

/** What a step came to. */
export interface StepRecord {
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
}

/** Mean loss over the validation rows after `step` steps. */
export interface ValidationRecord {
  readonly step: number;
  readonly loss: number;
}

/**
 * Everything that a training goes on from. Masks and the order of the data follow from seed and step alone, so the
 * number of steps is the whole random state.
 */
export interface TrainingState {
  readonly parameters: readonly (TrainedParameter & Pick<AdapterMatrix, 'shape'>)[];
  /** One a step taken. */
  readonly steps: StepRecord[];
  readonly validations: ValidationRecord[];
  /** Values at the lowest validation loss, in the order of `parameters`; empty before the first validation. */
  best: readonly Float32Array[];
}

export function freshState(adapter: readonly AdapterMatrix[]): TrainingState {
  const parameters = adapter.map(({ name, values, shape }) => ({
    ...trainedParameter(name, values, true),
    shape,
  }));
  return { parameters, steps: [], validations: [], best: [] };
}

const stateFile = 'state.json';
/** A number or two for each of a million steps. */
const maxStateBytes = 256 * 2 ** 20;

const stateSchema = z.object({
  tensors: z.string().regex(/^step-\d+\.safetensors$/),
  steps: z.array(z.object({ loss: z.number(), learningRate: z.number(), gradientNorm: z.number() })),
  validations: z.array(z.object({ step: z.int(), loss: z.number() })),
  hasBest: z.boolean(),
});

/**
 * The checkpoints of a training in a folder of their own: tensors in one file, and state.json, which names it. The
 * tensors come first, so that whatever instant a run is killed at, state.json names a file that is whole.
 */
export class TrainingCheckpoints {
  constructor(private readonly folder: string) {}

  async save(state: TrainingState): Promise<void> {
    const tensors = `step-${String(state.steps.length).padStart(6, '0')}.safetensors`;
    await makeFolder(this.folder);
    await writeSafetensors(join(this.folder, tensors), tensorsOf(state));
    const { steps, validations, best } = state;
    const document = { tensors, steps, validations, hasBest: best.length > 0 };
    await writeFileAtomic(join(this.folder, stateFile), `${JSON.stringify(document)}\n`);
    await this.removeAllBut([tensors, stateFile]);
  }

  /**
   * Takes the last checkpoint into a fresh state; leaves it as it is where there is none.
   * @throws EngineError run-folder-invalid where the checkpoint is damaged.
   */
  async restore(state: TrainingState): Promise<void> {
    const path = join(this.folder, stateFile);
    const document = await readJsonFile(path, { maxBytes: maxStateBytes }).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'file-missing') return undefined;
      throw error;
    });
    if (document === undefined) return;
    const checked = stateSchema.safeParse(document);
    if (!checked.success) throw damaged(path, checked.error.issues[0].message);
    const { tensors, steps, validations, hasBest } = checked.data;
    const tensorsPath = join(this.folder, tensors);
    state.best = await readTensors(tensorsPath, state, hasBest).catch((error: unknown) => {
      if (error instanceof EngineError && error.code !== 'run-folder-invalid') {
        throw damaged(tensorsPath, error.message);
      }
      throw error;
    });
    for (const step of steps) state.steps.push(step);
    for (const validation of validations) state.validations.push(validation);
  }

  /** Forgets the training: its result lies elsewhere. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async removeAllBut(kept: readonly string[]): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (!kept.includes(name)) await rm(join(this.folder, name), { force: true });
    }
  }
}

const parts = ['values', 'firstMoment', 'secondMoment'] as const;

function tensorsOf({ parameters, best }: TrainingState): TensorSource[] {
  return parameters.flatMap(({ name, shape, ...parameter }, i) => [
    ...parts.map((part) => float32Tensor(`${part}.${name}`, shape, parameter[part])),
    ...best.slice(i, i + 1).map((values) => float32Tensor(`best.${name}`, shape, values)),
  ]);
}

async function readTensors(path: string, state: TrainingState, hasBest: boolean): Promise<Float32Array[]> {
  const file = await openSafetensors(path);
  try {
    const read = async (name: string, length: number): Promise<Float32Array> => {
      const values = toFloat32(await file.read(name), file.info(name).dtype);
      if (!values.every(Number.isFinite)) throw damaged(path, `${name} holds numbers that are none`);
      if (values.length === length) return values;
      throw damaged(path, `${name} has ${values.length} elements, expected ${length}`);
    };
    const best: Float32Array[] = [];
    for (const parameter of state.parameters) {
      const { name, values } = parameter;
      for (const part of parts) parameter[part].set(await read(`${part}.${name}`, values.length));
      if (hasBest) best.push(await read(`best.${name}`, values.length));
    }
    return best;
  } finally {
    await file.close();
  }
}

function damaged(path: string, why: string): EngineError {
  return new EngineError(
    'run-folder-invalid',
    `The training's checkpoint ${path} is damaged: ${why}.`,
    { path },
    'Remove the folder it lies in to train from the start, or start the run in another folder.',
  );
}
