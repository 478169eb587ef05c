import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { protocol } from 'electron';

const scheme = 'app';
const pageOrigin = `${scheme}://studio`;

/** The one page of the window. */
export const pageUrl = `${pageOrigin}/index.html`;

/** Where index.html wants this load's nonce. */
const noncePlaceholder = '__CSP_NONCE__';

/** Types of what a build of the page is made of; anything else is not served. */
const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** To be called before Electron is ready. */
export function registerPageScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true } }]);
}

/** Serves the files below `folder`, and nothing else, to the page. */
export function servePage(folder: string): void {
  protocol.handle(scheme, async ({ url, method }) => {
    const path = method === 'GET' ? pathBelow(folder, url) : undefined;
    const content = path === undefined ? undefined : await readFile(path).catch(() => undefined);
    if (path === undefined || content === undefined) return new Response('Not found', { status: 404 });
    return responseOf(path, content);
  });
}

/** @returns undefined for an address that names nothing below the folder. */
function pathBelow(folder: string, url: string): string | undefined {
  // Node's URL knows no origin of a scheme of its own.
  const { protocol: schemeWithColon, host, pathname } = new URL(url);
  if (`${schemeWithColon}//${host}` !== pageOrigin) return undefined;
  const path = join(folder, decoded(pathname));
  return path.startsWith(folder + sep) && Object.hasOwn(contentTypes, extname(path)) ? path : undefined;
}

/** Empty where the escapes are broken. */
function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return '';
  }
}

function responseOf(path: string, content: Buffer): Response {
  const nonce = randomBytes(16).toString('base64');
  const isPage = extname(path) === '.html';
  const body = isPage
    ? content.toString('utf8').replaceAll(noncePlaceholder, nonce)
    : new Uint8Array(content);
  return new Response(body, {
    headers: {
      'Content-Type': contentTypes[extname(path)],
      'Content-Security-Policy': contentSecurityPolicy(nonce),
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
    },
  });
}

/** The page's own files, its styles with this load's nonce (antd writes style elements), drawings as data: images. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
