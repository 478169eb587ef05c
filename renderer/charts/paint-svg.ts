const scale = 2;

/**
 * A drawing on the page as a canvas, at twice its size. The page's policy has no place for an image made of the
 * drawing's source, so the shapes that charts consist of are painted one by one.
 */
export function paintSvg(svg: SVGSVGElement, background: string): HTMLCanvasElement {
  const { width, height } = svg.getBoundingClientRect();
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const ctx = canvas.getContext('2d');
  if (ctx === null) throw new Error('There is no canvas to paint on.');
  ctx.fillStyle = background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  for (const element of svg.querySelectorAll<SVGGraphicsElement>('path, rect, line, circle, text')) {
    if (element.closest('defs') === null) paintElement(ctx, element);
  }
  return canvas;
}

function paintElement(ctx: CanvasRenderingContext2D, element: SVGGraphicsElement): void {
  const style = getComputedStyle(element);
  const at = element.getCTM();
  if (at === null || style.visibility === 'hidden' || style.display === 'none') return;
  ctx.setTransform(at.a * scale, at.b * scale, at.c * scale, at.d * scale, at.e * scale, at.f * scale);
  ctx.globalAlpha = Number(style.opacity);
  if (element instanceof SVGTextElement) {
    paintText(ctx, element, style);
    return;
  }
  const path = pathOf(element);
  if (style.fill !== 'none') {
    ctx.fillStyle = style.fill;
    ctx.fill(path);
  }
  if (style.stroke !== 'none') {
    ctx.strokeStyle = style.stroke;
    ctx.lineWidth = parseFloat(style.strokeWidth);
    ctx.stroke(path);
  }
}

function pathOf(element: SVGGraphicsElement): Path2D {
  const number = (name: string): number => Number(element.getAttribute(name) ?? 0);
  const path = new Path2D(element.getAttribute('d') ?? '');
  if (element instanceof SVGRectElement)
    path.rect(number('x'), number('y'), number('width'), number('height'));
  if (element instanceof SVGCircleElement) path.arc(number('cx'), number('cy'), number('r'), 0, 2 * Math.PI);
  if (element instanceof SVGLineElement) {
    path.moveTo(number('x1'), number('y1'));
    path.lineTo(number('x2'), number('y2'));
  }
  return path;
}

/** Where the browser laid the text out, tspans and baselines included. */
function paintText(ctx: CanvasRenderingContext2D, element: SVGTextElement, style: CSSStyleDeclaration): void {
  const text = element.textContent;
  if (element.getNumberOfChars() === 0) return;
  const start = element.getStartPositionOfChar(0);
  ctx.fillStyle = style.fill;
  ctx.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  ctx.fillText(text, start.x, start.y);
}
