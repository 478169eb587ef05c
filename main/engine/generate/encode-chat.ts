import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { ChatMessage, ChatTemplate } from './chat-template.ts';

/**
 * The ids of a prompt. What a person wrote never stands for a special token of ChatGLM, other than in a template of the
 * folder's own, which knows tokens by their names alone.
 * @throws EngineError template-invalid.
 */
export function encodeChat(
  { render, needsSpecialTokens, namesTokens }: ChatTemplate,
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
): number[] {
  const prompt = render(messages);
  if (typeof prompt === 'string') {
    const options = { addSpecialTokens: needsSpecialTokens, readSpecialTokens: namesTokens };
    return tokenizer.encode(prompt, options);
  }
  const ids = prompt.flatMap((part) =>
    'token' in part
      ? tokenIds(part.token, tokenizer)
      : tokenizer.encode(part.text, { addSpecialTokens: false }),
  );
  const { before, after } = tokenizer.surrounding;
  return needsSpecialTokens ? [...before, ...ids, ...after] : ids;
}

/** The ids of tokens that end an answer, as far as the tokenizer has them. */
export function stopTokenIds({ stopTokens }: ChatTemplate, tokenizer: Tokenizer): number[] {
  return stopTokens.flatMap((token) => {
    const ids = tokenIds(token, tokenizer);
    return ids.length === 1 ? ids : []; // another tokenizer's text
  });
}

function tokenIds(name: string, tokenizer: Tokenizer): number[] {
  return tokenizer.encode(name, { addSpecialTokens: false, readSpecialTokens: true });
}
