/**
 * Draws the program's icon in every size and form that the three systems ask for, from resources/icons/icon.svg:
 *
 *   node scripts/run-ts.mjs scripts/icons/draw-icons.ts
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { icns, ico, png, type Images } from './icon-files.ts';
import { rasterise, readPicture } from './svg-picture.ts';

const folder = resolve('resources/icons');
const sizes = [16, 24, 32, 48, 64, 128, 256, 512, 1024] as const;
const mostIcoPixels = 256;

const picture = readPicture(await readFile(join(folder, 'icon.svg'), 'utf8'));
const images: Images = new Map(sizes.map((pixels) => [pixels, png(rasterise(picture, pixels), pixels)]));
for (const [pixels, image] of images) await writeFile(join(folder, `${pixels}x${pixels}.png`), image);
await writeFile(
  join(folder, 'icon.ico'),
  ico(new Map([...images].filter(([pixels]) => pixels <= mostIcoPixels))),
);
await writeFile(join(folder, 'icon.icns'), icns(images));
