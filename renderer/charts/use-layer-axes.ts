import type { XAxisProps, YAxisProps } from 'recharts';
import { useFormats } from '../language/use-formats.ts';
import { palettes, typeScale } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';

const maxLayerLabels = 16;

/** Layers from left to right, widths from zero: the axes of every chart of widths. */
export function useLayerAxes(
  depth: number,
  widest: number,
): { readonly layers: XAxisProps; readonly widths: YAxisProps } {
  const formats = useFormats();
  const colors = palettes[useThemeName()];
  const tick = { fill: colors.textQuiet, fontSize: typeScale.xs };
  return {
    layers: {
      dataKey: 'layer',
      tick,
      tickLine: false,
      axisLine: { stroke: colors.edge },
      height: 22,
      interval: Math.ceil(depth / maxLayerLabels) - 1,
    },
    widths: {
      width: 52,
      tick,
      tickLine: false,
      axisLine: false,
      tickFormatter: formats.count,
      domain: [0, widest],
      ticks: [0, Math.round(widest / 2), widest],
    },
  };
}
