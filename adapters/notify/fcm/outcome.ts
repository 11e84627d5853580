import type { PushOutcome } from '../../../src/relay/notify/contract.js';
import { type ProviderResponse, parseJsonObject } from '../shared/http-call.js';
import { createStatusRetry, isTransient, parseRetryAfterMs, toSafeCode, toStatusCode } from '../shared/outcome.js';

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';

/** The members of an error body that decide the outcome. */
interface FcmError {
  /** `errorCode` of the FcmError in the details, such as UNREGISTERED. */
  readonly errorCode: unknown;
  /** The canonical status, such as NOT_FOUND. */
  readonly status: unknown;
  /** The fields that a BadRequest in the details names. `undefined` without a BadRequest. */
  readonly fields: readonly unknown[] | undefined;
}

/**
 * The outcome of a response of FCM, at the Unix time `now` in ms. UNREGISTERED, and an INVALID_ARGUMENT about the
 * token, are `gone`. SENDER_ID_MISMATCH (a token of another Firebase project) is `rejected`: the relay's account may be
 * the wrong one, and `gone` would then delete every token. A 404 without UNREGISTERED means that the project does not
 * exist.
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
  const isGone = (status === 404 && error.errorCode === 'UNREGISTERED') || (status === 400 && isTokenInvalid(error));
  return { outcome: isGone ? 'gone' : 'rejected', code };
}

/**
 * The details separate an invalid token from an invalid message: a BadRequest names the wrong fields, and an FcmError
 * alone concerns the token (FCM's documentation of error codes, and observed responses). A too long message has
 * neither.
 */
function isTokenInvalid({ errorCode, fields }: FcmError): boolean {
  if (fields !== undefined) return fields.includes('message.token');
  return errorCode === 'INVALID_ARGUMENT';
}

/**
 * True for a 401 that concerns the device's token, not the access token: the project has no credentials for APNs or for
 * Web Push.
 */
export function isThirdPartyError({ body }: ProviderResponse): boolean {
  return parseError(body).errorCode === 'THIRD_PARTY_AUTH_ERROR';
}

function parseError(body: string): FcmError {
  const error = Object(parseJsonObject(body).error);
  const details: unknown[] = Array.isArray(error.details) ? error.details.map(Object) : [];
  const findDetail = (type: string): Record<string, unknown> | undefined =>
    details.find((detail): detail is Record<string, unknown> => Reflect.get(Object(detail), '@type') === type);
  const violations = findDetail(BAD_REQUEST)?.fieldViolations;
  return {
    errorCode: findDetail(FCM_ERROR)?.errorCode,
    status: error.status,
    fields: Array.isArray(violations) ? violations.map((violation) => Object(violation).field) : undefined,
  };
}
