import type { ModelCosts } from '../../engine/prune/plan.ts';
import { plainMeasure, type Measure } from './measure.ts';

/** What a model costs by its widths alone. */
export function costMeasures({ parameters, macs, weightBytes, memoryBytes }: ModelCosts): Measure[] {
  return [
    plainMeasure('parameters', 'count', parameters),
    plainMeasure('macs', 'macs', macs),
    plainMeasure('weights', 'bytes', weightBytes),
    plainMeasure('memory', 'bytes', memoryBytes),
  ];
}
