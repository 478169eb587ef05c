import { calibrationRows, evaluationTokens, type TokenSource } from '../engine/dataset/token-rows.ts';
import { tokenSource } from '../engine/measure-model.ts';
import { describeModel } from '../engine/runtime/model.ts';
import type { Job, TextMeasure, TextPreview } from './messages.ts';

/** Rows that a person reads to see whether it is the right text; more only cost time. */
const previewedRows = 8;

/** @throws EngineError as calibrationRows. */
export async function previewText(job: Extract<Job, { kind: 'preview-text' }>): Promise<TextPreview> {
  const source = await sourceOf(job.source, job.model);
  const { rows: drawn } = await calibrationRows(source, job.sampling);
  const tokenizer = await source.tokenizer();
  return {
    kind: source.documents.kind,
    rows: sizeOf(source),
    tokens: drawn.reduce((total, row) => total + row.length, 0),
    samples: drawn
      .slice(0, previewedRows)
      .map((row) => ({ text: tokenizer.decode(row), tokens: row.length })),
  };
}

/** @throws EngineError as evaluationTokens. */
export async function measureText(job: Extract<Job, { kind: 'measure-text' }>): Promise<TextMeasure> {
  const tokens = await evaluationTokens(await sourceOf(job.text, job.model), job.samples);
  return { tokens: tokens.length, chunks: Math.floor(tokens.length / job.seqLen) };
}

async function sourceOf(path: string, model: string): Promise<TokenSource> {
  return tokenSource(path, await describeModel(model));
}

function sizeOf({ documents }: TokenSource): number {
  switch (documents.kind) {
    case 'text':
      return documents.text.length;
    case 'texts':
      return documents.texts.length;
    case 'ids':
      return documents.rows.length;
  }
}
