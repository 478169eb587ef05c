/**
 * A value of a recipe by its keys, as written. A stored recipe is the studio's own YAML: nested keys, one a line, a
 * remark after some of them.
 */
export function recipeValue(recipe: string, keys: readonly string[]): string | null {
  const open: { readonly key: string; readonly indent: number }[] = [];
  for (const line of recipe.split('\n')) {
    const [, space, key, rest] = /^( *)([\w-]+):(.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    while (open.length > 0 && open[open.length - 1].indent >= space.length) open.pop();
    open.push({ key, indent: space.length });
    if (open.length === keys.length && open.every((entry, i) => entry.key === keys[i])) {
      const value = rest.replace(/ #.*$/, '').trim();
      return value === '' ? null : value;
    }
  }
  return null;
}

/** The layer windows of a stored recipe; null where it names none. */
export function recipeWindows(
  recipe: string,
): { readonly attention: [number, number]; readonly mlp: [number, number] } | null {
  const read = (kind: string): [number, number] | null => {
    const [, from, to] =
      /^\[\s*(\d+)\s*,\s*(\d+)\s*\]$/.exec(recipeValue(recipe, ['prune', 'layers', kind]) ?? '') ?? [];
    return from === undefined ? null : [Number(from), Number(to)];
  };
  const attention = read('attention');
  const mlp = read('mlp');
  return attention && mlp && { attention, mlp };
}

/** Whether the run measures perplexity. */
export function measuresPerplexity(recipe: string): boolean {
  return !['null', '~', null].includes(recipeValue(recipe, ['evaluate', 'text']));
}
