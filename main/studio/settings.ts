import { z } from 'zod';
import { deviceChoices } from './recipe.ts';
import { StoredDocument } from './stored-document.ts';

const settingsSchema = z.strictObject({
  language: z.enum(['system', 'en', 'zh-CN']),
  theme: z.enum(['system', 'light', 'dark']),
  /** What new runs compute on. */
  device: z.enum(deviceChoices).default('auto'),
});

/** What a person sets once for the whole studio. */
export type Settings = z.infer<typeof settingsSchema>;

const defaults: Settings = { language: 'system', theme: 'system', device: 'auto' };

/** The settings in settings.json. */
export class SettingsStore {
  private constructor(private readonly document: StoredDocument<Settings>) {}

  static async open(path: string, warn: (message: string) => void): Promise<SettingsStore> {
    return new SettingsStore(await StoredDocument.open(path, settingsSchema, defaults, warn));
  }

  get value(): Settings {
    return this.document.value;
  }

  /** @throws EngineError where the file cannot be written; the change holds until the studio ends. */
  async change(changes: Partial<Settings>): Promise<Settings> {
    await this.document.replace({ ...this.value, ...changes });
    return this.value;
  }
}
