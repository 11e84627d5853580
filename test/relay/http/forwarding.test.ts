/** The detail of a 403 behind a trusted proxy names the header that came, and the header that the proxy must send. */
import { createRelay } from 'credential-relay';
import { describe, expect, test } from 'vitest';

const MUST_SET = 'The proxy that ends TLS must set X-Forwarded-Proto: https';

async function refuse(headers: Record<string, string>, trustProxy = true): Promise<string> {
  const relay = createRelay({ publicUrl: 'https://relay.example', trustProxy });
  const answer = await relay.fetch(new Request('http://relay.example/v1/m', { method: 'POST', headers }));
  const { code, detail } = (await answer.json()) as { code: string; detail: string };
  expect(code).toBe('tls_required');
  return detail;
}

describe('tls_required with trustProxy names', () => {
  test.each([
    ['no header', {}, 'no X-Forwarded-Proto came.'],
    ['http', { 'X-Forwarded-Proto': 'http' }, 'X-Forwarded-Proto came as http. An inner proxy'],
    ['a list', { 'X-Forwarded-Proto': 'http, https' }, 'came as http first in a list. The relay reads the first value'],
    ['http twice', { 'X-Forwarded-Proto': 'http,http' }, 'came as http first in a list. An inner proxy'],
    ['another value', { 'X-Forwarded-Proto': 'secret' }, 'came as another value than https.'],
    ['an empty value', { 'X-Forwarded-Proto': '' }, 'came as another value than https.'],
    ['Forwarded', { Forwarded: 'for=secret;proto=https' }, 'Forwarded came, and no X-Forwarded-Proto.'],
    ['X-Forwarded-Ssl', { 'X-Forwarded-Ssl': 'on' }, 'X-Forwarded-Ssl came, and no'],
    [
      'CloudFront-Forwarded-Proto',
      { 'CloudFront-Forwarded-Proto': 'https' },
      'CloudFront-Forwarded-Proto came, and no',
    ],
    ['Front-End-Https', { 'Front-End-Https': 'on' }, 'Front-End-Https came, and no'],
  ] as ReadonlyArray<[string, Record<string, string>, string]>)('%s', async (_name, headers, named) => {
    const detail = await refuse(headers);
    expect(detail).toContain(`trustProxy is on, but`);
    expect(detail).toContain(named);
    expect(detail).toContain(MUST_SET);
    expect(detail).not.toContain('secret');
  });
});

test('tls_required without trustProxy names the option', async () => {
  expect(await refuse({ 'X-Forwarded-Proto': 'https' }, false)).toContain('set the option trustProxy');
});
