import { BlockList, isIP } from 'node:net';
import { hasUnsetPart } from '../../src/relay/unset-part.js';

/** A proxy of an environment variable or an option, and the hosts that need none. */
export interface ProxyRule {
  readonly url: URL;
  /** True if a target goes through the proxy. */
  covers(target: URL): boolean;
}

/** Returns the URL of a proxy; `undefined` if the text is none. As curl does, a host alone means http. */
export function parseProxyUrl(text: string): URL | undefined {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  // A URL parser takes a quotation mark, or a variable that is not set, for a part of the host.
  return /^[\w.-]+$|^\[/.test(url.hostname) && !hasUnsetPart(url.host) ? url : undefined;
}

/**
 * Reads the proxy for https targets from `HTTPS_PROXY` and `NO_PROXY`, or their lower-case names, which curl prefers.
 * Returns `undefined` without such a proxy. Throws a TypeError, without the value, if the proxy is no http or https URL.
 */
export function readEnvironmentProxy(
  user: string,
  environment: NodeJS.ProcessEnv = process.env,
): ProxyRule | undefined {
  const text = environment.https_proxy || environment.HTTPS_PROXY;
  if (text === undefined || text === '') return undefined;
  const url = parseProxyUrl(text);
  if (url === undefined) {
    const name = environment.https_proxy ? 'https_proxy' : 'HTTPS_PROXY';
    throw new TypeError(
      `${user}.proxy: the environment variable ${name} must be an http or https URL; proxy: false ignores the variable`,
    );
  }
  const isExcluded = parseNoProxy(environment.no_proxy || environment.NO_PROXY || '');
  return { url, covers: (target) => !isExcluded(target) };
}

/**
 * Parses `NO_PROXY`: `*`, or host names, which include their subdomains, with or without a dot or `*.` in front; IP
 * addresses and networks such as 10.0.0.0/8. An entry may end with a port.
 */
export function parseNoProxy(text: string): (target: URL) => boolean {
  const entries = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry);
  return ({ hostname, port, protocol }) => {
    const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    const targetPort = port === '' ? (protocol === 'http:' ? '80' : '443') : port;
    return entries.some((entry) => (entry.port === undefined || entry.port === targetPort) && entry.matches(host));
  };
}

function parseEntry(entry: string): { readonly port: string | undefined; matches(host: string): boolean } {
  if (entry === '*') return { port: undefined, matches: () => true };
  const [, bracketed, named, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [undefined, entry];
  const name = (bracketed ?? named ?? '').toLowerCase();
  const network = parseNetwork(name);
  if (network !== undefined) return { port, matches: (host) => isIP(host) !== 0 && network.check(host, family(host)) };
  const domain = name.replace(/^(\*?\.)|\.$/g, '');
  return { port, matches: (host) => host === domain || host.endsWith(`.${domain}`) };
}

function parseNetwork(text: string): BlockList | undefined {
  const [address = '', prefix] = text.split('/');
  if (isIP(address) === 0) return undefined;
  const list = new BlockList();
  const bits = prefix === undefined ? (isIP(address) === 4 ? 32 : 128) : Number(prefix);
  if (!Number.isInteger(bits) || bits < 0 || bits > (isIP(address) === 4 ? 32 : 128)) return undefined;
  list.addSubnet(address, bits, family(address));
  return list;
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
