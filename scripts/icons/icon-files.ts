import { crc32, deflateSync } from 'node:zlib';

/** A PNG of 8-bit RGBA; each row is stored as its difference from the one above, which flat areas make zeros. */
export function png(rgba: Uint8Array, pixels: number): Buffer {
  const stride = 4 * pixels;
  const rows = Buffer.alloc(pixels * (stride + 1));
  for (let row = 0; row < pixels; row++) {
    rows[row * (stride + 1)] = 2;
    for (let i = 0; i < stride; i++) {
      const above = row === 0 ? 0 : rgba[(row - 1) * stride + i];
      rows[row * (stride + 1) + 1 + i] = rgba[row * stride + i] - above;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(pixels, 0);
  header.writeUInt32BE(pixels, 4);
  header.set([8, 6], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(content.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** PNGs by their size in pixels. */
export type Images = ReadonlyMap<number, Buffer>;

/** Windows: a directory of at most 256 by 256 pixels, then the PNGs. */
export function ico(images: Images): Buffer {
  const entryBytes = 16;
  const header = Buffer.alloc(6 + entryBytes * images.size);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(images.size, 4);
  let end = header.length;
  for (const [i, [pixels, image]] of [...images].entries()) {
    const at = 6 + entryBytes * i;
    // 256 does not fit a byte and is written as 0.
    header.set([pixels % 256, pixels % 256], at);
    header.writeUInt16LE(1, at + 4);
    header.writeUInt16LE(32, at + 6);
    header.writeUInt32LE(image.length, at + 8);
    header.writeUInt32LE(end, at + 12);
    end += image.length;
  }
  return Buffer.concat([header, ...images.values()]);
}

/** macOS: the names that Apple gives to sizes, the first two for screens of twice the density. */
const icnsTypes: readonly (readonly [type: string, pixels: number])[] = [
  ['ic11', 32],
  ['ic12', 64],
  ['ic07', 128],
  ['ic08', 256],
  ['ic09', 512],
  ['ic10', 1024],
];

export function icns(images: Images): Buffer {
  const blocks = icnsTypes.map(([type, pixels]) => block(type, images.get(pixels) ?? Buffer.alloc(0)));
  return block('icns', Buffer.concat(blocks));
}

function block(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 'latin1');
  header.writeUInt32BE(content.length + header.length, 4);
  return Buffer.concat([header, content]);
}
