import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Nothing from elsewhere, no inline script or style, and no string that becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The pages are one file; the script looks at the path and shows what belongs there. */
const PAGES = ['/', '/sender', '/receiver', '/third', '/watch'];

const FILES: Readonly<Record<string, string>> = {
  '/main.js': 'text/javascript',
  '/style.css': 'text/css',
  '/icon.svg': 'image/svg+xml',
};

/** On whatever comes from here. */
const HEADERS = {
  'Content-Security-Policy': POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

/** Serves the pages and their files from a folder. */
export function createSite(folder: string): (method: string, path: string) => Promise<Response> {
  return async (method, requested) => {
    const path = requested.replace(/(.)\/$/, '$1');
    const isPage = PAGES.includes(path);
    const type = isPage ? 'text/html' : FILES[path];
    if (type === undefined) return new Response('There is nothing here.', { status: 404, headers: HEADERS });
    if (method !== 'GET' && method !== 'HEAD') {
      return new Response(null, { status: 405, headers: { ...HEADERS, Allow: 'GET, HEAD' } });
    }
    const file = await readFile(join(folder, isPage ? 'index.html' : path));
    return new Response(method === 'HEAD' ? null : file, {
      headers: { ...HEADERS, 'Content-Type': `${type}; charset=utf-8`, 'Content-Length': String(file.length) },
    });
  };
}
