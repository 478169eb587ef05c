import type { PrunePlan } from './plan.ts';

/**
 * Two prunings as one: what `later` keeps of what `earlier` kept, in indices of the model before both.
 * @param later In indices of what `earlier` left.
 */
export function keptWithin(earlier: PrunePlan, later: PrunePlan): PrunePlan {
  const through = (first: readonly number[], then: readonly number[]): number[] => then.map((i) => first[i]);
  const { hidden } = earlier;
  const laterHidden = later.hidden;
  return {
    ...(laterHidden && { hidden: hidden ? through(hidden, laterHidden) : laterHidden }),
    layers: earlier.layers.map(({ attention, mlp }, layer) => {
      const next = later.layers[layer];
      return {
        attention: {
          keptHeads: through(attention.keptHeads, next.attention.keptHeads),
          keptKvHeads: through(attention.keptKvHeads, next.attention.keptKvHeads),
        },
        mlp: { keptChannels: through(mlp.keptChannels, next.mlp.keptChannels) },
      };
    }),
  };
}
