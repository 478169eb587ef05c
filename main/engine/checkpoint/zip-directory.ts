// Zip archives as torch.save writes them (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3): every entry is stored,
// not deflated, so a part of an entry is a part of the file. Only the directory is read, and each entry's own header.
import type { FileHandle } from 'node:fs/promises';
import { EngineError, type ErrorCode, type ErrorFacts } from '../errors.ts';
import { BytesCursor } from './bytes-cursor.ts';
import { readBytes } from './read-bytes.ts';
import { quoted } from './safetensors-header.ts';

/** An entry whose bytes lie in the file as they are. */
export interface ZipEntry {
  readonly name: string;
  /** Of the first byte of the content, from the start of the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A storage an entry; the largest shards have a few hundred. */
const MAX_ENTRIES = 100_000;

/** The largest that many entries would need with names of a kilobyte. */
const MAX_DIRECTORY_BYTES = 128 * 1024 * 1024;

const MAX_NAME_BYTES = 1024;

const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const LOCAL_BYTES = 30;

const signatures = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
};

const zip64Field = 1;
const inZip64 = 0xffffffff;

/** Whether these first bytes of a file are those of a zip archive. */
export function isZip(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/**
 * The entries of a zip archive by their names. Throws header-truncated, header-invalid (damaged, overlapping or
 * repeated entries), feature-unsupported (compressed or encrypted ones) or limit-exceeded.
 */
export async function readZipDirectory(
  handle: FileHandle,
  fileBytes: number,
  path: string,
): Promise<Map<string, ZipEntry>> {
  const archive = new Archive(handle, fileBytes, path);
  const directory = await archive.findDirectory();
  const entries: (ZipEntry & { readonly headerOffset: number })[] = [];
  for (const entry of await archive.centralEntries(directory)) entries.push(await archive.located(entry));
  entries.sort((a, b) => a.headerOffset - b.headerOffset);
  const found = new Map<string, ZipEntry>();
  let end = 0;
  for (const { name, offset, sizeBytes, headerOffset } of entries) {
    if (headerOffset < end) throw archive.invalid(`its entry ${quoted(name)} overlaps the one before it`);
    end = offset + sizeBytes;
    if (end > directory.offset) throw archive.invalid(`its entry ${quoted(name)} reaches into the directory`);
    if (found.has(name)) throw archive.invalid(`it has two entries named ${quoted(name)}`);
    found.set(name, { name, offset, sizeBytes });
  }
  return found;
}

interface Directory {
  readonly entries: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

interface CentralEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly headerOffset: number;
}

class Archive {
  constructor(
    private readonly handle: FileHandle,
    private readonly fileBytes: number,
    private readonly path: string,
  ) {}

  /** The end record lies behind everything, but for a comment; a larger archive's in its 64-bit form before it. */
  async findDirectory(): Promise<Directory> {
    const tailBytes = Math.min(this.fileBytes, END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES);
    const tailStart = this.fileBytes - tailBytes;
    const tail = await this.read(tailStart, tailBytes);
    const at = lastSignature(tail, signatures.end);
    if (at < 0) {
      throw new EngineError(
        'header-truncated',
        `${this.path} is cut short: it begins as a zip archive, but has no directory at its end`,
        { path: this.path, fileBytes: this.fileBytes },
        'The download or copy was interrupted. Get the file again.',
      );
    }
    const end = this.cursor(tail.subarray(at));
    end.slice(10);
    const entries = end.u16();
    const sizeBytes = end.u32();
    const offset = end.u32();
    const isBig = entries === 0xffff || sizeBytes === inZip64 || offset === inZip64;
    const directory = isBig ? await this.bigDirectory(tail, at) : { entries, sizeBytes, offset };
    return this.checked(directory, tailStart + at);
  }

  private async bigDirectory(tail: Uint8Array, endAt: number): Promise<Directory> {
    if (endAt < LOCATOR_BYTES) throw this.invalid('the place of its 64-bit directory is missing');
    const locator = this.cursor(tail.subarray(endAt - LOCATOR_BYTES, endAt));
    if (locator.u32() !== signatures.locator)
      throw this.invalid('the place of its 64-bit directory is missing');
    locator.u32();
    const recordOffset = locator.u64();
    if (recordOffset + END64_BYTES > this.fileBytes) {
      throw this.invalid(`its 64-bit directory should be at byte ${recordOffset}, outside the file`);
    }
    const record = this.cursor(await this.read(recordOffset, END64_BYTES));
    if (record.u32() !== signatures.end64)
      throw this.invalid(`byte ${recordOffset} is not its 64-bit directory`);
    record.slice(28);
    return { entries: record.u64(), sizeBytes: record.u64(), offset: record.u64() };
  }

  private checked(directory: Directory, before: number): Directory {
    const { entries, sizeBytes, offset } = directory;
    if (entries > MAX_ENTRIES) {
      const facts = { entries, maxEntries: MAX_ENTRIES };
      throw this.invalid(
        `it has ${entries} entries; at most ${MAX_ENTRIES} are allowed`,
        'limit-exceeded',
        facts,
      );
    }
    if (sizeBytes > MAX_DIRECTORY_BYTES) {
      const facts = { directoryBytes: sizeBytes, maxDirectoryBytes: MAX_DIRECTORY_BYTES };
      throw this.invalid(
        `its directory has ${sizeBytes} bytes; at most ${MAX_DIRECTORY_BYTES} are allowed`,
        'limit-exceeded',
        facts,
      );
    }
    if (offset + sizeBytes > before) {
      throw this.invalid(`its directory ends at byte ${offset + sizeBytes}, expected ${before} at most`);
    }
    return directory;
  }

  async centralEntries({ entries, sizeBytes, offset }: Directory): Promise<CentralEntry[]> {
    const cursor = this.cursor(await this.read(offset, sizeBytes));
    return Array.from({ length: entries }, () => this.centralEntry(cursor));
  }

  private centralEntry(cursor: BytesCursor): CentralEntry {
    if (cursor.u32() !== signatures.central) throw this.invalid('its directory is damaged');
    cursor.slice(4);
    const flags = cursor.u16();
    const method = cursor.u16();
    cursor.slice(8);
    const packed = cursor.u32();
    const plain = cursor.u32();
    const [nameBytes, extraBytes, commentBytes] = [cursor.u16(), cursor.u16(), cursor.u16()];
    cursor.slice(8);
    const headerAt = cursor.u32();
    const name = this.nameOf(cursor.slice(nameBytes));
    const extra = cursor.slice(extraBytes);
    cursor.slice(commentBytes);
    if ((flags & 1) !== 0) throw this.unsupported(name, 'is encrypted');
    if (method !== 0) throw this.unsupported(name, `is compressed (method ${method})`);
    const [plainBytes, packedBytes, headerOffset] = this.widened(extra, [plain, packed, headerAt]);
    if (packedBytes !== plainBytes) {
      throw this.invalid(`its entry ${quoted(name)} has ${plainBytes} bytes, stored as ${packedBytes}`);
    }
    return { name, sizeBytes: plainBytes, headerOffset };
  }

  private nameOf(bytes: Uint8Array): string {
    if (bytes.byteLength > MAX_NAME_BYTES) {
      throw this.invalid(
        `an entry's name has ${bytes.byteLength} bytes; at most ${MAX_NAME_BYTES} are allowed`,
        'limit-exceeded',
      );
    }
    return new TextDecoder().decode(bytes);
  }

  /** A number that does not fit 32 bits stands in the entry's 64-bit field, which holds those that do not, in order. */
  private widened(
    extra: Uint8Array,
    [plain, packed, headerOffset]: readonly [number, number, number],
  ): [plain: number, packed: number, headerOffset: number] {
    if (plain !== inZip64 && packed !== inZip64 && headerOffset !== inZip64)
      return [plain, packed, headerOffset];
    const fields = this.cursor(extra);
    while (!fields.isAtEnd) {
      const id = fields.u16();
      const field = this.cursor(fields.slice(fields.u16()));
      if (id !== zip64Field) continue;
      const wide = (narrow: number): number => (narrow === inZip64 ? field.u64() : narrow);
      return [wide(plain), wide(packed), wide(headerOffset)];
    }
    throw this.invalid('an entry lacks its 64-bit sizes');
  }

  /** Where an entry's content begins, its own header tells: name and padding there have lengths of their own. */
  async located(entry: CentralEntry): Promise<CentralEntry & ZipEntry> {
    const { name, headerOffset } = entry;
    if (headerOffset + LOCAL_BYTES > this.fileBytes) throw this.outside(name);
    const header = this.cursor(await this.read(headerOffset, LOCAL_BYTES));
    if (header.u32() !== signatures.local) {
      throw this.invalid(
        `its entry ${quoted(name)} does not begin at byte ${headerOffset}, as its directory says`,
      );
    }
    header.slice(22);
    const offset = headerOffset + LOCAL_BYTES + header.u16() + header.u16();
    if (offset + entry.sizeBytes > this.fileBytes) throw this.outside(name);
    return { ...entry, offset };
  }

  private read(offset: number, sizeBytes: number): Promise<Uint8Array> {
    return readBytes(this.handle, this.path, offset, sizeBytes);
  }

  private cursor(bytes: Uint8Array): BytesCursor {
    return new BytesCursor(bytes, () => this.invalid('its directory ends in the middle of an entry'));
  }

  private outside(name: string): EngineError {
    return this.invalid(`its entry ${quoted(name)} reaches past the end of the file`);
  }

  invalid(message: string, code: ErrorCode = 'header-invalid', facts: ErrorFacts = {}): EngineError {
    return new EngineError(
      code,
      `${this.path}: ${message}`,
      { path: this.path, ...facts },
      'The file is damaged, or was not written by torch.save. Download or export it again.',
    );
  }

  private unsupported(name: string, what: string): EngineError {
    return new EngineError(
      'feature-unsupported',
      `${this.path}: its entry ${quoted(name)} ${what}; torch.save stores entries as they are`,
      { path: this.path, entry: name },
      'Save the model with torch.save, or as safetensors.',
    );
  }
}

function lastSignature(bytes: Uint8Array, signature: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.byteLength - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) === signature) return at;
  }
  return -1;
}
