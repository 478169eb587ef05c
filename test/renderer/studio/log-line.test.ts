import { describe, expect, it } from 'vitest';
import { readLogLine } from '../../../renderer/studio/log-line.ts';

const time = '2026-11-24T12:13:06.120Z';

describe('readLogLine', () => {
  it.each([
    ['{"type":"stage","stage":"estimate"}', { kind: 'stage', stage: 'estimate' }],
    [
      '{"type":"metric","name":"calibration.loss","value":2.5}',
      { kind: 'metric', name: 'calibration.loss', value: 2.5 },
    ],
    ['{"type":"resumed"}', { kind: 'event', type: 'resumed' }],
    ['{"type":"warning","message":"Other engine."}', { kind: 'text', text: 'Other engine.' }],
    ['peak memory of the worker: 5 bytes', { kind: 'text', text: 'peak memory of the worker: 5 bytes' }],
    ['{"torn', { kind: 'text', text: '{"torn' }],
  ])('takes apart %s', (rest, parts) => {
    expect(readLogLine(`${time} ${rest}`)).toEqual({ time, ...parts });
  });

  it('keeps a line of another form', () => {
    expect(readLogLine('no time')).toEqual({ kind: 'text', time: '', text: 'no time' });
  });
});
