import { expect, it } from 'vitest';
import { gathered } from '../../main/worker/gathered-text.ts';

it('passes text on at most every 40 ms, and loses none of it', () => {
  let time = 0;
  const heard: string[] = [];
  const hear = gathered(
    ({ delta, tokens }) => heard.push(`${tokens}:${delta}`),
    () => time,
  );
  for (const [i, delta] of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].entries()) {
    hear({ delta, promptTokens: 1, tokens: i + 1, prefillMs: 1, decodeMs: i });
    time += 15;
  }
  expect(heard).toEqual(['1:a', '4:bcd', '7:efg']);
});
