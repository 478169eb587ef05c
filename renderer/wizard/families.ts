/** Families, and models among them, of which more is to be known than their name. */
export type Particular = 'vicuna' | 'chatglm' | 'chatglm2';

/** The prompt template that is nearest to what a model was trained on. */
export function templateFor(family: string, name: string): 'alpaca' | 'vicuna' | 'plain' {
  const particular = particularOf(family, name);
  if (particular === 'vicuna') return 'vicuna';
  return particular === 'chatglm' ? 'plain' : 'alpaca';
}

/** A Vicuna's config.json is a LLaMA's: its folder's name alone tells it. */
export function particularOf(family: string, name: string): Particular | null {
  if (family === 'chatglm' || family === 'chatglm2') return family;
  return family === 'llama' && /vicuna/i.test(name) ? 'vicuna' : null;
}
