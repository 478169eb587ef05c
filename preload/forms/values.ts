import { z } from 'zod';

/** Of a run, a model, a file: given out by main. */
export const id = z.string().min(1).max(64);
export const count = z.int().min(0);
export const seed = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Layers [from, to). */
export const layerWindow = z.tuple([count, count]);
