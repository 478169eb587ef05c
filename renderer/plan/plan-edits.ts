import type { PruneSettings } from '../../preload/contract.ts';

/** What a person decided about single layers, under the recipe's own keys. */
export type PlanEdits = NonNullable<PruneSettings['edits']>;

export const editedKinds = ['attention', 'mlp'] as const;
export type EditedKind = (typeof editedKinds)[number];

/** How one layer's attention or MLP is treated: as the plan has it, left whole, or at a ratio of its own. */
export type Treatment = 'planned' | 'whole' | number;

/** One decision, as a list shows it. */
export type PlanEdit =
  | { readonly layer: number; readonly what: EditedKind; readonly treatment: 'whole' | number }
  | { readonly layer: number; readonly what: 'heads'; readonly heads: readonly number[] };

export const noEdits: PlanEdits = {
  exclude: { attention: [], mlp: [] },
  ratios: { attention: {}, mlp: {} },
  keep: { heads: {} },
};

export function treatmentOf(edits: PlanEdits, kind: EditedKind, layer: number): Treatment {
  if (edits.exclude[kind].includes(layer)) return 'whole';
  return edits.ratios[kind][String(layer)] ?? 'planned';
}

export function withTreatment(
  edits: PlanEdits,
  kind: EditedKind,
  layer: number,
  treatment: Treatment,
): PlanEdits {
  const others = edits.exclude[kind].filter((excluded) => excluded !== layer);
  const ratios = without(edits.ratios[kind], layer);
  const exclude = treatment === 'whole' ? [...others, layer].sort((a, b) => a - b) : others;
  const own = typeof treatment === 'number' ? { ...ratios, [layer]: treatment } : ratios;
  return {
    ...edits,
    exclude: { ...edits.exclude, [kind]: exclude },
    ratios: { ...edits.ratios, [kind]: own },
  };
}

/** Heads (KV groups) of a layer that stay whatever they score. */
export function pinnedHeads({ keep }: PlanEdits, layer: number): readonly number[] {
  return keep.heads[String(layer)] ?? [];
}

export function withPinned(edits: PlanEdits, layer: number, head: number, isPinned: boolean): PlanEdits {
  const others = pinnedHeads(edits, layer).filter((pinned) => pinned !== head);
  const heads = isPinned ? [...others, head].sort((a, b) => a - b) : others;
  const rest = without(edits.keep.heads, layer);
  return { ...edits, keep: { heads: heads.length === 0 ? rest : { ...rest, [layer]: heads } } };
}

/** Every decision, layer by layer. */
export function editsOf(edits: PlanEdits): PlanEdit[] {
  const treated = editedKinds.flatMap((what): PlanEdit[] => [
    ...edits.exclude[what].map((layer) => ({ layer, what, treatment: 'whole' as const })),
    ...Object.entries(edits.ratios[what]).map(([layer, treatment]) => ({
      layer: Number(layer),
      what,
      treatment,
    })),
  ]);
  const pinned = Object.entries(edits.keep.heads).map(([layer, heads]): PlanEdit => ({
    layer: Number(layer),
    what: 'heads',
    heads,
  }));
  return [...treated, ...pinned].sort((a, b) => a.layer - b.layer);
}

export function withoutEdit(edits: PlanEdits, edit: PlanEdit): PlanEdits {
  if (edit.what !== 'heads') return withTreatment(edits, edit.what, edit.layer, 'planned');
  return { ...edits, keep: { heads: without(edits.keep.heads, edit.layer) } };
}

/** The edits as settings keep them: left out where there are none. */
export function settledEdits(edits: PlanEdits): PlanEdits | undefined {
  return editsOf(edits).length === 0 ? undefined : edits;
}

function without<T>(byLayer: Readonly<Record<string, T>>, layer: number): Record<string, T> {
  return Object.fromEntries(Object.entries(byLayer).filter(([key]) => key !== String(layer)));
}
