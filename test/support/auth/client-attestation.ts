import { expect } from 'vitest';
import {
  type AttestedRelay,
  type AttestedRelayOptions,
  attestedRelay,
  makeAttester,
  makeDevice,
} from '../attester/attester.js';
import type { Answer } from '../relay/relay.js';

/* Relays that require an attestation from one device, under a stopped clock. */

/** The start of the clock, in ms. */
export const NOW = Date.UTC(2030, 5, 15, 12, 0, 30);

/** The clock, which a test may change. {@link freshRelay} resets it. */
export const time = { now: NOW };
export const clock = (): number => time.now;

export const device = makeDevice(clock);
export const attester = makeAttester(clock);

/** A relay with `clientAttestation` on create, by default without challenges. */
export function freshRelay(
  options: Parameters<typeof attestedRelay>[0],
  parts: AttestedRelayOptions = {},
): AttestedRelay {
  time.now = NOW;
  return attestedRelay({ challenge: 'off', ...options }, { clock, ...parts });
}

/** A create with this attestation and a valid proof. */
export function attempt(site: AttestedRelay, attestation: string): Promise<Answer> {
  return site.create({ 'OAuth-Client-Attestation': attestation, 'OAuth-Client-Attestation-PoP': device.pop() });
}

/** Asserts that the relay refused the credential. */
export function expectRefusal(answer: Answer, error = 'invalid_client_attestation'): void {
  expect([answer.status, answer.json.code]).toEqual([401, 'attestation_invalid']);
  expect(answer.headers.get('WWW-Authenticate')).toBe(`OAuth-Client-Attestation realm="mailbox", error="${error}"`);
}

/** Asserts 503, without a detail of the credential. */
export function expectOutage(answer: Answer): void {
  expect([answer.status, answer.json.code]).toEqual([503, 'authentication_unavailable']);
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(answer.headers.get('WWW-Authenticate')).toBeNull();
}
