import { deriveGroups, type CoupledGroup } from '../derive/groups.ts';
import { EngineError } from '../errors.ts';
import type { Family, ModelConfig } from '../families/family.ts';
import { atomsOf } from '../ir/axes.ts';
import { modelGraph } from '../runtime/model-graph.ts';

/**
 * The group of the hidden axis, the last of the hidden states: an index of it goes through the whole network or not at
 * all, since residual additions tie every layer to it. The paper's "Group C".
 * @throws EngineError feature-unsupported where the axis has parts that are pruned each by itself.
 */
export function hiddenGroup(family: Family, config: ModelConfig): CoupledGroup {
  const { graph, hidden } = modelGraph(family, config);
  const units = atomsOf(hidden.axes[hidden.axes.length - 1]);
  const group = deriveGroups(graph).find(({ unit }) => unit === units[0]);
  if (units.length === 1 && group) return group;
  throw new EngineError(
    'feature-unsupported',
    `The hidden axis of a ${family.id} is not one axis whose indices could go each by itself.`,
    { family: family.id },
    'Prune heads and channels instead: prune.mode: block.',
  );
}
