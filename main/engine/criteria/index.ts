import type { Criterion } from './criterion.ts';
import { magnitudeL1 } from './magnitude-l1.ts';
import { magnitudeL2 } from './magnitude-l2.ts';
import { random } from './random.ts';
import { taylorElement1 } from './taylor-element1.ts';
import { taylorVector } from './taylor-vector.ts';

/** Every criterion by which structures are ranked; a recipe names them by id. */
export const criteria: readonly Criterion[] = [taylorVector, taylorElement1, magnitudeL1, magnitudeL2, random];
