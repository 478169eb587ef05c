import type { AdapterSource, Exporter, ModelSource } from './exporter.ts';
import { huggingFace } from './hugging-face.ts';
import { peftAdapter } from './peft-adapter.ts';

/** The format in which every run writes its models. */
export const primaryExporter: Exporter<ModelSource> = huggingFace;

/** The format of an adapter that is not merged. */
export const adapterExporter: Exporter<AdapterSource> = peftAdapter;
