import type { dependencyCalls } from '../preload/dependency-contract.ts';
import type { Handlers } from './ipc.ts';
import { ModelDependencies } from './studio/dependencies.ts';
import type { LibraryModel } from './studio/model-library.ts';
import type { Studio } from './studio/studio.ts';

/** Answers the window's calls about what depends on what. The graph of a model is kept as long as the model is. */
export function dependencyHandlers(studio: Studio): Pick<Handlers, keyof typeof dependencyCalls> {
  const graphs = new WeakMap<LibraryModel, ModelDependencies>();
  const of = async (modelId: string): Promise<ModelDependencies> => {
    const model = await studio.models.known(modelId);
    const known = graphs.get(model) ?? new ModelDependencies(model);
    graphs.set(model, known);
    return known;
  };
  return {
    'dependency:weights': async ({ modelId }) => ({ parts: (await of(modelId)).weights() }),
    'dependency:chain': async ({ modelId, openLayer, ...start }) =>
      (await of(modelId)).chain(start, openLayer),
  };
}
