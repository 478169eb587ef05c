import type { DependencyPart, DependencyWeights, Place } from '../../preload/dependency-contract.ts';
import type { DependencyRoute } from '../studio/route.ts';

/** The row or column whose chain is shown, of the model's own weights. */
export interface Chosen {
  readonly part: DependencyPart;
  readonly weight: DependencyPart['weights'][number];
  readonly dim: 0 | 1;
  readonly index: number;
}

/** What an address means in a model: where it names what is not there, the nearest that is. */
export function chosenOf(
  { parts }: DependencyWeights,
  { param, dim, index, place }: DependencyRoute,
): Chosen | null {
  const named = parts.find(({ weights }) => weights.some(({ name }) => name === param));
  const placed = parts.find((one) => one.place === place);
  const part = named ?? placed ?? parts.find(({ structures }) => structures !== null) ?? parts[0];
  if (part === undefined) return null;
  const first = part.structures?.heads.param;
  const wanted = named === undefined ? first : param;
  const weight = part.weights.find(({ name }) => name === wanted) ?? part.weights[0];
  if (weight === undefined) return null;
  const inside = weight.shape.length > dim ? dim : 0;
  return { part, weight, dim: inside, index: Math.min(index, (weight.shape[inside] ?? 1) - 1) };
}

/** The address of what is chosen. */
export function routeOf(place: Place, param: string, dim: 0 | 1, index: number): DependencyRoute {
  return { screen: 'dependencies', place, param, dim, index };
}
