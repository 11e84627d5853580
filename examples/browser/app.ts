import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRelay, type Relay } from 'credential-relay';
import { ExchangeLog } from './exchange-log.js';
import { createRecorder } from './recorder.js';

export interface App {
  readonly relay: Relay;
  fetch(request: Request, env?: unknown): Promise<Response>;
  /** Ends the streams of the panes. */
  close(): void;
}

/** The script of the page shows the part for the path. */
const PAGES = ['/', '/sender', '/receiver', '/third', '/watch'];
const FILES: Readonly<Record<string, string>> = {
  '/main.js': 'text/javascript',
  '/style.css': 'text/css',
  '/icon.svg': 'image/svg+xml',
};

const HEADERS = {
  'Content-Security-Policy': [
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
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

/** The relay behind a recorder, and the pages in `folder`. Browsers reach the server at `origin`. */
export function createApp(origin: string, folder: string): App {
  const relay = createRelay({ publicUrl: `${origin}/relay` });
  const log = new ExchangeLog();
  const record = createRecorder(relay.fetch, log);

  return {
    relay,
    close: () => log.close(),
    async fetch(request, env) {
      const { pathname, host } = new URL(request.url);
      // The pages need the origin of the links. This also stops DNS rebinding.
      if (host !== new URL(origin).host) return Response.redirect(origin + pathname, 302);
      if (pathname.startsWith('/relay/')) return record(request, env);
      if (pathname.startsWith('/demo/')) return control(log, request.method, pathname);
      return sendFile(folder, request.method, pathname.replace(/(.)\/$/, '$1'));
    },
  };
}

/** PUT and DELETE from another site need CORS headers, which this server never sends. */
function control(log: ExchangeLog, method: string, path: string): Response {
  const call = `${method} ${path}`;
  if (call === 'GET /demo/events') return log.stream();
  if (call === 'DELETE /demo/exchanges') log.clear();
  else if (call === 'PUT /demo/tampering') log.tampering = true;
  else if (call === 'DELETE /demo/tampering') log.tampering = false;
  else return new Response(null, { status: 404 });
  return new Response(null, { status: 204 });
}

async function sendFile(folder: string, method: string, path: string): Promise<Response> {
  const isPage = PAGES.includes(path);
  const type = isPage ? 'text/html' : FILES[path];
  if (type === undefined) return new Response('Not found.', { status: 404, headers: HEADERS });
  if (method !== 'GET' && method !== 'HEAD') {
    return new Response(null, { status: 405, headers: { ...HEADERS, Allow: 'GET, HEAD' } });
  }
  const file = await readFile(join(folder, isPage ? 'index.html' : path));
  const headers = { ...HEADERS, 'Content-Type': `${type}; charset=utf-8`, 'Content-Length': String(file.length) };
  return new Response(method === 'HEAD' ? null : file, { headers });
}
