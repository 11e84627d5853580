import { createHash, randomUUID } from 'node:crypto';
import { type AuthenticationInput, createRelay } from 'credential-relay';
import { expect, test } from 'vitest';
import { createBody, device, PUBLIC_URL, send, testRelay } from '../../support/relay/relay.js';

const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('base64url');

/** A relay whose hooks record `payloadDigest` by operation, before the store is read and after. */
function recordingRelay(): { relay: ReturnType<typeof createRelay>; seen: Array<[string, string | undefined]> } {
  const seen: Array<[string, string | undefined]> = [];
  const record = (input: AuthenticationInput): void => {
    seen.push([input.operation, input.payloadDigest]);
  };
  const hook = (input: AuthenticationInput) => {
    record(input);
    return { via: ['test'] };
  };
  return {
    relay: testRelay({ accessRights: 'RWD', authenticate: { default: hook, preview: hook }, authorize: record }),
    seen,
  };
}

test('[§4] hooks get the digest of payload.data on create and update, and none on other operations', async () => {
  const { relay, seen } = recordingRelay();
  const sender = device(relay);
  // The hash covers the text as it came: alphabet and padding are not normalized.
  const [first, second] = ['-_-_AA==', '+/+/AA'];
  const { json } = await sender.create(createBody({ payload: { type: 'AEAD_AES_128_GCM', data: first } }));
  const url = String(json.urlLink);
  const headers = { 'Mailbox-Device-Claim': sender.claim, 'Mailbox-Request-ID': 'one' };
  await send(relay, 'PUT', url, headers, { payload: { type: 'AEAD_AES_128_GCM', data: second } });
  await send(relay, 'POST', url, headers);
  await send(relay, 'GET', url, {});
  await send(relay, 'PATCH', url, { ...headers, 'Mailbox-Device-Claim': randomUUID() });
  await send(relay, 'DELETE', url, headers);
  const byOperation = new Map(seen);
  expect(Object.fromEntries(byOperation)).toEqual({
    create: digest(first),
    update: digest(second),
    read: undefined,
    preview: undefined,
    relinquish: undefined,
    delete: undefined,
  });
  expect(seen.filter(([operation]) => operation === 'create')).toEqual([
    ['create', digest(first)],
    ['create', digest(first)],
  ]);
  expect(byOperation.get('create')).toMatch(/^[\w-]{43}$/);
});

test('[§2] hooks see one URL for each case of an identifier, and the claim as the device sent it', async () => {
  const seen: Array<[url: string, claim: string | undefined]> = [];
  const relay = createRelay({
    publicUrl: PUBLIC_URL,
    authenticate: {
      read(input) {
        seen.push([input.url, input.header('mailbox-device-claim')]);
        return { via: ['test'] };
      },
    },
  });
  const { json } = await device(relay).create(createBody());
  const url = String(json.urlLink);
  const claim = randomUUID().toUpperCase();
  const identifier = url.slice(-36);
  const answer = await send(relay, 'POST', url.replace(identifier, identifier.toUpperCase()), {
    'Mailbox-Device-Claim': claim,
  });
  expect(answer.status).toBe(200);
  expect(seen).toEqual([[url, claim]]);
});
