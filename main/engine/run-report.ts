import type { CostReport } from './cost.ts';
import type { Perplexity } from './evaluate/perplexity.ts';
import type { MeasuredQuality } from './evaluation.ts';
import type { Aggregation } from './prune/aggregate.ts';
import type { ModelCosts } from './prune/plan.ts';
import type { SelectionOptions } from './prune/prune-settings.ts';
import type { LayerWindow } from './prune/windows.ts';
import type { RecoveryReport } from './recovery.ts';
import type { RunPerformance } from './training-performance.ts';

export interface MeasuredModel extends ModelCosts, MeasuredQuality {}

export interface RunReport {
  readonly model: string;
  readonly criterion: string;
  readonly aggregation: Aggregation;
  readonly windows: { readonly attention: LayerWindow; readonly mlp: LayerWindow };
  /** The ratio asked for, inside the windows. */
  readonly ratioInWindow: number;
  /** What it came to, of all parameters: 0.195 for a ratio of 0.25 in LLaMA-7B's [4, 30). */
  readonly removedOfParameters: number;
  /** Where hidden indices were pruned. */
  readonly hiddenSize?: { readonly before: number; readonly after: number };
  /** How what went was chosen, where not by layer and ratio alone. */
  readonly selection?: SelectionOptions;
  /** Layers that went, of a run that removes whole ones. */
  readonly droppedLayers?: readonly number[];
  /** Of an iterative pruning. */
  readonly steps?: number;
  /** Rows and tokens of all steps; the loss is that of the unpruned model, on the first one's. */
  readonly calibration: { readonly rows: number; readonly tokens: number; readonly loss: number } | null;
  readonly evaluation: Omit<Perplexity, 'perplexity'> | null;
  readonly before: MeasuredModel;
  readonly after: MeasuredModel;
  /** Of a run that recovers; the recovered model costs what the pruned one does. */
  readonly recovery?: RecoveryReport;
  /** Times and memory of the models: like `performance`, they differ from run to run. */
  readonly cost?: CostReport;
  /** What the trainings took of the machine: it differs from run to run. */
  readonly performance?: RunPerformance;
}
