import type { generationCalls } from '../preload/generation-contract.ts';
import type { Handlers } from './ipc.ts';
import { textAbilities } from './studio/generation-models.ts';
import type { Studio } from './studio/studio.ts';

/** Answers the window's calls about generating text; `generation:event` tells the rest. */
export function generationHandlers(studio: Studio): Pick<Handlers, keyof typeof generationCalls> {
  return {
    'generation:describe': async ({ sources }) => {
      const models = await studio.generationModels.findAll(sources);
      return Promise.all(
        models.map(async ({ name, path, baseFolder, maxPositions, memoryBytes }) => ({
          name,
          path,
          maxPositions,
          memoryBytes,
          ...(await textAbilities(baseFolder)),
        })),
      );
    },
    'generation:start': async ({ sources, prompt, sampling }) => ({
      generationId: studio.generations.start(
        await studio.generationModels.findAll(sources),
        prompt,
        sampling,
      ),
    }),
    'generation:stop': async ({ generationId, index }) => {
      studio.generations.stop(generationId, index);
    },
  };
}
