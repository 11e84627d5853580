/** Requests that any relay accepts, created for each test, so that no test sees another test's mailbox. */
import { randomBytes, randomUUID } from 'node:crypto';

/** A JSON object of a request or an answer. */
export type Json = Record<string, unknown>;

/** The encrypted Provisioning Information as the relay sees it: opaque base64. */
export type Payload = { type: string; data: string };

/** A Device Claim no relay has seen. */
export const newClaim = (): string => randomUUID();

/** A Mailbox-Request-ID no relay has seen. */
export const newId = (): string => randomUUID();

/** A payload unlike any other; 60 bytes need no padding. */
export const newPayload = (): Payload => ({ type: 'AEAD_AES_128_GCM', data: randomBytes(60).toString('base64') });

/** A token of a type for which no relay can have a notifier. */
export const newToken = (): Json => ({ type: `conformance.${randomUUID()}`, tokenData: randomUUID() });

/** Display information as TIGRESS draws it. */
export const display = (over: Json = {}): Json => ({
  title: 'Hotel Pass',
  description: 'Some Hotel',
  imageURL: 'https://images.example/key.png',
  ...over,
});

/** A time in the form of the protocol, whole seconds from now; negative for the past. */
export const secondsFromNow = (seconds: number): string => {
  const whole = (Math.floor(Date.now() / 1000) + seconds) * 1000;
  return `${new Date(whole).toISOString().slice(0, 19)}Z`;
};

/** A configuration that asks for these rights, for an hour. */
export const configured = (accessRights: string): Json => ({ accessRights, expiration: secondsFromNow(3600) });

/** A body for CreateMailbox; a member given as undefined is left out of the JSON. */
export const createBody = (over: Json = {}): Json => ({
  payload: newPayload(),
  displayInformation: display(),
  ...over,
});
