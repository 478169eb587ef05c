import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { criterionIds } from '../../../main/engine/criteria/index.ts';
import { families } from '../../../main/engine/families/index.ts';
import { particularOf, templateFor } from '../../../renderer/wizard/families.ts';

it.each(['en', 'zh-CN'])('every family has a name and its models in %s', async (language) => {
  const { families: texts } = JSON.parse(await readFile(`renderer/locales/${language}.json`, 'utf8')) as {
    families: { names: object; models: object };
  };
  const ids = families.map(({ id }) => id);
  expect(Object.keys(texts.names)).toEqual(ids);
  expect(Object.keys(texts.models)).toEqual(ids);
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

it('trains a model in the form it speaks', () => {
  expect(templateFor('llama', 'vicuna-7b')).toBe('vicuna');
  expect(templateFor('chatglm', 'chatglm-6b')).toBe('plain');
  expect(templateFor('llama', 'llama-7b')).toBe('alpaca');
});
