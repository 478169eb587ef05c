import type { FileGrants } from '../grants.ts';
import type { ModelLibrary } from '../model-library.ts';
import { Refusal } from '../refusal.ts';
import type { RunLibrary } from '../run-library.ts';
import { comparedModel, comparedRun, runTitle } from './compared-run.ts';
import { compare, type Comparison } from './comparison.ts';
import { publishedBeside } from './published.ts';
import type { ComparedRun, RunRole } from './subject.ts';

/** What a person wants to see side by side, in the ids of runs and of what was picked. */
export interface ComparisonRequest {
  readonly runs: readonly { readonly runId: string; readonly roles: readonly RunRole[] | null }[];
  readonly modelIds: readonly string[];
  readonly baseline: string | null;
  readonly published: boolean;
}

/** Reads what the studio's own runs and picked folders hold, and compares it. */
export class CompareService {
  constructor(
    private readonly runs: RunLibrary,
    private readonly models: ModelLibrary,
    private readonly grants: FileGrants,
  ) {}

  /** @throws Refusal run-unknown, run-state for a run without results, file-not-granted; EngineError as inspectModel. */
  async compare({ runs, modelIds, baseline, published }: ComparisonRequest): Promise<Comparison> {
    const read = await Promise.all(runs.map(({ runId }) => this.read(runId)));
    const models = modelIds.map((id) => {
      const { name, path } = this.grants.find(id, 'folder');
      return comparedModel(`model ${id}`, path, name);
    });
    return compare({
      runs: read,
      roles: runs.map(({ roles }) => roles),
      models: await Promise.all(models),
      published: published ? publishedBeside(read) : [],
      baseline,
    });
  }

  private async read(runId: string): Promise<ComparedRun> {
    const { id, stored, annotation } = await this.runs.find(runId);
    if (!stored.isReported) {
      throw new Refusal('run-state', 'This run has no results yet.', 'Compare it when it is finished.');
    }
    const model = this.models.nameOf(stored.settings.model);
    return comparedRun(id, stored, { run: annotation.name ?? runTitle(stored, model), model });
  }
}
