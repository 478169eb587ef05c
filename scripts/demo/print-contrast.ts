/** Prints the README's table of criteria on the demo model: node scripts/run-ts.mjs scripts/demo/print-contrast.ts */
import { contrastCriteria, contrastSizes, riseRatio } from './contrast.ts';

const seeds = 10;
for (const settings of Object.values(contrastSizes)) {
  const contrast = await contrastCriteria(settings, seeds);
  const { before, taylor, l2, random, removedOfParameters } = contrast;
  const [least, most] = [Math.min(...random), Math.max(...random)];
  const mean = Math.exp(random.reduce((total, perplexity) => total + Math.log(perplexity), 0) / seeds);
  console.log(
    [
      `${(100 * removedOfParameters).toFixed(1)} % removed`,
      `before ${before.toFixed(2)}`,
      `Taylor ${taylor.toFixed(2)}`,
      `L2 ${l2.toFixed(2)}`,
      `random ${mean.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)}, ${seeds} seeds)`,
      `Taylor's rise / random's ${riseRatio(contrast).toFixed(3)}`,
    ].join(' | '),
  );
}
