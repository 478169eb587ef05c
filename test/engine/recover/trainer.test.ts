import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  isSuspicious,
  requireRowsToBlame,
  requireSoundValidation,
} from '../../../main/engine/recover/divergence.ts';
import { initialAdapter } from '../../../main/engine/recover/adapter.ts';
import {
  trainAdapter,
  type StepReport,
  type TrainingResult,
  type TrainingSettings,
} from '../../../main/engine/recover/trainer.ts';
import {
  freshState,
  TrainingCheckpoints,
  type StepRecord,
  type TrainingState,
  type ValidationRecord,
} from '../../../main/engine/recover/training-state.ts';
import { openModel } from '../../../main/engine/runtime/model.ts';
import { paceOf } from '../../../main/engine/runtime/pace.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { adaptedNetwork, examplesOf, llamaTargets, passOptions } from '../../fixtures/adapted-network.ts';
import { bitsOf } from '../../fixtures/closeness.ts';
import { goldenLora, goldenModelFolder } from '../../fixtures/golden-files.ts';
import type { TrainingExample } from '../../../main/engine/dataset/training-example.ts';

const adaptation = { rank: 4, alpha: 8, targets: llamaTargets };
const examples = examplesOf(goldenLora('gqa').curve.rows);

const settings: TrainingSettings = {
  epochs: 1,
  steps: 12,
  batchSize: 4,
  microBatch: 3,
  learningRate: 0.01,
  schedule: 'cosine',
  warmupSteps: 2,
  weightDecay: 0.01,
  maxGradNorm: 1,
  dropout: 0.1,
  seed: 5,
  validation: { rows: 6, everySteps: 4, patience: null },
  checkpoint: { everySteps: 5, everyMinutes: 60 },
};

interface Trained {
  readonly state: TrainingState;
  readonly result: TrainingResult | undefined;
  readonly steps: readonly StepReport[];
  readonly validations: readonly ValidationRecord[];
  readonly error: unknown;
}

interface Choices {
  readonly changes?: Partial<TrainingSettings>;
  readonly rows?: readonly TrainingExample[];
  readonly folder?: string;
  /** Cancels once that step, or that validation, is told. */
  readonly cancelAt?: { readonly step?: number; readonly validation?: number };
  /** Ends all at that step, as a kill does. */
  readonly crashAt?: number;
  readonly activationBytes?: number;
  readonly residency?: 'ram' | 'stream';
}

/** Trains an adapter of `gqa` from where `folder` has got to. */
async function train({
  changes = {},
  rows = examples,
  cancelAt = {},
  ...choices
}: Choices = {}): Promise<Trained> {
  const { folder = temporaryFolder(), residency = 'ram', activationBytes = 2 ** 30 } = choices;
  const chosen = { ...settings, ...changes };
  const model = await openModel(goldenModelFolder('gqa'));
  const state = freshState(initialAdapter(model, { ...adaptation, masked: false }, chosen.seed));
  const checkpoints = new TrainingCheckpoints(path.join(folder, 'training'));
  await checkpoints.restore(state);
  const cancelling = new AbortController();
  const pace = paceOf(cancelling.signal, () => undefined);
  const steps: StepReport[] = [];
  const validations: ValidationRecord[] = [];
  const networks = {
    training: adaptedNetwork(
      model,
      { ...adaptation, masked: chosen.dropout > 0 },
      state.parameters,
      residency,
    ),
    measuring: adaptedNetwork(model, { ...adaptation, masked: false }, state.parameters, residency),
  };
  const listener = {
    step: (report: StepReport) => {
      steps.push(report);
      if (report.step === cancelAt.step) cancelling.abort();
      if (report.step === choices.crashAt) throw new Error('killed');
    },
    validation: (record: ValidationRecord) => {
      validations.push(record);
      if (record.step === cancelAt.validation) cancelling.abort();
    },
  };
  const pass = passOptions({ pace, activationBytes });
  try {
    const result = await trainAdapter(networks, rows, state, chosen, checkpoints, pass, listener);
    return { state, result, steps, validations, error: undefined };
  } catch (error) {
    return { state, result: undefined, steps, validations, error };
  } finally {
    await model.checkpoint.close();
  }
}

const bitsOfState = ({ state }: Trained): Uint32Array[] =>
  state.parameters.flatMap(({ values, firstMoment, secondMoment }) =>
    [values, firstMoment, secondMoment].map(bitsOf),
  );

describe('a training', () => {
  it('tells of every step and validation, and keeps the adapter of the lowest validation loss', async () => {
    const { state, result, steps, validations } = await train();
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(validations.map(({ step }) => step)).toEqual([0, 4, 8, 12]);
    expect(steps[0].learningRate).toBe(0);
    expect(steps[2].learningRate).toBe(0.01);
    for (const step of steps) expect(step.tokensPerSecond).toBeGreaterThan(0);
    const lowest = validations.reduce((a, b) => (b.loss < a.loss ? b : a));
    const rows = examples.length - 6;
    expect(result).toEqual({
      rows,
      validationRows: 6,
      steps: 12,
      keptStep: lowest.step,
      stoppedEarly: false,
      endedInWarmUp: false,
    });
    state.parameters.forEach(({ values }, i) => expect(values).toEqual(state.best[i]));
  });

  it('learns rows by heart', async () => {
    const changes = { steps: 60, dropout: 0, validation: { ...settings.validation, rows: 0 } };
    const { steps, validations } = await train({ changes, rows: examples.slice(0, 4) });
    expect(validations).toEqual([]);
    expect(steps.at(-1)?.loss).toBeLessThan(0.7 * steps[0].loss);
  });

  it.each<[string, Choices]>([
    ['weights streamed, one micro-batch at a time', { residency: 'stream', activationBytes: 1 }],
    ['weights streamed, all micro-batches together', { residency: 'stream' }],
  ])('has the same bits however memory is spent: %s', async (_what, choices) => {
    expect(bitsOfState(await train(choices))).toEqual(bitsOfState(await train()));
  });

  it('takes its length from the epochs, the last step of each with what is left', async () => {
    const { result } = await train({ changes: { steps: null, epochs: 2 }, rows: examples.slice(0, 15) });
    // Nine rows to train on: 4, 4 and 1 an epoch.
    expect(result).toMatchObject({ rows: 9, steps: 6 });
  });

  it('ends early where validation no longer improves', async () => {
    const validation = { rows: 6, everySteps: 1, patience: 2 };
    // So high a rate ruins the adapter at once.
    const { result, validations } = await train({
      changes: { learningRate: 0.5, warmupSteps: 0, validation },
    });
    expect(result?.stoppedEarly).toBe(true);
    expect(validations.length - 1 - (result?.keptStep ?? NaN)).toBe(2);
  });

  it('refuses data without a row to train on', async () => {
    const { error } = await train({ rows: examples.slice(0, 6) });
    expect(error).toMatchObject({ code: 'text-too-short', facts: { rows: 6, validationRows: 6 } });
  });
});

describe('a training that was interrupted', () => {
  it.each<[string, Choices['cancelAt'], number]>([
    ['in a step', { step: 3 }, 3],
    ['right after a checkpoint', { step: 5 }, 5],
    ['while it validates', { step: 8 }, 8],
    ['after a validation', { validation: 4 }, 4],
  ])('%s goes on to the same bits and the same curve', async (_when, cancelAt, keptSteps) => {
    const whole = await train();
    const folder = temporaryFolder();
    const first = await train({ folder, cancelAt });
    expect(first.error).toMatchObject({ name: 'Cancelled' });
    expect(first.state.steps).toHaveLength(keptSteps);
    const second = await train({ folder });
    expect(second.steps[0].step).toBe(keptSteps + 1);
    expect(second.state.steps).toEqual(whole.state.steps);
    expect(second.state.validations).toEqual(whole.state.validations);
    expect(second.result).toEqual(whole.result);
    expect(bitsOfState(second)).toEqual(bitsOfState(whole));
  });

  it.each<[string, TrainingSettings['checkpoint'], number]>([
    ['steps', { everySteps: 3, everyMinutes: 60 }, 6],
    ['minutes', { everySteps: 1000, everyMinutes: 1e-9 }, 7],
  ])(
    'goes on from the last checkpoint, by %s, where it was ended at once',
    async (_what, checkpoint, kept) => {
      const folder = temporaryFolder();
      const changes = { checkpoint };
      expect((await train({ folder, changes, crashAt: 8 })).error).toMatchObject({ message: 'killed' });
      const second = await train({ folder, changes });
      expect(second.steps[0].step).toBe(kept + 1);
      expect(bitsOfState(second)).toEqual(bitsOfState(await train()));
    },
  );

  it('leaves one checkpoint, whose tensors are whole', async () => {
    const folder = temporaryFolder();
    await train({ folder });
    expect(readdirSync(path.join(folder, 'training')).sort()).toEqual([
      'state.json',
      'step-000012.safetensors',
    ]);
    await new TrainingCheckpoints(path.join(folder, 'training')).remove();
    expect(existsSync(path.join(folder, 'training'))).toBe(false);
  });
});

const copied = (parameters: TrainingState['parameters']): TrainingState['parameters'] =>
  parameters.map((parameter) => ({ ...parameter, values: parameter.values.slice() }));

describe('a training that diverges', () => {
  it('stops at a validation loss that is none', () => {
    expect(() => requireSoundValidation({ step: 0, loss: 3 }, [])).not.toThrow();
    const check = (step: number): void => {
      requireSoundValidation({ step, loss: Infinity }, []);
    };
    expect(() => check(40)).toThrow(
      expect.objectContaining({
        code: 'training-diverged',
        message: 'The validation loss after step 40 is not a finite number.',
      }),
    );
    expect(() => check(0)).toThrow(expect.objectContaining({ code: 'compute-failed' }));
  });

  it.each([
    ['a rise that training may come back from', 3.9, false],
    ['twice the lowest so far', 4.1, true],
  ])('stops at a validation loss far above the lowest: %s', (_what, loss, stops) => {
    const earlier = [
      { step: 0, loss: 3 },
      { step: 20, loss: 2 },
      { step: 40, loss: 2.5 },
    ];
    const check = (): void => {
      requireSoundValidation({ step: 60, loss }, earlier);
    };
    if (!stops) expect(check).not.toThrow();
    else
      expect(check).toThrow(
        expect.objectContaining({
          code: 'training-diverged',
          message: expect.stringContaining(
            'was 2.000 after step 20. The adapter of step 20 is kept.',
          ) as string,
          hint: expect.stringContaining('recover.learningRate') as string,
        }),
      );
  });

  it('stops at a number that is none, with the last good state kept', async () => {
    const folder = temporaryFolder();
    // The first step of the warm-up changes nothing, the second too much for a float32 to hold what follows.
    const { error, state } = await train({ folder, changes: { learningRate: 1e30 } });
    expect(error).toMatchObject({
      code: 'training-diverged',
      message:
        'The training stopped at step 3: its loss is not a finite number. The state after step 2 is kept.',
      facts: { step: 3, lastGoodStep: 2, loss: null },
    });
    expect(state.steps).toHaveLength(2);
    const kept = freshState(copied(state.parameters));
    await new TrainingCheckpoints(path.join(folder, 'training')).restore(kept);
    expect(kept.steps).toEqual(state.steps);
  });

  it('is not gone on with from numbers that are none', async () => {
    const folder = temporaryFolder();
    const spoilt = await train({ folder, changes: { steps: 2 } });
    spoilt.state.parameters[0].values[0] = NaN;
    await new TrainingCheckpoints(path.join(folder, 'training')).save(spoilt.state);
    expect(await rejection(train({ folder }))).toMatchObject({
      code: 'run-folder-invalid',
      message: expect.stringContaining('holds numbers that are none') as string,
    });
  });

  const taken = (losses: readonly number[]): StepRecord[] =>
    losses.map((loss) => ({ loss, learningRate: 0.001, gradientNorm: 1 }));

  it.each<[string, readonly number[], number, boolean]>([
    ['the first', [], 9, false],
    ['noise', [3, 3.2, 2.9], 4.5, false],
    ['noise near zero', [0.1, 0.1], 0.9, false],
    ['a spike', [3, 3.2, 2.9], 6.2, true],
    ['a spike from near zero', [0.1, 0.1], 1.2, true],
    ['a climb', Array.from({ length: 100 }, (_, i) => 2 + i / 40), 4.6, true],
  ])('suspects a loss far above what was reached, not noise: %s', (_what, before, loss, isSuspected) => {
    expect(isSuspicious(taken([loss])[0], taken(before))).toBe(isSuspected);
  });

  it('blames the training only where the rows were easier before it', () => {
    const check = (untrained: number): void => {
      requireRowsToBlame(taken([6.1])[0], untrained, 20);
    };
    expect(() => check(5.2)).not.toThrow();
    expect(() => check(2.5)).toThrow(
      'The training stopped at step 21: its loss is 6.100, and 2.500 on the same rows before any training, at a learning rate of 0.001. The state after step 20 is kept.',
    );
  });

  it('says what is wrong with a damaged checkpoint', async () => {
    const folder = temporaryFolder();
    await train({ folder, changes: { steps: 1 } });
    await writeFile(path.join(folder, 'training', 'state.json'), '{"tensors":"../x"}');
    const state = freshState([]);
    const error = await rejection(new TrainingCheckpoints(path.join(folder, 'training')).restore(state));
    expect(error.code).toBe('run-folder-invalid');
  });
});
