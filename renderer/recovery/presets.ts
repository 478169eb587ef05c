import type { RecoverSettings } from '../../preload/recovery-contract.ts';

/** What the Recovery step decides but the file. */
export type RecoveryDraft = Omit<RecoverSettings, 'dataId'>;

/** The recipe's own defaults: as published. */
export const publishedRecovery: RecoveryDraft = {
  template: 'alpaca',
  cutoff: 256,
  maxRows: null,
  trainOnInputs: false,
  base: 'stored',
  lora: { rank: 8, alpha: 16, dropout: 0.05, targets: 'all-linear' },
  epochs: 2,
  steps: null,
  batchSize: 64,
  microBatch: null,
  learningRate: 1e-4,
  schedule: 'linear',
  warmupSteps: 100,
  weightDecay: 0,
  maxGradNorm: 1,
  seed: 42,
  validation: { rows: null, everySteps: 100, patience: null },
  checkpoint: { everySteps: 100, everyMinutes: 10 },
  output: 'merged',
  control: false,
};

/** As resources/demo/recover.yaml has them. */
export const demoRecovery: RecoveryDraft = {
  ...publishedRecovery,
  cutoff: 128,
  steps: 120,
  batchSize: 16,
  learningRate: 0.003,
  warmupSteps: 20,
  schedule: 'cosine',
  validation: { rows: 32, everySteps: 40, patience: null },
  control: true,
};

export type PresetName = 'quick' | 'thorough' | 'published';

/** What a preset is fitted to. */
export interface PresetGround {
  /** Of a training, on this machine. */
  readonly msPerToken: number;
  /** Usable rows of the data; null while they are not known. */
  readonly rows: number | null;
}

interface FittedPreset {
  readonly budgetMs: number;
  readonly mostSteps: number;
  readonly batchSize: number;
  /** Where a step of the rows above takes too long. */
  readonly leastBatchSize: number;
  readonly cutoff: number;
  readonly learningRate: number;
  readonly validationRows: number;
  readonly validations: number;
}

const minuteMs = 60_000;

const fitted: Readonly<Record<Exclude<PresetName, 'published'>, FittedPreset>> = {
  quick: {
    budgetMs: 10 * minuteMs,
    mostSteps: 100,
    batchSize: 16,
    leastBatchSize: 2,
    cutoff: 128,
    learningRate: 3e-4,
    validationRows: 32,
    validations: 4,
  },
  thorough: {
    budgetMs: 8 * 60 * minuteMs,
    mostSteps: 1000,
    batchSize: 64,
    leastBatchSize: 8,
    cutoff: 256,
    learningRate: 2e-4,
    validationRows: 128,
    validations: 10,
  },
};

/** Fewer steps than these teach nothing: the rows a step give way first. */
const fewestSteps = 10;
const validationPart = 0.05;

/** The settings of a preset, with as many steps as its time allows on this machine. */
export function presetOf(name: PresetName, known: RecoveryDraft, ground: PresetGround): RecoveryDraft {
  const kept = Object.fromEntries(apart.map((key) => [key, known[key]])) as Partial<RecoveryDraft>;
  if (name === 'published') return { ...publishedRecovery, ...kept };
  const preset = fitted[name];
  const { cutoff, learningRate, mostSteps } = preset;
  const batchSize = batchThatFits(preset, ground.msPerToken);
  const steps = Math.min(mostSteps, Math.max(fewestSteps, stepsWithin(preset, batchSize, ground.msPerToken)));
  return {
    ...publishedRecovery,
    ...kept,
    cutoff,
    learningRate,
    batchSize,
    steps,
    schedule: 'cosine',
    warmupSteps: Math.ceil(steps / 10),
    validation: {
      rows: ground.rows && Math.min(preset.validationRows, Math.floor(validationPart * ground.rows)),
      everySteps: Math.ceil(steps / preset.validations),
      patience: null,
    },
  };
}

function batchThatFits(preset: FittedPreset, msPerToken: number): number {
  let { batchSize } = preset;
  while (batchSize > preset.leastBatchSize && stepsWithin(preset, batchSize, msPerToken) < fewestSteps) {
    batchSize /= 2;
  }
  return batchSize;
}

const stepsWithin = ({ budgetMs, cutoff }: FittedPreset, batchSize: number, msPerToken: number): number =>
  Math.floor(budgetMs / (batchSize * cutoff * msPerToken));

/** Forward, and back with the forward computed again: floating-point operations a parameter and token. */
const operationsPerWeight = 6;
/** What a core does at the least while it multiplies matrices; measured times take the place of this. */
const operationsPerMsAndThread = 5e6;

/** Time of a token before anything was measured. */
export function assumedMsPerToken(parameters: number, threads: number): number {
  return (operationsPerWeight * parameters) / (operationsPerMsAndThread * Math.max(1, threads));
}

/** How long a preset may take; null for one that is not fitted to the machine. */
export function budgetMsOf(name: PresetName | 'demo' | null): number | null {
  return name === 'quick' || name === 'thorough' ? fitted[name].budgetMs : null;
}

/** Settings that say what is wanted, and not how long or how hard is trained: no preset changes them. */
const apart: readonly (keyof RecoveryDraft)[] = [
  'template',
  'trainOnInputs',
  'maxRows',
  'base',
  'output',
  'control',
];

export function keepsPreset(change: Partial<RecoveryDraft>): boolean {
  return Object.keys(change).every((key) => (apart as readonly string[]).includes(key));
}
