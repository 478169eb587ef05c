const mostTags = 20;
const longestTag = 40;

/** Tags of a line: split at commas, western or Chinese, each once, as many and as long as main takes them. */
export function readTags(line: string): string[] {
  const tags = line.split(/[,，、]/).map((tag) => tag.trim().slice(0, longestTag).trim());
  return [...new Set(tags.filter((tag) => tag !== ''))].slice(0, mostTags);
}

export const writeTags = (tags: readonly string[]): string => tags.join(', ');
