import { z } from 'zod';

/**
 * What failed, in a sentence, and what to do; the window switches on the code. Beside the engine's own codes:
 * request-refused (not the studio's window), request-invalid (wrong shape), file-not-granted (nobody picked it),
 * file-kind (a folder for a file, or the reverse),
 * run-unknown, run-state (not possible in the run's state), generation-unknown, superseded, studio-failed (an error of
 * the program).
 */
export const studioErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});
export type StudioError = z.infer<typeof studioErrorSchema>;
