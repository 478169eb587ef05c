import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The bytes of a safetensors file with this header (an object, a text or raw bytes) and this data. */
export function safetensorsBytes(
  header: object | string | Uint8Array,
  data: Uint8Array = new Uint8Array(),
): Buffer {
  const bytes =
    header instanceof Uint8Array
      ? header
      : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.byteLength));
  return Buffer.concat([length, bytes, data]);
}

/** Writes `bytes` as the only file of a single-file checkpoint. */
export async function writeSingle(folder: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, 'model.safetensors');
  await writeFile(path, bytes);
  return path;
}
