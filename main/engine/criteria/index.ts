import { EngineError } from '../errors.ts';
import type { Criterion } from './criterion.ts';
import { magnitudeL1 } from './magnitude-l1.ts';
import { magnitudeL2 } from './magnitude-l2.ts';
import { random } from './random.ts';
import { taylorElement1 } from './taylor-element1.ts';
import { taylorElement2 } from './taylor-element2.ts';
import { taylorMixed } from './taylor-mixed.ts';
import { taylorVector } from './taylor-vector.ts';

/** Every criterion by which structures are ranked; a recipe names them by id. */
const criteria: readonly Criterion[] = [
  taylorVector,
  taylorElement1,
  taylorElement2,
  taylorMixed,
  magnitudeL1,
  magnitudeL2,
  random,
];

export const criterionIds = criteria.map(({ id }) => id);

/** @throws EngineError recipe-invalid for an id that no criterion has. */
export function criterionNamed(id: string): Criterion {
  const found = criteria.find((criterion) => criterion.id === id);
  if (found) return found;
  throw new EngineError(
    'recipe-invalid',
    `prune.criterion is "${id}"; known are ${criterionIds.join(', ')}.`,
    { criterion: id, known: criterionIds },
  );
}
