import { DEVICE_CLAIM, REQUEST_ID } from '../../protocol/header-names.js';
import { headerMissing, RelayError } from '../errors.js';
import type { HeaderSource } from '../request.js';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,128}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * The Mailbox-Request-ID of the request, byte for byte; `undefined` if absent, `null` if the header is repeated or is
 * not 1 to 128 visible ASCII characters (docs/protocol.md §3).
 */
export function parseRequestId(source: HeaderSource): string | null | undefined {
  const value = source.header(REQUEST_ID);
  if (value === undefined) return undefined;
  return VISIBLE_ASCII.test(value) && !source.repeated(REQUEST_ID) ? value : null;
}

/**
 * The Device Claim of the request in lower case: a UUID of any version except nil (TIGRESS §5.2). Throws
 * `claim_missing` (400) if the header is absent, `claim_invalid` (401) if it is malformed or repeated.
 */
export function parseDeviceClaim(source: HeaderSource): string {
  const value = source.header(DEVICE_CLAIM);
  if (value === undefined)
    throw headerMissing('claim_missing', DEVICE_CLAIM, (name) => source.header(name) !== undefined);
  const claim = value.toLowerCase();
  if (!UUID.test(claim) || claim === NIL_UUID || source.repeated(DEVICE_CLAIM)) throw new RelayError('claim_invalid');
  return claim;
}
