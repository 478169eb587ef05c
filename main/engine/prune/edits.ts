import { EngineError } from '../errors.ts';
import type { ModelConfig } from '../families/family.ts';
import type { StructureKind } from './layer-groups.ts';
import type { PlanEdits } from './prune-settings.ts';

const kinds: readonly StructureKind[] = ['attention', 'mlp'];

/** @throws EngineError edits-invalid naming the layer that an edit does not fit. */
export function requireEdits({ exclude, ratios, keep }: PlanEdits, { layers }: ModelConfig): void {
  for (const kind of kinds) {
    for (const layer of exclude[kind]) requireLayer(layer, `prune.edits.exclude.${kind}`, layers.length);
    for (const key of Object.keys(ratios[kind])) {
      requireLayer(Number(key), `prune.edits.ratios.${kind}`, layers.length);
      if (!exclude[kind].includes(Number(key))) continue;
      throw invalid(
        `Layer ${key} is in prune.edits.exclude.${kind} and has a ratio of its own in prune.edits.ratios.${kind}.`,
        { layer: Number(key), kind },
        'Take it out of one of the two.',
      );
    }
  }
  for (const [key, heads] of Object.entries(keep.heads)) {
    requireLayer(Number(key), 'prune.edits.keep.heads', layers.length);
    const { kvHeads } = layers[Number(key)];
    const missing = heads.find((head) => head >= kvHeads);
    if (missing === undefined) continue;
    throw invalid(
      `prune.edits.keep.heads pins head ${missing} of layer ${key}, which has heads 0 to ${kvHeads - 1}.`,
      { layer: Number(key), head: missing, heads: kvHeads },
      'With grouped queries, heads are counted by key-value heads.',
    );
  }
}

function requireLayer(layer: number, key: string, layers: number): void {
  if (layer < layers) return;
  throw invalid(
    `${key} names layer ${layer}, but the model has layers 0 to ${layers - 1}.`,
    { layer, layers },
    'Take the layer out.',
  );
}

const invalid = (message: string, facts: Record<string, string | number>, hint: string): EngineError =>
  new EngineError('edits-invalid', message, facts, hint);
