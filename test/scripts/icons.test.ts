import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { png } from '../../scripts/icons/icon-files.ts';
import { rasterise, readPicture } from '../../scripts/icons/svg-picture.ts';

const folder = path.resolve(import.meta.dirname, '../../resources/icons');
const read = (file: string): Buffer => readFileSync(path.join(folder, file));
const picture = readPicture(read('icon.svg').toString());

/** Sizes in a PNG's header, and its rows as they were before compression, which differs between versions of zlib. */
function opened(image: Buffer): { width: number; height: number; rows: Buffer } {
  expect(image.subarray(1, 4).toString()).toBe('PNG');
  const at = image.indexOf('IDAT');
  const rows = inflateSync(image.subarray(at + 4, at + 4 + image.readUInt32BE(at - 4)));
  return { width: image.readUInt32BE(16), height: image.readUInt32BE(20), rows };
}

describe('the icon', () => {
  it.each([16, 24, 32, 48, 64, 128, 256, 512, 1024])('at %i pixels is the SVG, drawn', (pixels) => {
    const found = opened(read(`${pixels}x${pixels}.png`));
    expect([found.width, found.height]).toEqual([pixels, pixels]);
    expect(found.rows.equals(opened(png(rasterise(picture, pixels), pixels)).rows)).toBe(true);
  });

  it('is clear at the corners and covered in the middle of its ground', () => {
    const rgba = rasterise(picture, 64);
    const at = (x: number, y: number): number[] => [...rgba.subarray(4 * (64 * y + x), 4 * (64 * y + x) + 4)];
    expect(at(0, 0)).toEqual([0, 0, 0, 0]);
    expect(at(32, 6)).toEqual([0x17, 0x24, 0x2a, 255]);
  });

  it('comes for Windows with every size up to 256 pixels', () => {
    const file = read('icon.ico');
    const count = file.readUInt16LE(4);
    const found = Array.from({ length: count }, (_, i) => {
      const entry = file.subarray(6 + 16 * i, 22 + 16 * i);
      const start = entry.readUInt32LE(12);
      return opened(file.subarray(start, start + entry.readUInt32LE(8))).width;
    });
    expect(found).toEqual([16, 24, 32, 48, 64, 128, 256]);
  });

  it('comes for macOS with a block a size, of the length it says', () => {
    const file = read('icon.icns');
    expect(file.readUInt32BE(4)).toBe(file.length);
    const found: string[] = [];
    for (let at = 8; at < file.length; at += file.readUInt32BE(at + 4)) {
      const image = file.subarray(at + 8, at + file.readUInt32BE(at + 4));
      found.push(`${file.toString('latin1', at, at + 4)} ${opened(image).width}`);
    }
    expect(found).toEqual(['ic11 32', 'ic12 64', 'ic07 128', 'ic08 256', 'ic09 512', 'ic10 1024']);
  });
});
