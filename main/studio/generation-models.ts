import { join } from 'node:path';
import { EngineError } from '../engine/errors.ts';
import { loadChatTemplate } from '../engine/generate/chat-template.ts';
import { runFiles } from '../engine/run.ts';
import { hasConfig } from '../engine/run-stages.ts';
import { decodingMemoryBytes, planDecoding, type DecodingPlan } from '../engine/runtime/decoding-plan.ts';
import { hasTokenizer } from '../engine/tokenizer/tokenizer.ts';
import type { FileGrants } from './grants.ts';
import { inspectModel } from './inspect-model.ts';
import type { ModelLibrary } from './model-library.ts';
import { Refusal } from './refusal.ts';
import { memoryBudget } from './resolve-recipe.ts';
import type { RunLibrary } from './run-library.ts';

/** A model that was picked, or one of a run's. */
export type GenerationSource =
  | { readonly modelId: string }
  | { readonly runId: string; readonly which: 'original' | 'pruned' | 'recovered' };

/** A model as a generation will use it. */
export interface GenerationModel {
  readonly name: string;
  /** Folder. */
  readonly path: string;
  /** Where its tokenizer lies. */
  readonly baseFolder: string;
  readonly maxPositions: number;
  readonly plan: DecodingPlan;
  readonly memoryBytes: number;
}

/** Where the models of runs and the picked ones are found. */
export class GenerationModels {
  constructor(
    private readonly grants: FileGrants,
    private readonly models: ModelLibrary,
    private readonly runs: RunLibrary,
  ) {}

  /**
   * @throws Refusal file-not-granted, run-unknown; run-state for a model that the run has not made. EngineError as
   * inspectModel.
   */
  private async find(source: GenerationSource): Promise<GenerationModel> {
    const { name, path } = await this.place(source);
    const model = await inspectModel(path);
    const { config, baseFolder } = model;
    const costs = model.costsWith(config);
    const plan = planDecoding(config, costs, memoryBudget({ memory: 'auto' }));
    const memoryBytes = decodingMemoryBytes(plan, costs);
    return { name, path, baseFolder, maxPositions: config.maxPositions, plan, memoryBytes };
  }

  /** In order; none where one of them is not there. */
  findAll(sources: readonly GenerationSource[]): Promise<GenerationModel[]> {
    return Promise.all(sources.map((source) => this.find(source)));
  }

  private async place(source: GenerationSource): Promise<{ name: string; path: string }> {
    if ('modelId' in source) {
      const { name, path } = this.grants.find(source.modelId, 'folder');
      return { name, path };
    }
    const { stored } = await this.runs.find(source.runId);
    const original = stored.settings.model;
    const name = this.models.nameOf(original);
    if (source.which === 'original') return { name, path: original };
    const path = join(stored.folder, source.which === 'pruned' ? runFiles.model : runFiles.recovered);
    await requireModel(path, source.which);
    return { name, path };
  }
}

async function requireModel(path: string, which: 'pruned' | 'recovered'): Promise<void> {
  if (await hasConfig(path)) return;
  throw new Refusal('run-state', `This run has no ${which} model.`, 'It may not be finished yet.');
}

/** What a model's folder, an adapter's base model say, says about texts. */
export async function textAbilities(
  folder: string,
): Promise<{ readonly hasTokenizer: boolean; readonly hasChatTemplate: boolean }> {
  const template = loadChatTemplate(folder).then(
    (found) => found !== undefined,
    // It is there, and whoever uses it is told what is wrong with it.
    (error: unknown) => {
      if (error instanceof EngineError && error.code === 'template-invalid') return true;
      throw error;
    },
  );
  return { hasTokenizer: await hasTokenizer(folder), hasChatTemplate: await template };
}
