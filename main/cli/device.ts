import { testCard, whyNotUnasked, whyUnfit, type CardTest } from '../studio/choose-device.ts';
import type { CommonOptions } from './commands.ts';
import { exitCode, print, type ExitCode } from './output.ts';
import { formatPairs } from './table.ts';

/** llm-pruner device */
export async function device({ json }: CommonOptions): Promise<ExitCode> {
  const tested = await testCard();
  print(json, documentOf(tested), () => ('card' in tested ? cardText(tested.card) : missingText(tested)));
  return exitCode.done;
}

type Tested = Extract<CardTest, { card: unknown }>['card'];

/** What a recipe's `device` comes to here, beside what the test found; JSON knows no NaN. */
function documentOf(tested: CardTest): unknown {
  if ('missing' in tested) return { card: null, missing: tested.missing.text, auto: 'cpu' };
  const { card } = tested;
  const unfit = whyUnfit(card);
  const notUnasked = unfit ?? whyNotUnasked(card);
  return { card, usable: unfit === undefined, auto: notUnasked === undefined ? 'webgpu' : 'cpu' };
}

const missingText = ({ missing }: Extract<CardTest, { missing: unknown }>): string =>
  `There is no usable graphics card: ${missing.text}.\nauto takes the processor.`;

function cardText(card: Tested): string {
  const unfit = whyUnfit(card);
  const notUnasked = unfit ?? whyNotUnasked(card);
  return formatPairs([
    ['Card', card.name ?? 'one that ONNX Runtime does not name'],
    ['Usable', unfit === undefined ? 'yes' : `no: ${unfit.text}`],
    ['auto takes', notUnasked === undefined ? 'the card' : `the processor: ${notUnasked.text}`],
    ['Operators left to the processor', card.fallbacks.join(', ') || 'none'],
    ['Operators on the card', card.onCard.join(', ')],
    ['Largest difference from the processor', card.worstDifference.toExponential(1)],
    [
      `Four products of ${card.productSize} x ${card.productSize}`,
      `${card.cardMs.toFixed(1)} ms, processor ${card.cpuMs.toFixed(1)} ms`,
    ],
  ]);
}
