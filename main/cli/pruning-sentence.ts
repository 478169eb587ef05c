import type { SelectionOptions, SizeTarget } from '../engine/prune/prune-settings.ts';
import type { RunReport } from '../engine/run.ts';
import type { PlanPreview, PreparedRun } from '../studio/preview-plan.ts';
import { grouped, mebibytes, percent } from './quantities.ts';

type Told = Pick<
  RunReport,
  'ratioInWindow' | 'removedOfParameters' | 'windows' | 'hiddenSize' | 'selection' | 'droppedLayers'
>;

/** What was asked for and what it comes to of the whole model: one is so often taken for the other. */
export function pruningSentence(told: Told): string {
  const { removedOfParameters, selection } = told;
  const target = selection?.target && `A target of ${targetText(selection.target)} comes to: `;
  return `${target ?? ''}${cutText(told)}: ${percent(removedOfParameters)} of all parameters.`;
}

function cutText({ ratioInWindow, windows, hiddenSize, selection, droppedLayers }: Told): string {
  if (hiddenSize)
    return `Ratio ${ratioInWindow} of the hidden size, ${grouped(hiddenSize.before)} to ${grouped(hiddenSize.after)} through the whole network`;
  if (selection?.mode === 'layer')
    return `Ratio ${ratioInWindow} of the layers${droppedLayers ? `, without ${droppedLayers.join(', ')}` : ''}`;
  const window = ([from, to]: readonly [number, number]): string => `[${from}, ${to})`;
  const same = window(windows.attention) === window(windows.mlp);
  const layers = same
    ? `layers ${window(windows.attention)}`
    : `attention of layers ${window(windows.attention)} and MLP of layers ${window(windows.mlp)}`;
  return `Ratio ${ratioInWindow} inside ${layers}${scopeText(selection)}`;
}

function scopeText(selection: SelectionOptions | undefined): string {
  if (selection?.scope === 'global') return ', ranked together by score a parameter';
  return selection?.scope === 'global-published' ? ', ranked together as published' : '';
}

function targetText(target: SizeTarget): string {
  if ('bytes' in target) return `${mebibytes(target.bytes)} of weights`;
  return 'percent' in target
    ? `${target.percent} % of the parameters`
    : `${grouped(target.parameters)} parameters`;
}

/** What a plan says of a run that is not there yet. */
export function planSentences({ preview, settings }: PreparedRun): string[] {
  const { awaitsScores, unevenWidths } = preview;
  return [
    pruningSentence({ ...preview, selection: settings.prune }),
    ...(awaitsScores ? [awaitsText(settings.prune)] : []),
    ...unevenText(unevenWidths, settings.prune),
  ];
}

function awaitsText({ mode, scope }: SelectionOptions): string {
  if (mode === 'layer') return 'Which layers go follows from the calibration data.';
  return scope === 'global'
    ? 'Which layers lose how much follows from the scores; the size above is met to one unit.'
    : 'Which layers lose how much follows from the scores, and so does the size: the numbers above are what to expect.';
}

function unevenText(widths: PlanPreview['unevenWidths'], { round }: SelectionOptions): string[] {
  if (widths.length === 0) return [];
  const some = widths.slice(0, 4).map(grouped).join(', ');
  const more = widths.length > 4 ? `, and ${widths.length - 4} more` : '';
  const hint = round === undefined || round < 64 ? ' prune.round: 64 makes them multiples.' : '';
  return [`Note: no multiple of 64, and so hardly faster than the next one: ${some}${more}.${hint}`];
}
