import { DEVICE_ATTESTATION, DEVICE_CLAIM } from '../../protocol/header-names.js';
import type { RelayErrorCode } from '../errors.js';

/** Parameters of a challenge, such as `error`, `scope` or `resource_metadata`. Undefined parameters are omitted. */
export type ChallengeParameters = Readonly<Record<string, string | undefined>>;

/** The realm of every challenge of the relay. */
export const REALM = 'mailbox';

/**
 * Creates a `WWW-Authenticate` header with one challenge. The realm comes first; its default is `mailbox`. Characters
 * that a quoted string or RFC 6750 §3 does not allow are replaced.
 *
 * @param scheme - the authentication scheme, such as `Bearer`
 * @returns a header for `RelayErrorDetails.headers`
 * @throws TypeError if the scheme or the name of a parameter is not a token (RFC 9110 §5.6.2)
 * @see RFC 9110 §11.6.1
 *
 * @example
 * throw new RelayError('token_invalid', { headers: [challenge('Bearer', { error: 'invalid_token' })] });
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

/** Schemes of the default challenges. All other codes use Mailbox-Device-Claim. */
const SCHEMES: Partial<Record<RelayErrorCode, string>> = {
  token_required: 'Bearer',
  token_invalid: 'Bearer',
  attestation_required: DEVICE_ATTESTATION,
  attestation_invalid: DEVICE_ATTESTATION,
};

/** The challenge of a 401 error without a challenge of its own. */
export function getDefaultChallenge(code: RelayErrorCode): [name: string, value: string] {
  return challenge(SCHEMES[code] ?? DEVICE_CLAIM);
}
