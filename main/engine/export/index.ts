import type { Exporter } from './exporter.ts';
import { huggingFace } from './hugging-face.ts';

/** The format in which every run writes its model. */
export const primaryExporter: Exporter = huggingFace;
