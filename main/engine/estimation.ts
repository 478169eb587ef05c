import type { CalibrationSet } from './calibration.ts';
import type { Criterion } from './criteria/criterion.ts';
import { sessionOptions, withNetwork } from './measure-model.ts';
import { blockInfluences } from './prune/block-influence.ts';
import { estimate, type EstimateResult } from './prune/estimate.ts';
import { estimateHidden } from './prune/hidden-scores.ts';
import {
  readHiddenScores,
  readScores,
  writeHiddenScores,
  writeInfluence,
  writeScores,
} from './run-scores.ts';
import type { LayerWindow } from './prune/windows.ts';
import type { RunSettings } from './run.ts';
import { ActivationStore } from './runtime/activation-store.ts';
import type { Model } from './runtime/model.ts';
import type { Network } from './runtime/network.ts';
import type { Pace } from './runtime/pace.ts';

/** What an estimation found out, and on how much. */
export interface Estimated extends EstimateResult {
  readonly rows: number;
  readonly tokens: number;
}

/** By what, on what and with what seed structures are scored. */
export interface Estimation {
  readonly criterion: Criterion;
  readonly settings: RunSettings;
  readonly set: CalibrationSet;
  readonly seed: number;
}

/** Scores the structures of a model into a folder's scores/, those of layers or parts that have none there yet. */
export async function estimateModel(
  model: Model,
  { criterion, settings, set: { rows }, seed }: Estimation,
  { folder, scratchPath }: { readonly folder: string; readonly scratchPath: string },
  pace: Pace,
): Promise<Estimated> {
  const { prune, memory } = settings;
  if (prune.mode === 'layer' && prune.drop === 'last') return { rows: 0, tokens: 0 };
  const store = new ActivationStore(scratchPath, memory.activationBytes);
  const shared = {
    criterion,
    aggregation: prune.aggregation,
    seed,
    rows,
    batchTokens: memory.batchTokens,
    store,
    session: sessionOptions(settings),
    pace,
  };
  const score = async (network: Network): Promise<EstimateResult> => {
    if (prune.mode === 'layer') {
      for (const influence of await blockInfluences(network, shared)) await writeInfluence(folder, influence);
      return {};
    }
    if (prune.mode === 'channel') {
      const done = new Set((await readHiddenScores(folder)).map(({ part }) => part));
      return estimateHidden(network, {
        ...shared,
        done,
        save: (scores) => writeHiddenScores(folder, scores),
      });
    }
    return estimate(network, {
      ...shared,
      fold: prune.gqaFold,
      unit: prune.unit ?? 'group',
      windows: scoredWindows(prune),
      done: new Set((await readScores(folder)).keys()),
      save: (scores) => writeScores(folder, scores),
    });
  };
  const result = await withNetwork(model, settings, async (network) => {
    try {
      return await score(network);
    } finally {
      await store.close();
    }
  });
  return { ...result, rows: rows.length, tokens: rows.reduce((total, row) => total + row.length, 0) };
}

/** The windows and, where layers outside have a ratio of their own, those between. */
function scoredWindows({ windows, edits }: RunSettings['prune']): RunSettings['prune']['windows'] {
  const withOwn = ([from, to]: LayerWindow, ratios: Readonly<Record<string, number>> = {}): LayerWindow => {
    const own = Object.keys(ratios).map(Number);
    if (own.length === 0) return [from, to];
    return from === to
      ? [Math.min(...own), Math.max(...own) + 1]
      : [Math.min(from, ...own), Math.max(to, ...own.map((layer) => layer + 1))];
  };
  return {
    attention: withOwn(windows.attention, edits?.ratios.attention),
    mlp: withOwn(windows.mlp, edits?.ratios.mlp),
  };
}
