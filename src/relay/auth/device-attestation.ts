import { RelayError } from '../errors.js';
import { type AuthenticationHook, type AuthenticationInput, isPrincipal, type Principal } from './contract.js';
/** Who an attestation speaks for: the app, never the device. */
export type AttestedApp = Pick<Principal, 'app' | 'scopes'>;

/** What {@link deviceAttestation} takes. */
export interface DeviceAttestationOptions {
  /**
   * Verifies the value of Mailbox-Device-Attestation, in whatever format the device maker uses. Returns a plain object
   * with the app it speaks for (`{}` if that does not matter) and its scopes, or `null` if it is not to be trusted.
   * Anything else that it returns, such as `{ verified: false }`, and anything it throws that is not a RelayError, means
   * that it could not be verified: 503, and the event `hook.failed`. Must not keep, log or compare what tells devices apart.
   */
  readonly verify: (
    attestation: string,
    input: AuthenticationInput,
  ) => AttestedApp | null | Promise<AttestedApp | null>;
}

/**
 * A hook for the attestation formats of device makers (SCT and TIGRESS §5.3). Without an attestation it throws
 * `attestation_required`, for one that `verify` refuses `attestation_invalid`. Throws a TypeError without `verify`.
 */
export function deviceAttestation({ verify }: DeviceAttestationOptions): AuthenticationHook {
  if (typeof verify !== 'function') throw new TypeError('deviceAttestation.verify: must be a function');
  return async (input) => {
    const attestation = input.attestation();
    if (attestation === undefined || attestation === '') throw new RelayError('attestation_required');
    const answer: unknown = await verify(attestation, input);
    if (answer === null) throw new RelayError('attestation_invalid');
    if (!isAttestedApp(answer)) {
      throw new TypeError('deviceAttestation.verify: must return { app?, scopes? } with nothing else in it, or null');
    }
    const { app, scopes } = answer;
    return { app, scopes, via: ['device-attestation'] };
  };
}

const MEMBERS: readonly unknown[] = ['app', 'scopes'] satisfies (keyof AttestedApp)[];

/**
 * True for a plain object of the members that are documented. An object of another class or with other members is the
 * answer of something else, such as `{ verified: false }`, an Error or a Response: what it means is not for the relay to guess.
 */
function isAttestedApp(value: unknown): value is AttestedApp {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  if (!Reflect.ownKeys(value).every((member) => MEMBERS.includes(member))) return false;
  return (value as AttestedApp).app !== '' && isPrincipal({ ...value, via: [] });
}
