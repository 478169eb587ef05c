import { describe, expect, it } from 'vitest';
import {
  cardNames,
  chooseDevice,
  choiceAfter,
  testCard,
  type TestedCard,
} from '../../main/studio/choose-device.ts';
import type { SpawnWorker } from '../../main/worker/channel.ts';
import type { FromWorker } from '../../main/worker/messages.ts';
import { rejection } from '../engine/checkpoint/rejection.ts';

const test = {
  onCard: ['MatMul'],
  fallbacks: [],
  worstDifference: 1e-6,
  productSize: 1024,
  cardMs: 4,
  cpuMs: 40,
};
const card: TestedCard = { ...test, name: 'Radeon' };

const log = (devices: readonly string[]): string =>
  devices
    .map(
      (device) =>
        `2026 [I:onnxruntime:, device_discovery_common.cc:34 operator()] Discovered OrtHardwareDevice {${device}}\n`,
    )
    .join('');
const processorLine = 'vendor_id:0x1022, device_id:0x0, vendor:AMD, type:0, metadata: []';
const cardLine = 'vendor_id:0x10de, device_id:0x2330, vendor:NVIDIA, type:1, metadata: [Discrete=1]';

/** A worker process that writes, sends and ends as it is told. */
function processThat({
  stderr = '',
  sends = [],
  ends,
}: {
  stderr?: string;
  sends?: readonly FromWorker[];
  ends?: string;
}): SpawnWorker {
  return (listener) => {
    queueMicrotask(() => {
      listener.stderr?.(stderr);
      sends.forEach((message) => {
        listener.message(message);
      });
      if (ends !== undefined) listener.ended(ends);
    });
    return {
      send: ({ type }) => {
        if (type === 'end') listener.ended('exit code 0');
      },
      kill: () => {
        listener.ended('signal SIGKILL');
      },
    };
  };
}

const started: FromWorker = { type: 'stage', stage: 'test-device' };
const passed: FromWorker = { type: 'done', result: test, peakRssBytes: 1 };

describe('names of cards', () => {
  it('are those of the graphics cards alone', () => {
    expect(cardNames(log([processorLine]))).toEqual([]);
    expect(cardNames(log([processorLine, cardLine, cardLine]))).toEqual(['NVIDIA 0x10de:0x2330']);
  });

  it('are the system’s where it has one', () => {
    const described = cardLine.replace('Discrete=1', 'Description=NVIDIA H100, DxgiHighPerformanceIndex=0');
    expect(cardNames(log([described]))).toEqual(['NVIDIA H100']);
  });
});

describe('auto', () => {
  it('takes a card that passes its test', async () => {
    const spawn = processThat({ stderr: log([processorLine, cardLine]), sends: [started, passed] });
    expect(await chooseDevice('auto', spawn)).toEqual({
      device: { kind: 'webgpu', card: 'NVIDIA 0x10de:0x2330' },
      message: 'Computing on NVIDIA 0x10de:0x2330.',
    });
  });

  it.each([
    [
      'none is listed, whatever renders',
      { stderr: log([processorLine]), sends: [started] },
      'none-found',
      'no graphics card was found',
    ],
    [
      'its driver crashes',
      { stderr: log([cardLine]), sends: [started], ends: 'signal SIGSEGV' },
      'crashed',
      'its driver ended the process that tested it',
    ],
  ] as const)('takes the processor where %s', async (_why, worker, code, reason) => {
    expect(await chooseDevice('auto', processThat(worker))).toEqual({
      device: { kind: 'cpu' },
      message: `Computing on the processor: ${reason}.`,
      why: { code, text: reason },
    });
  });

  it.each([
    [{ ...card, name: null }, 'none-found', 'no graphics card was found'],
    [{ ...card, cardMs: 80 }, 'slow', 'it is 0.50 times as fast as the processor'],
    [{ ...card, fallbacks: ['Transpose'] }, 'falls-back', 'it leaves Transpose to the processor'],
    [
      { ...card, worstDifference: NaN },
      'differs',
      'its numbers differ from the processor’s by NaN, relative to the largest',
    ],
  ])('takes the processor beside a card that is not fit: %#', (found, code, reason) => {
    expect(choiceAfter('auto', { card: found })).toEqual({
      device: { kind: 'cpu' },
      message: `Computing on the processor: ${reason}.`,
      why: { code, text: reason },
    });
  });
});

describe('webgpu', () => {
  it('takes what computes rightly, be it slow and unlisted', () => {
    const { device } = choiceAfter('webgpu', { card: { ...card, name: null, cardMs: 80 } });
    expect(device).toEqual({ kind: 'webgpu', card: 'a device that ONNX Runtime does not name' });
  });

  it.each([
    [{ ...card, fallbacks: ['Transpose', 'MatMul'] }, 'it leaves Transpose, MatMul to the processor'],
    [
      { ...card, worstDifference: 0.01 },
      'its numbers differ from the processor’s by 0.01, relative to the largest',
    ],
  ])('refuses a card that is not fit: %#', (found, reason) => {
    expect(() => choiceAfter('webgpu', { card: found })).toThrow(
      expect.objectContaining({
        code: 'device-unavailable',
        message: `device is webgpu, but there is no usable graphics card: ${reason}.`,
        hint: expect.stringContaining('device: cpu'),
      }),
    );
  });

  it('ends a test that never comes back', async () => {
    const spawn = processThat({ stderr: log([cardLine]), sends: [started] });
    expect(await testCard(spawn, false, 200)).toEqual({
      missing: { code: 'timed-out', text: 'its test did not end within 0.2 seconds' },
    });
  });

  it('says so where the test ends the process', async () => {
    const error = await rejection(chooseDevice('webgpu', processThat({ ends: 'signal SIGABRT' })));
    expect(error).toMatchObject({ code: 'device-unavailable' });
  });
});
