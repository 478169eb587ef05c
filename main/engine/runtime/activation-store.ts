import { open, rm, type FileHandle } from 'node:fs/promises';
import { writeError } from '../checkpoint/file-errors.ts';
import { readBytes } from '../checkpoint/read-bytes.ts';
import { EngineError } from '../errors.ts';
import { inMemory, OnCard, type Values } from './session.ts';

/**
 * Float32 arrays by key, where they are up to a budget and beyond it in a scratch file: what a pass must keep between
 * layers does not fit any memory when the calibration set is large. The budget is for the memory of the machine and
 * for that of a card, each; what the card has no room for goes to the machine.
 */
export class ActivationStore {
  private readonly inMemory = new Map<string, Float32Array>();
  private readonly onCard = new Map<string, OnCard>();
  private readonly onDisk = new Map<string, { offset: number; length: number }>();
  /** Places in the scratch file that were given back, by length in floats: a pass asks for the same sizes again. */
  private readonly freePlaces = new Map<number, number[]>();
  private memoryBytes = 0;
  private cardBytes = 0;
  private file: FileHandle | undefined;
  private fileBytes = 0;

  constructor(
    private readonly scratchPath: string,
    private readonly budgetBytes: number,
  ) {}

  /**
   * Keeps `values`, which must not change afterwards; what lies on a card is the store's from here on.
   * Throws disk-full or folder-not-writable.
   */
  async put(key: string, values: Values): Promise<void> {
    this.drop(key);
    if (!(values instanceof OnCard)) await this.putInMemory(key, values);
    else if (this.cardBytes + values.byteLength <= this.budgetBytes) {
      this.onCard.set(key, values);
      this.cardBytes += values.byteLength;
    } else await this.putInMemory(key, await this.fromCard(values));
  }

  async get(key: string): Promise<Values> {
    const known = this.inMemory.get(key) ?? this.onCard.get(key);
    if (known) return known;
    const place = this.onDisk.get(key);
    if (!place || !this.file) throw new EngineError('graph-invalid', `No activation is kept under "${key}".`);
    const bytes = await readBytes(this.file, this.scratchPath, place.offset, place.length * 4);
    return new Float32Array(bytes.buffer, bytes.byteOffset, place.length);
  }

  drop(key: string): void {
    this.memoryBytes -= this.inMemory.get(key)?.byteLength ?? 0;
    this.inMemory.delete(key);
    this.dropFromCard(key);
    const place = this.onDisk.get(key);
    if (!place) return;
    this.onDisk.delete(key);
    this.freePlaces.set(place.length, [...(this.freePlaces.get(place.length) ?? []), place.offset]);
  }

  async close(): Promise<void> {
    for (const key of [...this.onCard.keys()]) this.dropFromCard(key);
    await this.file?.close();
    this.file = undefined;
    await rm(this.scratchPath, { force: true });
  }

  private dropFromCard(key: string): void {
    const values = this.onCard.get(key);
    if (!values) return;
    this.cardBytes -= values.byteLength;
    this.onCard.delete(key);
    values.dispose();
  }

  private async fromCard(values: OnCard): Promise<Float32Array> {
    const received = await inMemory(values);
    values.dispose();
    return received;
  }

  private async putInMemory(key: string, values: Float32Array): Promise<void> {
    if (this.memoryBytes + values.byteLength <= this.budgetBytes) {
      this.inMemory.set(key, values);
      this.memoryBytes += values.byteLength;
      return;
    }
    const offset = this.freePlaces.get(values.length)?.pop() ?? this.extend(values.byteLength);
    this.onDisk.set(key, { offset, length: values.length });
    await this.write(values, offset);
  }

  private extend(sizeBytes: number): number {
    const offset = this.fileBytes;
    this.fileBytes += sizeBytes;
    return offset;
  }

  private async write(values: Float32Array, offset: number): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    try {
      this.file ??= await openAnew(this.scratchPath);
      let done = 0;
      while (done < bytes.length)
        done += (await this.file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    } catch (error) {
      throw writeError(error, this.scratchPath, { sizeBytes: bytes.length });
    }
  }
}

/** Never a file that is there: another process, not yet ended, may still write into it. */
async function openAnew(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, 'wx+');
}
