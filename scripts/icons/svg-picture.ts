/** A rectangle of an icon, in units of its view box. */
interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly radius: number;
  /** Width of its outline; 0 for one that is filled. */
  readonly strokeWidth: number;
  readonly color: readonly [red: number, green: number, blue: number];
}

export interface Picture {
  readonly size: number;
  readonly rectangles: readonly Rectangle[];
}

/** Reads an SVG whose only shapes are filled or outlined `rect`s in a square view box. */
export function readPicture(svg: string): Picture {
  const [, size] = /viewBox="0 0 (\d+) \1"/.exec(svg) ?? [];
  if (size === undefined) throw new Error('The icon needs a square viewBox that begins at 0 0.');
  const rectangles = [...svg.matchAll(/<rect ([^>]*)\/>/g)].map(([, attributes]) => rectangleOf(attributes));
  return { size: Number(size), rectangles };
}

function rectangleOf(attributes: string): Rectangle {
  const named = new Map(
    [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  const number = (name: string): number => Number(named.get(name) ?? 0);
  const stroke = named.get('stroke');
  return {
    x: number('x'),
    y: number('y'),
    width: number('width'),
    height: number('height'),
    radius: number('rx'),
    strokeWidth: stroke === undefined ? 0 : number('stroke-width'),
    color: colorOf(stroke ?? named.get('fill') ?? ''),
  };
}

function colorOf(written: string): Rectangle['color'] {
  const [, red, green, blue] = /^#(..)(..)(..)$/.exec(written) ?? [];
  if (red === undefined) throw new Error(`A colour of the icon is "${written}", not #rrggbb.`);
  return [parseInt(red, 16), parseInt(green, 16), parseInt(blue, 16)];
}

/** RGBA of the picture at `pixels` by `pixels`, edges smoothed over one pixel. */
export function rasterise({ size, rectangles }: Picture, pixels: number): Uint8Array {
  const scale = pixels / size;
  const rgba = new Uint8Array(4 * pixels * pixels);
  for (let row = 0; row < pixels; row++) {
    for (let column = 0; column < pixels; column++) {
      const [x, y] = [(column + 0.5) / scale, (row + 0.5) / scale];
      let [red, green, blue, alpha] = [0, 0, 0, 0];
      for (const rectangle of rectangles) {
        const cover = coverage(rectangle, x, y, scale);
        if (cover === 0) continue;
        const total = cover + alpha * (1 - cover);
        const mix = (above: number, below: number): number =>
          (above * cover + below * alpha * (1 - cover)) / total;
        [red, green, blue] = [
          mix(rectangle.color[0], red),
          mix(rectangle.color[1], green),
          mix(rectangle.color[2], blue),
        ];
        alpha = total;
      }
      rgba.set([red, green, blue, 255 * alpha].map(Math.round), 4 * (row * pixels + column));
    }
  }
  return rgba;
}

/** How much of the pixel around a point the rectangle covers, by the distance of the point from its edge. */
function coverage(of: Rectangle, x: number, y: number, scale: number): number {
  const outside = (at: number, from: number, length: number): number =>
    Math.abs(at - from - length / 2) - length / 2 + of.radius;
  const [dx, dy] = [outside(x, of.x, of.width), outside(y, of.y, of.height)];
  const distance = Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - of.radius;
  const fromStroke = of.strokeWidth === 0 ? distance : Math.abs(distance) - of.strokeWidth / 2;
  return Math.min(1, Math.max(0, 0.5 - fromStroke * scale));
}
