import type { PushOutcome } from '../../../src/relay/notify/contract.js';
import type { ProviderResponse } from '../shared/http-call.js';
import { parseJsonObject } from '../shared/json.js';
import { createStatusRetry, isTransient, parseRetryAfterMs, toSafeCode, toStatusCode } from '../shared/outcome.js';

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';

/** What an error body of FCM says, as far as it decides something. */
interface FcmError {
  /** `errorCode` of an FcmError among the details, such as UNREGISTERED. */
  readonly errorCode: unknown;
  /** The canonical status, such as NOT_FOUND. */
  readonly status: unknown;
  /** The fields that a BadRequest among the details names; undefined if there is none. */
  readonly fields: readonly unknown[] | undefined;
}

/**
 * The outcome of an answer of FCM, `now` in Unix ms. UNREGISTERED, and an INVALID_ARGUMENT that concerns the token, are
 * `gone`. SENDER_ID_MISMATCH (a token of another Firebase project) is `rejected`: it may as well be the account
 * that is the wrong one, and then every token would be lost. A 404 without UNREGISTERED is a project that is not there.
 */
export function toFcmOutcome(
  { status, retryAfter, body }: ProviderResponse,
  tokenData: string,
  now: number,
): PushOutcome {
  if (status === 200) return { outcome: 'sent' };
  const error = parseError(body);
  const code = toSafeCode(error.errorCode, tokenData) ?? toSafeCode(error.status, tokenData) ?? toStatusCode(status);
  if (isTransient(status)) return createStatusRetry(status, code, parseRetryAfterMs(retryAfter, now));
  const gone = (status === 404 && error.errorCode === 'UNREGISTERED') || (status === 400 && isTokenInvalid(error));
  return { outcome: gone ? 'gone' : 'rejected', code };
}

/**
 * FCM tells a bad token from a bad message by the details: a BadRequest names the fields at fault, and an FcmError alone
 * is about the token (its documentation of error codes, and observed answers). A message that is too long has neither.
 */
function isTokenInvalid({ errorCode, fields }: FcmError): boolean {
  if (fields !== undefined) return fields.includes('message.token');
  return errorCode === 'INVALID_ARGUMENT';
}

/**
 * True for a 401 that a token brings about, and not the access token: of a device of Apple, or a browser, for which the
 * project has no credentials.
 */
export function isThirdPartyError({ body }: ProviderResponse): boolean {
  return parseError(body).errorCode === 'THIRD_PARTY_AUTH_ERROR';
}

function parseError(body: string): FcmError {
  const error = Object(parseJsonObject(body).error);
  const details: unknown[] = Array.isArray(error.details) ? error.details.map(Object) : [];
  const ofType = (type: string): Record<string, unknown> | undefined =>
    details.find((detail): detail is Record<string, unknown> => Reflect.get(Object(detail), '@type') === type);
  const violations = ofType(BAD_REQUEST)?.fieldViolations;
  return {
    errorCode: ofType(FCM_ERROR)?.errorCode,
    status: error.status,
    fields: Array.isArray(violations) ? violations.map((violation) => Object(violation).field) : undefined,
  };
}
