import { z } from 'zod';
import { hasTokenizer } from '../engine/tokenizer/tokenizer.ts';
import { isFolder } from './is-folder.ts';
import { inspectModel, type InspectedModel } from './inspect-model.ts';
import type { FileGrants, Granted } from './grants.ts';
import { StoredDocument } from './stored-document.ts';

/** Models that were looked at before, in a list that a person takes in at a glance. */
const mostRecent = 12;

const recentSchema = z.strictObject({ paths: z.array(z.string()).max(100) });

/** A model's folder, as far as a wizard asks about it. */
export interface LibraryModel extends InspectedModel {
  /** Whether there is one at all; it is read where a text is. */
  readonly hasTokenizer: boolean;
}

/** The models that a person can start from: the demo, recent folders, picked ones. */
export class ModelLibrary {
  /** A preview follows a slider: the folder is not read anew for each of its steps. */
  private readonly inspected = new Map<string, LibraryModel>();

  private constructor(
    private readonly grants: FileGrants,
    private readonly demoFolder: string,
    private readonly recent: StoredDocument<z.infer<typeof recentSchema>>,
  ) {}

  static async open(
    grants: FileGrants,
    demoFolder: string,
    recentFile: string,
    warn: (message: string) => void,
  ): Promise<ModelLibrary> {
    const recent = await StoredDocument.open(recentFile, recentSchema, { paths: [] }, warn);
    return new ModelLibrary(grants, demoFolder, recent);
  }

  demo(): Granted {
    return this.grant(this.demoFolder);
  }

  /** Under the name that a person knows the model by. */
  grant(folder: string): Granted {
    return this.grants.grant(folder, 'folder', this.nameOf(folder));
  }

  /** Folders that are still there, the latest first. */
  async recentModels(): Promise<Granted[]> {
    const there = await Promise.all(this.recent.value.paths.map(isFolder));
    return this.recent.value.paths.filter((_, i) => there[i]).map((path) => this.grant(path));
  }

  /**
   * Reads a model's folder anew and remembers it.
   * @throws EngineError as inspectModel; Refusal file-not-granted.
   */
  async inspect(id: string): Promise<LibraryModel> {
    const folder = this.grants.pathOf(id, 'folder');
    this.inspected.delete(folder);
    const inspected = await inspectModel(folder);
    const model = {
      ...inspected,
      hasTokenizer: await hasTokenizer(inspected.baseFolder),
    };
    this.inspected.set(folder, model);
    if (folder !== this.demoFolder) await this.remember(folder);
    return model;
  }

  /** The model as it was when it was last inspected. */
  async known(id: string): Promise<LibraryModel> {
    return this.inspected.get(this.grants.pathOf(id, 'folder')) ?? this.inspect(id);
  }

  nameOf(folder: string): string {
    return folder === this.demoFolder ? 'demo' : (/([^/\\]+)[/\\]*$/.exec(folder)?.[1] ?? folder);
  }

  private async remember(folder: string): Promise<void> {
    const paths = [folder, ...this.recent.value.paths.filter((path) => path !== folder)];
    await this.recent.replace({ paths: paths.slice(0, mostRecent) });
  }
}
