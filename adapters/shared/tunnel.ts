import { request as plainRequest } from 'node:http';
import { request } from 'node:https';
import type { Socket } from 'node:net';

/** The proxy did not open a tunnel. The code is `proxy_` and the status, or the error code of the connection. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  constructor(
    readonly code: string,
    cause?: unknown,
  ) {
    super('The proxy did not connect.', { cause });
  }
}

/**
 * Opens a tunnel to a host through an http or https proxy (CONNECT, RFC 9110 §9.3.6). The proxy resolves the name.
 * Rejects with a {@link ProxyError}, after `timeoutMs` at the latest.
 *
 * @param authority - `host:port`; an IPv6 address is in brackets.
 */
export function openTunnel(proxy: URL, authority: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const connecting = (proxy.protocol === 'https:' ? request : plainRequest)({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...getAuthorization(proxy) },
      agent: false,
    });
    const timer = setTimeout(() => connecting.destroy(new ProxyError('proxy_timeout')), timeoutMs);
    connecting.on('error', (error) => {
      clearTimeout(timer);
      reject(error instanceof ProxyError ? error : new ProxyError(`proxy_${getCode(error)}`, error));
    });
    connecting.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      clearTimeout(timer);
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        reject(new ProxyError(`proxy_http_${statusCode}`));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    connecting.end();
  });
}

function getAuthorization({ username, password }: URL): { 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {};
  const credentials = `${decode(username)}:${decode(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** Takes a text with a bare `%` as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function getCode(error: unknown): string {
  const { code } = Object(error) as { readonly code?: unknown };
  return typeof code === 'string' && /^\w{1,40}$/.test(code) ? code : 'failed';
}
