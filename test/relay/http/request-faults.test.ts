import { randomUUID } from 'node:crypto';
import { deviceAttestation } from 'credential-relay';
import { afterAll, describe, expect, it } from 'vitest';
import { createBody, PUBLIC_URL, send, testRelay } from '../../support/relay/relay.js';

/* The refusals of common mistakes name the mistake. No refusal repeats a value. */

const relay = testRelay({ authenticate: { update: deviceAttestation({ verify: () => ({}) }) } });
afterAll(() => relay.close());

const URL_OF_COLLECTION = `${PUBLIC_URL}/v1/m`;
const headers = (): Record<string, string> => ({
  'Mailbox-Device-Claim': randomUUID(),
  'Mailbox-Request-ID': randomUUID(),
});

async function refusalOf(changes: Record<string, unknown>): Promise<{ field: unknown; detail: unknown }> {
  const { status, json } = await send(relay, 'POST', URL_OF_COLLECTION, headers(), createBody(changes));
  expect([status, json.code]).toEqual([400, 'body_invalid']);
  return json;
}

describe('[§4] the 400 for an invalid payload', () => {
  it.each([
    ['AAAA\r\nBBBB', /without line breaks.*MIME/],
    ['AAAA\nBBBB\n', /without line breaks.*MIME/],
    ['AAAA BBBB', /without white space/],
    ['AAAA\tBBBB', /without white space/],
    ['data:text/plain;base64,AAAA', /data URL/],
    ['AA+/AA-_', /one alphabet/],
    ['AAAAA', /whole base64/],
    ['AAA==', /whole base64/],
    ['', /not empty/],
    ['AA*A', /must be base64/],
  ])('names the fault of %j', async (data, detail) => {
    const refusal = await refusalOf({ payload: { type: 'AEAD_AES_128_GCM', data } });
    expect(refusal).toMatchObject({ field: 'payload.data', detail: expect.stringMatching(detail) });
  });
});

describe('[§4] the 400 for an invalid expiration', () => {
  it.each<[expiration: unknown, detail: RegExp]>([
    [new Date(4e12).toISOString(), /without the fraction of a second/],
    ['2026-01-02T03:04:05+00:00', /in UTC, with Z in place of the offset/],
    ['2026-01-02T03:04:05.123+0200', /fraction/],
    ['2026-01-02T03:04:05z', /capital Z/],
    ['2026-01-02t03:04:05Z', /capital T/],
    ['2026-01-02 03:04:05Z', /capital T/],
    ['2026-01-02T03:04Z', /with the seconds/],
    ['2026-01-02T03:04:05', /Z for UTC is missing/],
    ['2026-02-30T03:04:05Z', /no such day/],
    ['1767322800', /not a number of seconds/],
    [1767322800, /as a string/],
    [null, /omit mailboxConfiguration/],
    ['tomorrow', /form YYYY-MM-DDThh:mm:ssZ/],
  ])('names the fault of %j', async (expiration, detail) => {
    const refusal = await refusalOf({ mailboxConfiguration: { expiration } });
    expect(refusal).toMatchObject({
      field: 'mailboxConfiguration.expiration',
      detail: expect.stringMatching(detail),
    });
    if (typeof expiration === 'string') expect(refusal.detail).not.toContain(expiration);
  });
});

describe('[§3] the refusal of a request without a header', () => {
  const { 'Mailbox-Device-Claim': claim = '', 'Mailbox-Request-ID': requestId = '' } = headers();
  const update = `${URL_OF_COLLECTION}/${randomUUID()}`;

  it.each<[code: string, method: string, url: string, sent: Record<string, string>, names: string[]]>([
    [
      'claim_missing',
      'POST',
      URL_OF_COLLECTION,
      { deviceClaim: claim, 'Mailbox-Request-ID': requestId },
      ['deviceClaim', 'Mailbox-Device-Claim'],
    ],
    [
      'request_id_missing',
      'POST',
      URL_OF_COLLECTION,
      { 'Mailbox-Device-Claim': claim, 'x-correlation-id': requestId },
      ['X-Correlation-ID', 'Mailbox-Request-ID'],
    ],
    [
      'request_id_missing',
      'DELETE',
      update,
      { 'Mailbox-Device-Claim': claim, 'Mailbox-Correlation-Id': requestId },
      ['Mailbox-Correlation-ID', 'Mailbox-Request-ID'],
    ],
    [
      'attestation_required',
      'PUT',
      update,
      { 'Mailbox-Device-Claim': claim, 'Mailbox-Request-ID': requestId, deviceAttestation: 'secret' },
      ['deviceAttestation', 'Mailbox-Device-Attestation'],
    ],
  ])('%s names the header of an earlier draft: %s', async (code, method, url, sent, [earlier, name]) => {
    const body = method === 'DELETE' ? undefined : createBody();
    const { json, text } = await send(relay, method, url, sent, body);
    expect(json).toMatchObject({ code, detail: expect.stringContaining(`${earlier}, a name of earlier drafts`) });
    expect(json.detail).toContain(`Send ${name}`);
    for (const value of [claim, 'secret']) expect(text).not.toContain(value);
  });

  it('has no detail without an earlier header', async () => {
    const { json } = await send(relay, 'POST', URL_OF_COLLECTION, { 'X-Request-ID': requestId }, createBody());
    expect(json).toMatchObject({ code: 'request_id_missing' });
    expect(json).not.toHaveProperty('detail');
  });
});
