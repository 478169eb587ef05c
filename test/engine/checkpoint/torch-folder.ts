import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import type { ErrorCode } from '../../../main/engine/errors.ts';
import { rejection } from './rejection.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';
import { pickled, torchBytes, viewOf, type ViewOptions } from './torch-file.ts';

/** Closed at the end of the test. */
export async function open(folder: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}

/** A folder whose weights are this file of PyTorch. */
export function folderWith(bytes: Uint8Array): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'pytorch_model.bin'), bytes);
  return folder;
}

/** A storage of four numbers, and the view that is all of it. */
export const four = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
export const wholeOfFour = { elements: 4, shape: [4], strides: [1] };

/** A file with the tensor "w", a view of `four`, and the values `beside` it. */
export function oneTensor(
  options: Partial<ViewOptions>,
  beside: Readonly<Record<string, Buffer>> = {},
): Buffer {
  return torchBytes(pickled.dict({ w: viewOf({ ...wholeOfFour, ...options }), ...beside }), four);
}

type Refused = readonly [what: string, bytes: () => Uint8Array, code: ErrorCode, says: string];

/** Each file is refused with its code and words, its path is named, and it is not left open. */
export function itRefuses(cases: readonly Refused[]): void {
  it.each(cases)('%s', async (_, bytes, code, says) => {
    const folder = folderWith(bytes());
    const error = await rejection(openCheckpoint(folder));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(says)]);
    expect(error.message).toContain(join(folder, 'pytorch_model.bin'));
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });
}
