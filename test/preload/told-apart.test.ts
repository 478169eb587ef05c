import { expect, it } from 'vitest';
import { toldApart } from '../../preload/forms/told-apart.ts';

it('rows of one name are told apart by what of their protocols the others lack', () => {
  const rows = [
    { label: 'BoolQ', protocol: 'acc *, 0-shot, harness' },
    { label: 'PIQA', protocol: 'acc *, 0-shot, harness' },
    { label: 'BoolQ', protocol: 'acc *, 0-shot, first 3 questions, harness' },
    { label: '平均', protocol: '2 个任务，0-shot，harness' },
    { label: '平均', protocol: '7 个任务，0-shot，harness · n = 9' },
  ];
  expect(toldApart(rows)).toEqual(['', '', 'first 3 questions', '2 个任务', '7 个任务 · n = 9']);
});
