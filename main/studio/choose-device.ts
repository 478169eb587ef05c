import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { DeviceTest } from '../engine/device-test.ts';
import { EngineError } from '../engine/errors.ts';
import { cpu, type ComputeDevice } from '../engine/runtime/device.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { startJob, type Outcome } from '../worker/host.ts';
import type { DeviceWish } from './recipe.ts';

/** A graphics card as it was found. */
export interface TestedCard extends DeviceTest {
  /** Its name, as far as ONNX Runtime knows it; null where it lists no card, as for a software renderer. */
  readonly name: string | null;
}

/** Why the processor computes: a code to switch on, and the same as part of a sentence. */
export interface WhyNoCard {
  readonly code:
    | 'none-found'
    | 'no-driver'
    | 'crashed'
    | 'timed-out'
    | 'test-ended'
    | 'test-failed'
    | 'falls-back'
    | 'differs'
    | 'slow';
  readonly text: string;
}

/** A card that was tested, or why there is none. */
export type CardTest = { readonly card: TestedCard } | { readonly missing: WhyNoCard };

/** Drivers build their programs anew for each of our graphs: seconds on a card, a minute on a renderer in software. */
const testTimeLimitMs = 180_000;
/** stderr may arrive a moment after the message that followed it. */
const stderrDelayMs = 100;
/** A card that is no faster than this is not worth another order of sums. */
const leastSpeedup = 1.5;
/** Float32 sums in another order; gradients of a tiny model differ by up to 1e-5. */
const mostDifference = 1e-3;

/**
 * Tests the graphics card in a worker process, which a broken driver may end or keep from answering.
 * @param listedOnly Whether to stop early where ONNX Runtime lists no card.
 */
export async function testCard(
  spawn?: SpawnWorker,
  listedOnly = false,
  timeLimitMs = testTimeLimitMs,
): Promise<CardTest> {
  let log = '';
  let stopped: WhyNoCard | undefined;
  const hearFound = async (): Promise<void> => {
    await setTimeout(stderrDelayMs);
    if (listedOnly && cardNames(log).length === 0) stop(noneFound);
  };
  const job = startJob(
    { kind: 'test-device', threads: availableParallelism() },
    ({ type }) => {
      if (type === 'stage') void hearFound();
    },
    spawn,
    (text) => {
      log += text;
    },
  );
  const stop = (why: WhyNoCard): void => {
    stopped ??= why;
    job.kill();
  };
  const limit = AbortSignal.timeout(timeLimitMs);
  limit.addEventListener('abort', () => {
    stop({ code: 'timed-out', text: `its test did not end within ${timeLimitMs / 1000} seconds` });
  });
  const outcome = await job.outcome;
  return stopped === undefined ? testOf(outcome, cardNames(log)) : { missing: stopped };
}

function testOf(outcome: Outcome<DeviceTest>, names: readonly string[]): CardTest {
  if (outcome.kind === 'done')
    return { card: { ...outcome.result, name: names.length > 0 ? names.join(' or ') : null } };
  const missing = (code: WhyNoCard['code'], text: string): CardTest => ({ missing: { code, text } });
  if (outcome.kind === 'cancelled') return missing('test-ended', 'its test was ended');
  const { code, message } = outcome.error;
  if (code === 'device-unavailable') return missing('no-driver', 'no driver offers one to WebGPU');
  if (code === 'worker-crashed') {
    return missing('crashed', 'its driver ended the process that tested it');
  }
  return missing('test-failed', `its test failed: ${message}`);
}

const noneFound: WhyNoCard = { code: 'none-found', text: 'no graphics card was found' };

/** A line of ONNX Runtime's log for each device of the machine; type 1 is a graphics card. */
const deviceLine =
  /OrtHardwareDevice \{vendor_id:(0x\w+), device_id:(0x\w+), vendor:([^,]*), type:1, metadata: \[(.*)\]\}/g;

/** Names of the graphics cards in a log: a description where the system has one, else vendor and number. */
export function cardNames(log: string): string[] {
  const names = [...log.matchAll(deviceLine)].map(([, vendorId, deviceId, vendor, metadata]) => {
    const [, description] = /Description=([^,\]]+)/.exec(metadata) ?? [];
    return description ?? `${vendor || 'graphics card'} ${vendorId}:${deviceId}`;
  });
  return [...new Set(names)];
}

/** Why a card is of no use for a run; undefined where it is. */
export function whyUnfit({ fallbacks, worstDifference }: TestedCard): WhyNoCard | undefined {
  if (fallbacks.length > 0) {
    return { code: 'falls-back', text: `it leaves ${fallbacks.join(', ')} to the processor` };
  }
  if (worstDifference <= mostDifference) return undefined;
  return {
    code: 'differs',
    text: `its numbers differ from the processor’s by ${worstDifference}, relative to the largest`,
  };
}

/** Why a card is not taken unasked: a renderer in software is no card. */
export function whyNotUnasked(card: TestedCard): WhyNoCard | undefined {
  if (card.name === null) return noneFound;
  const speedup = card.cpuMs / card.cardMs;
  if (speedup >= leastSpeedup) return undefined;
  return { code: 'slow', text: `it is ${speedup.toFixed(2)} times as fast as the processor` };
}

/** A device, and what a person should know of how it came to be chosen. */
export interface DeviceChoice {
  readonly device: ComputeDevice;
  readonly message?: string;
  /** Why it is the processor, where that was not asked for. */
  readonly why?: WhyNoCard;
}

/**
 * The device for a wish. `auto` takes the card where one passes its test, else the processor.
 * @throws EngineError device-unavailable where a card is asked for and none is fit.
 */
export async function chooseDevice(wish: DeviceWish, spawn?: SpawnWorker): Promise<DeviceChoice> {
  if (wish === 'cpu') return { device: cpu };
  return choiceAfter(wish, await testCard(spawn, wish === 'auto'));
}

/**
 * The device to go on with for a run that began on `device`.
 * @throws EngineError device-unavailable where it was a card and none is fit any more.
 */
export async function deviceNow(device: ComputeDevice, spawn?: SpawnWorker): Promise<ComputeDevice> {
  return (await chooseDevice(device.kind, spawn)).device;
}

export function choiceAfter(wish: 'auto' | 'webgpu', tested: CardTest): DeviceChoice {
  const why = whyNot(wish, tested);
  if ('card' in tested && why === undefined) {
    const card = tested.card.name ?? 'a device that ONNX Runtime does not name';
    return { device: { kind: 'webgpu', card }, message: `Computing on ${card}.` };
  }
  if (why === undefined) throw new RangeError('A card that is missing has a reason.');
  if (wish === 'auto') return { device: cpu, message: `Computing on the processor: ${why.text}.`, why };
  throw new EngineError(
    'device-unavailable',
    `device is webgpu, but there is no usable graphics card: ${why.text}.`,
    { reason: why.text },
    'Install or update the driver of the graphics card, or set `device: auto` or `device: cpu`.',
  );
}

function whyNot(wish: 'auto' | 'webgpu', tested: CardTest): WhyNoCard | undefined {
  if ('missing' in tested) return tested.missing;
  return whyUnfit(tested.card) ?? (wish === 'auto' ? whyNotUnasked(tested.card) : undefined);
}
