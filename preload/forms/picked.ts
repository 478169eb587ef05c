import { z } from 'zod';
import { id } from './values.ts';

/** A file or folder the window may speak of; `path` is only to be shown. */
export const pickedSchema = z.object({ id, name: z.string(), path: z.string() });
export type Picked = z.infer<typeof pickedSchema>;
