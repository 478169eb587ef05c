import { join } from 'node:path';
import { z } from 'zod';
import { StoredDocument } from './stored-document.ts';

/** What a person writes about a run: no part of what it is, so it lies in a file of its own. */
const annotationSchema = z.strictObject({
  /** null: the run goes by its model's name. */
  name: z.string().min(1).max(200).nullable(),
  tags: z.array(z.string().min(1).max(40)).max(20),
  note: z.string().max(10_000),
});
export type RunAnnotation = z.infer<typeof annotationSchema>;

const annotationFile = 'annotation.json';
const none: RunAnnotation = { name: null, tags: [], note: '' };

/** A damaged file is set aside, and `warn` hears of it. */
export async function readAnnotation(
  folder: string,
  warn: (message: string) => void,
): Promise<RunAnnotation> {
  return (await open(folder, warn)).value;
}

/**
 * Writes what changes; the rest stays.
 * @throws EngineError folder-not-writable, disk-full.
 */
export async function changeAnnotation(
  folder: string,
  change: Partial<RunAnnotation>,
  warn: (message: string) => void,
): Promise<void> {
  const document = await open(folder, warn);
  await document.replace({ ...document.value, ...change });
}

function open(folder: string, warn: (message: string) => void): Promise<StoredDocument<RunAnnotation>> {
  return StoredDocument.open(join(folder, annotationFile), annotationSchema, none, warn);
}
