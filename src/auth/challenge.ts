/** Parameters of a challenge, such as `error`, `scope`, `resource_metadata`; those that are undefined are left out. */
export type ChallengeParameters = Readonly<Record<string, string | undefined>>;

/** The realm of every challenge of the relay. */
export const REALM = 'mailbox';

/**
 * One challenge as a `WWW-Authenticate` field (RFC 9110 §11.6.1), every value a quoted string, the realm first:
 * `['WWW-Authenticate', 'Bearer realm="mailbox", error="invalid_token"']`. What a quoted string or RFC 6750 §3 does
 * not allow in a value is replaced. Throws a TypeError if scheme or a name is not a token.
 */
export function challenge(scheme: string, parameters: ChallengeParameters = {}): [name: string, value: string] {
  const written = Object.entries({ realm: REALM, ...parameters })
    .filter((pair): pair is [string, string] => pair[1] !== undefined)
    .map(([name, value]) => `${token(name)}="${quotable(value)}"`);
  return ['WWW-Authenticate', `${token(scheme)} ${written.join(', ')}`];
}

/** The scheme of a challenge, in lower case. */
export function schemeOf(value: string): string {
  return (/^[^\s,]*/.exec(value)?.[0] ?? '').toLowerCase();
}

function token(text: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) throw new TypeError('challenge: not a token (RFC 9110 §5.6.2)');
  return text;
}

function quotable(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
}
