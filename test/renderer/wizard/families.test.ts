import { expect, it } from 'vitest';
import { criterionIds } from '../../../main/engine/criteria/index.ts';
import { families } from '../../../main/engine/families/index.ts';
import { familyIds, particularOf } from '../../../renderer/wizard/families.ts';

it('lists every family of the engine, in its order', () => {
  expect(familyIds).toEqual(families.map(({ id }) => id));
});

it('every criterion that a family has as its own is one', () => {
  const named = families.flatMap(({ defaultCriterion }) => defaultCriterion ?? []);
  expect(named).toEqual(['taylor-vector']);
  expect(criterionIds).toEqual(expect.arrayContaining(named));
});

it.each([
  ['llama', 'vicuna-7b-v1.5', 'vicuna'],
  ['llama', 'Llama-2-7b', null],
  ['mistral', 'vicuna', null],
  ['chatglm', 'chatglm-6b', 'chatglm'],
  ['chatglm2', 'glm', 'chatglm2'],
])('%s in a folder %s: %s', (family, name, expected) => {
  expect(particularOf(family, name)).toBe(expected);
});
