import type { IncomingMessage } from 'node:http';
import { RelayError } from '../errors.js';
import type { RelayRequest } from '../request.js';

/** Set by a proxy that ends TLS. */
const X_FORWARDED_PROTO = 'X-Forwarded-Proto';

/** True if the connection of the request is encrypted. */
export function isEncrypted({ socket }: Partial<IncomingMessage>): boolean {
  return socket !== undefined && socket !== null && 'encrypted' in socket && socket.encrypted === true;
}

/**
 * True if the first proxy, the one nearest to the client, received the request over TLS. Only for a trusted proxy: the
 * field is the client's own otherwise.
 */
export function isForwardedHttps(header: (name: string) => string | undefined): boolean {
  return header(X_FORWARDED_PROTO)?.split(',')[0]?.trim().toLowerCase() === 'https';
}

/** Headers by which other proxies name the protocol. The relay does not read them. */
const OTHER_HEADERS = [
  'Forwarded',
  'X-Forwarded-Ssl',
  'X-Forwarded-Scheme',
  'X-Forwarded-Protocol',
  'X-Url-Scheme',
  'X-Scheme',
  'X-Original-Proto',
  'Front-End-Https',
  'CloudFront-Forwarded-Proto',
  'CF-Visitor',
  'X-ARR-SSL',
  'X-AppEngine-Https',
] as const;

const TLS_HINT = 'Behind a proxy that ends TLS and sets X-Forwarded-Proto, set the option trustProxy (--trust-proxy).';

/** Whether the relay demands TLS, and whether it trusts X-Forwarded-Proto. */
interface TlsPolicy {
  readonly tlsRequired: boolean;
  readonly trustProxy: boolean;
}

/** Throws `tls_required` for a plain HTTP request where TLS is required. */
export function assertSecure(request: RelayRequest, { tlsRequired, trustProxy }: TlsPolicy): void {
  if (!tlsRequired || request.isSecure()) return;
  const detail = trustProxy ? describeForwarding((name) => request.header(name)) : TLS_HINT;
  throw new RelayError('tls_required', { detail });
}

/**
 * For the detail of a 403 behind a trusted proxy: the headers that came, and the header that the proxy must send. It
 * repeats no value of the request but `http` and `https`.
 */
export function describeForwarding(header: (name: string) => string | undefined): string {
  const forwarded = header(X_FORWARDED_PROTO);
  if (forwarded !== undefined) return describeForwardedProto(forwarded);
  const other = OTHER_HEADERS.find((name) => header(name) !== undefined);
  const came = other === undefined ? 'no X-Forwarded-Proto came' : `${other} came, and no X-Forwarded-Proto`;
  return `trustProxy is on, but ${came}. ${REMEDY}`;
}

function describeForwardedProto(value: string): string {
  const [first = '', ...others] = value.split(',').map((part) => part.trim().toLowerCase());
  const list = others.length === 0 ? '' : ' first in a list';
  const came = first === 'http' ? 'http' : 'another value than https';
  const inner = others.includes('https')
    ? 'The relay reads the first value, of the proxy nearest to the client. '
    : 'An inner proxy may have replaced the value of the proxy that ends TLS. ';
  return `trustProxy is on, but X-Forwarded-Proto came as ${came}${list}. ${inner}${REMEDY}`;
}

const REMEDY =
  'The proxy that ends TLS must set X-Forwarded-Proto: https, and every proxy behind it must pass the header on.';
