import { createRelay, type RelayOptions } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import { PUBLIC_URL } from '../support/relay.js';

/* The options `preview` and `appLinks`: what is refused, and under which name. */

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':');
const android = (changes: object): object => ({
  android: [{ packageName: 'com.example.wallet', sha256CertFingerprints: [FINGERPRINT], ...changes }],
});
const link = (changes: object): object => ({ appLinks: [{ label: 'Store', url: 'https://a.example', ...changes }] });

describe('preview', () => {
  test.each<[path: string, preview: unknown]>([
    ['preview', 'blue'],
    ['preview.colour', { colour: '#fff' }],
    ['preview.name', { name: '' }],
    ['preview.name', { name: '   ' }],
    ['preview.name', { name: 'x'.repeat(61) }],
    ['preview.name', { name: 'a\nb' }],
    ['preview.name', { name: 7 }],
    ['preview.color', { color: 'red' }],
    ['preview.color', { color: '#12345' }],
    ['preview.color', { color: '#ffffff80' }],
    ['preview.color', { color: '#fff}</style><script>' }],
    ['preview.color', { color: '#fff\n' }],
    ['preview.color', { color: 'var(--x)' }],
    ['preview.logoUrl', { logoUrl: 'logo.png' }],
    ['preview.logoUrl', { logoUrl: 'http://a.example/logo.png' }],
    ['preview.logoUrl', { logoUrl: 'data:image/png;base64,AAAA' }],
    ['preview.logoUrl', { logoUrl: 'javascript:alert(1)' }],
    ['preview.logoUrl', { logoUrl: 'https://user:word@a.example/logo.png' }],
    ['preview.logoUrl', { logoUrl: ' https://a.example/logo.png' }],
    ['preview.logoUrl', { logoUrl: 'https://a.example/lo\ngo.png' }],
    ['preview.logoUrl', { logoUrl: 'https://a.example;script-src' }],
    ['preview.logoUrl', { logoUrl: "https://'unsafe-inline'/logo.png" }],
    ['preview.logoUrl', { logoUrl: 'https://*.example/logo.png' }],
    ['preview.logoUrl', { logoUrl: 'https://a.example,b/logo.png' }],
    ['preview.logoUrl', { logoUrl: 'https://[::1]/logo.png' }],
    ['preview.appLinks', { appLinks: 'https://a.example' }],
    ['preview.appLinks', { appLinks: Array.from({ length: 5 }, () => ({ label: 'x', url: 'https://a.example' })) }],
    ['preview.appLinks.0.url', link({ url: 'wallet://open' })],
    ['preview.appLinks.0.url', link({ url: 'javascript:alert(1)' })],
    ['preview.appLinks.0.url', link({ url: 'https://user@a.example' })],
    ['preview.appLinks.0.label', link({ label: '' })],
    ['preview.appLinks.0.label', link({ label: 'x'.repeat(41) })],
    ['preview.appLinks.0.store', link({ store: 'apple' })],
    ['preview.language', { language: 'en-US' }],
    ['preview.language', { language: 'it' }],
  ])('%s: refuses %o', (path, preview) => expectRefusal({ preview }, path));

  test('takes the longest words and every form of colour', async () => {
    for (const color of ['#abc', '#AABBCC', '#012345']) {
      await make({
        preview: { name: '🏨'.repeat(60), color, appLinks: [{ label: '🏨'.repeat(40), url: 'https://a' }] },
      });
    }
  });
});

describe('appLinks', () => {
  test.each<[path: string, appLinks: unknown]>([
    ['appLinks', []],
    ['appLinks.ios', { ios: {} }],
    ['appLinks.apple.appIds', { apple: {} }],
    ['appLinks.apple.appIds', { apple: { appIds: [] } }],
    ['appLinks.apple.appIds.0', { apple: { appIds: ['com.example.wallet'] } }],
    ['appLinks.apple.appIds.0', { apple: { appIds: ['TEAMID1234'] } }],
    ['appLinks.apple.appIds.1', { apple: { appIds: ['TEAMID1234.com.example', 'teamid1234.com.example'] } }],
    ['appLinks.apple.appIds.0', { apple: { appIds: ['TEAMID1234.*'] } }],
    ['appLinks.android', { android: {} }],
    ['appLinks.android.0.packageName', android({ packageName: 'wallet' })],
    ['appLinks.android.0.packageName', android({ packageName: 'com.1example' })],
    ['appLinks.android.0.sha256CertFingerprints', android({ sha256CertFingerprints: [] })],
    ['appLinks.android.0.sha256CertFingerprints.0', android({ sha256CertFingerprints: ['AB:CD'] })],
    [
      'appLinks.android.0.sha256CertFingerprints.0',
      android({ sha256CertFingerprints: [FINGERPRINT.replaceAll(':', '')] }),
    ],
  ])('%s: refuses %o', (path, appLinks) => expectRefusal({ appLinks }, path));
});

const make = (options: Record<string, unknown>): Promise<void> =>
  createRelay({ publicUrl: PUBLIC_URL, ...options } as RelayOptions).close();

function expectRefusal(options: Record<string, unknown>, path: string): void {
  let thrown: unknown;
  try {
    make(options);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(TypeError);
  expect((thrown as Error).message.slice(0, path.length + 2)).toBe(`${path}: `);
}
