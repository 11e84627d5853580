import { RelayError } from '../errors.js';
import type { AuthenticationHook, AuthenticationInput, Principal } from './contract.js';

/** Who an attestation speaks for: the app, never the device. */
export type AttestedApp = Pick<Principal, 'app' | 'scopes'>;

/** What {@link deviceAttestation} takes. */
export interface DeviceAttestationOptions {
  /**
   * Verifies the value of Mailbox-Device-Attestation, in whatever format the device maker uses. Returns the app it
   * speaks for (`{}` if that does not matter), or `null` if it is not to be trusted. Anything it throws that is not a
   * RelayError means that it could not be verified: 503. Must not keep, log or compare what tells devices apart.
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
    const app: unknown = await verify(attestation, input);
    if (app === null) throw new RelayError('attestation_invalid');
    // Whatever is no object is left for the relay to refuse: only `null` and an app are answers.
    if (typeof app !== 'object') throw new TypeError('deviceAttestation.verify: must return an app, or null');
    const { app: name, scopes } = app as AttestedApp;
    return { app: name, scopes, via: ['device-attestation'] };
  };
}
