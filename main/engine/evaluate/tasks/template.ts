import { Template } from '@huggingface/jinja';
import { capitalize, lstrip, strip } from './python-text.ts';

/** Values of a row that a template names. */
export type TemplateValues = Readonly<Record<string, unknown>>;

/** A row does not hold what a template asks of it; the message says what. */
export class TemplateProblem extends Error {
  override readonly name = 'TemplateProblem';
}

/** A list as the template engine hands it to a function. */
type Items = readonly { readonly value: unknown }[];

/** What templates may call, beside jinja itself. */
const functions = {
  strip,
  lstrip,
  capitalize,
  replace: (text: string, from: string, to: string): string => text.replaceAll(from, to),
  regex_replace: (text: string, pattern: string, to: string): string =>
    text.replaceAll(new RegExp(pattern, 'g'), to),
  index_of: (items: Items, value: string): number => {
    const index = items.findIndex((item) => item.value === value);
    if (index >= 0) return index;
    const known = items.map((item) => JSON.stringify(item.value)).join(', ');
    throw new TemplateProblem(`one of ${known}, found ${JSON.stringify(value)}`);
  },
  before: (text: string, mark: string): string => text.slice(0, indexIn(text, mark)),
  after: (text: string, mark: string): string => text.slice(indexIn(text, mark) + mark.length),
};

function indexIn(text: string, mark: string): number {
  const index = text.indexOf(mark);
  if (index >= 0) return index;
  throw new TemplateProblem(`a text with "${mark}" in it, found ${JSON.stringify(text)}`);
}

/** A jinja template, read once. */
export function compileTemplate(source: string): (values: TemplateValues) => string {
  const template = new Template(source);
  return (values) => template.render({ ...values, ...functions });
}
