/** A position in bytes, little endian; asking for more than there is gives what `endedAt` makes of it. */
export class BytesCursor {
  at = 0;
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    private readonly endedAt: (position: number) => Error,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.byteLength;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  /** Exact up to 2^53; above it, rounded, and thereby beyond any size that a caller allows. */
  u64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  f64BigEndian(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  /** A part of the same bytes, not a copy. */
  slice(sizeBytes: number): Uint8Array {
    const from = this.take(sizeBytes);
    return this.bytes.subarray(from, from + sizeBytes);
  }

  /** Up to the next newline, which is passed over. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.endedAt(this.at);
    const line = this.bytes.subarray(this.at, end);
    this.at = end + 1;
    return line;
  }

  private take(sizeBytes: number): number {
    const from = this.at;
    if (sizeBytes > this.bytes.byteLength - from) throw this.endedAt(from);
    this.at = from + sizeBytes;
    return from;
  }
}
