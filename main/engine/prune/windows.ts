import { EngineError } from '../errors.ts';

/** Layers [from, to). */
export type LayerWindow = readonly [from: number, to: number];

/** The window that scales with depth: [round(L/8), L - max(1, round(L/16))); [4, 30) for 32 layers. */
export function defaultWindow(layers: number): LayerWindow {
  const from = Math.min(Math.round(layers / 8), layers - 1);
  return [from, Math.max(from + 1, layers - Math.max(1, Math.round(layers / 16)))];
}

export const inWindow = (layer: number, [from, to]: LayerWindow): boolean => layer >= from && layer < to;

/** @throws EngineError window-out-of-range where [from, to) does not lie within the model's layers. */
export function checkWindow(name: string, [from, to]: LayerWindow, layers: number): void {
  if (Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= layers) return;
  throw new EngineError(
    'window-out-of-range',
    `prune.layers.${name} is [${from}, ${to}), but the model has layers 0 to ${layers - 1}.`,
    { window: [from, to], layers },
    `Give a window with 0 <= from <= to <= ${layers}.`,
  );
}
