import type { IncomingMessage } from 'node:http';

/** Set by a proxy that ends TLS. */
const X_FORWARDED_PROTO = 'X-Forwarded-Proto';

/** True if the connection of the request is encrypted. */
export function isEncrypted({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

/**
 * True if the first proxy, the one nearest to the client, received the request over TLS. Only for a trusted proxy: the
 * field is the client's own otherwise.
 */
export function isForwardedHttps(header: (name: string) => string | undefined): boolean {
  return header(X_FORWARDED_PROTO)?.split(',')[0]?.trim().toLowerCase() === 'https';
}
