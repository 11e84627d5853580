import { z } from 'zod';
import { DEVICE_ATTESTATION } from '../../protocol/header-names.js';
import { headerMissing, RelayError } from '../errors.js';
import { parseOptions } from '../parse-options.js';
import {
  type AuthenticationHook,
  type AuthenticationInput,
  isPrincipal,
  markFactory,
  type Principal,
} from './contract.js';
/** The subject of an attestation: an app, never a device. */
export type AttestedApp = Pick<Principal, 'app' | 'scopes'>;

const schema = z.strictObject(
  {
    verify: z.custom<DeviceAttestationOptions['verify']>(
      (value) => typeof value === 'function',
      'is required and must be a function',
    ),
  },
  'must be an object with the function verify: deviceAttestation({ verify })',
);

/** Options of {@link deviceAttestation}. */
export interface DeviceAttestationOptions {
  /**
   * Verifies the value of Mailbox-Device-Attestation, in the format of the device maker. It must not store, log or
   * compare data that identifies a device. Another return value, such as `{ verified: false }`, and an error that is
   * not a RelayError are failures: the request gets 503, and the event `hook.failed` is emitted.
   *
   * @returns a plain object with the app and its scopes (`{}` for any app), or `null` for an invalid attestation
   */
  readonly verify: (
    attestation: string,
    input: AuthenticationInput,
  ) => AttestedApp | null | Promise<AttestedApp | null>;
}

/**
 * Creates a hook for the attestation formats of device makers. The hook throws `attestation_required` if the header is
 * absent, and `attestation_invalid` if `verify` returns `null`.
 *
 * @throws TypeError if `verify` is not a function, or for an unknown option
 * @see SCT and TIGRESS §5.3
 *
 * @example
 * const hook = deviceAttestation({ verify: async (attestation) => ((await verifier.check(attestation)) ? {} : null) });
 */
export function deviceAttestation(options: DeviceAttestationOptions): AuthenticationHook {
  const { verify } = parseOptions('deviceAttestation', schema, options);
  return async (input) => {
    const attestation = input.attestation();
    if (attestation === undefined || attestation === '') {
      const isPresent = (name: string): boolean => input.header(name) !== undefined;
      throw headerMissing('attestation_required', DEVICE_ATTESTATION, isPresent);
    }
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
 * True for a plain object with documented members only. The relay does not guess the meaning of other results, such as
 * `{ verified: false }`, an Error or a Response.
 */
function isAttestedApp(value: unknown): value is AttestedApp {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  if (!Reflect.ownKeys(value).every((member) => MEMBERS.includes(member))) return false;
  return (value as AttestedApp).app !== '' && isPrincipal({ ...value, via: [] });
}

markFactory('deviceAttestation', deviceAttestation);
