/** The parts of an absolute URL. */
export interface UrlParts {
  /** Scheme, host and port in lower case, without the default port. */
  readonly origin: string;
  readonly pathname: string;
  /** The query with its `?`; empty without one. */
  readonly search: string;
  /** The fragment with its `#`; empty without one. */
  readonly hash: string;
}

const ABSOLUTE_URL = /^(https?):\/\/([\w.-]+|\[[\da-f:]+\])(?::(\d*))?(\/[^?#\s]*)?(\?[^#\s]*)?(#.*)?$/i;

/**
 * The parts of an http or https URL; `undefined` for any other text. Hermes has no `URL`, and the `URL` of React Native
 * without a polyfill has members that throw.
 */
export function parseUrl(text: string): UrlParts | undefined {
  try {
    return hasUrl() ? readParts(text) : parseParts(text.trim());
  } catch {
    return undefined;
  }
}

function readParts(text: string): UrlParts {
  const { origin, pathname, search, hash } = new URL(text);
  return { origin, pathname, search, hash };
}

/** The same for host names of ASCII characters. `URL` also converts other host names and forms of IP addresses. */
function parseParts(text: string): UrlParts | undefined {
  const [, scheme = '', host = '', port = '', pathname = '/', search = '', hash = ''] = ABSOLUTE_URL.exec(text) ?? [];
  if (host === '') return undefined;
  const isDefault = port === '' || Number(port) === (/^https$/i.test(scheme) ? 443 : 80);
  const origin = `${scheme}://${host}`.toLowerCase() + (isDefault ? '' : `:${Number(port)}`);
  return { origin, pathname, search: search === '?' ? '' : search, hash: hash === '#' ? '' : hash };
}

function hasUrl(): boolean {
  try {
    const { origin, pathname, search, hash } = readParts('https://A.b:443/c?d#e');
    return origin + pathname + search + hash === 'https://a.b/c?d#e';
  } catch {
    return false;
  }
}
