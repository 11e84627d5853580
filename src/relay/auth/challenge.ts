import { DEVICE_ATTESTATION, DEVICE_CLAIM } from '../../protocol/header-names.js';
import type { RelayErrorCode } from '../errors.js';

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
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const isRealm = ([name]: [string, string]): boolean => name.toLowerCase() === 'realm';
  const [, realm = REALM] = given.find(isRealm) ?? [];
  const written = [['realm', realm] as [string, string], ...given.filter((pair) => !isRealm(pair))].map(
    ([name, value]) => `${assertToken(name)}="${toQuotable(value)}"`,
  );
  return ['WWW-Authenticate', `${assertToken(scheme)} ${written.join(', ')}`];
}

/** The scheme of a challenge, in lower case. */
export function parseScheme(value: string): string {
  return (/^[^\s,]*/.exec(value)?.[0] ?? '').toLowerCase();
}

function assertToken(text: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) throw new TypeError('challenge: not a token (RFC 9110 §5.6.2)');
  return text;
}

function toQuotable(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
}

/** The schemes of 401s that are not about the Device Claim, where a hook gives no challenge of its own. */
const SCHEMES: Partial<Record<RelayErrorCode, string>> = {
  token_required: 'Bearer',
  token_invalid: 'Bearer',
  attestation_required: DEVICE_ATTESTATION,
  attestation_invalid: DEVICE_ATTESTATION,
};

/** The challenge of a 401 that brings none. */
export function getDefaultChallenge(code: RelayErrorCode): [name: string, value: string] {
  return challenge(SCHEMES[code] ?? DEVICE_CLAIM);
}
