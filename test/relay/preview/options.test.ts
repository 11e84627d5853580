import { createRelay, type RelayOptions } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import { PUBLIC_URL } from '../../support/relay/relay.js';

/* The options `preview` and `appLinks`: the refused values, and the option names in the messages. */

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':');
const android = (changes: object): object => ({
  android: [{ packageName: 'com.example.wallet', sha256CertFingerprints: [FINGERPRINT], ...changes }],
});
const link = (changes: object): object => ({ appStores: [{ label: 'Store', url: 'https://a.example', ...changes }] });

describe('the option preview', () => {
  test.each<[path: string, preview: unknown]>([
    ['preview', 'blue'],
    ['preview.colour', { colour: '#fff' }],
    ['preview.name', { name: '' }],
    ['preview.name', { name: '   ' }],
    ['preview.name', { name: 'x'.repeat(61) }],
    ['preview.name', { name: 'a\nb' }],
    ['preview.name', { name: 7 }],
    // Invisible text: zero width, fillers of Hangul, blank Braille, formatting, private use, unassigned.
    ...['\u200b', '\u3164', '\u115f\u1160', '\u2800', '\u00ad\u2060', '\ue000', '\uffff', ' \u200b\u2800 '].map(
      (name): [string, unknown] => ['preview.name', { name }],
    ),
    ['preview.appStores.0.label', link({ label: '\u200b' })],
    ['preview.appLinks', { appLinks: [] }],
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
    ['preview.appStores', { appStores: 'https://a.example' }],
    ['preview.appStores', { appStores: Array.from({ length: 5 }, () => ({ label: 'x', url: 'https://a.example' })) }],
    ['preview.appStores.0.url', link({ url: 'wallet://open' })],
    ['preview.appStores.0.url', link({ url: 'javascript:alert(1)' })],
    ['preview.appStores.0.url', link({ url: 'https://user@a.example' })],
    ['preview.appStores.0.label', link({ label: '' })],
    ['preview.appStores.0.label', link({ label: 'x'.repeat(41) })],
    ['preview.appStores.0.store', link({ store: 'apple' })],
    ['preview.language', { language: 'en-US' }],
    ['preview.language', { language: 'it' }],
  ])('%s: refuses %o', (path, preview) => expectRefusal({ preview }, path));

  test('accepts the longest words and every form of colour', async () => {
    for (const color of ['#abc', '#AABBCC', '#012345']) {
      await make({
        preview: { name: '🏨'.repeat(60), color, appStores: [{ label: '🏨'.repeat(40), url: 'https://a' }] },
      });
    }
  });
});

/** Values without any type that an option has. */
const WRONG = [null, 1, true, 'x', [null], [1], ['x'], { x: 1 }, Symbol('x'), new Date(), () => 'x'];

describe('the relay uses its own messages for refused options', () => {
  test.each<[name: string, put: (wrong: unknown) => Record<string, unknown>]>([
    ['preview', (wrong) => ({ preview: wrong })],
    ...['name', 'color', 'logoUrl', 'stores', 'language'].map(
      (name): [string, (wrong: unknown) => Record<string, unknown>] => [
        `preview.${name}`,
        (wrong) => ({ preview: { [name]: wrong } }),
      ],
    ),
    ['preview.appStores.0.label', (wrong) => ({ preview: link({ label: wrong }) })],
    ['preview.appStores.0.url', (wrong) => ({ preview: link({ url: wrong }) })],
    ['appLinks', (wrong) => ({ appLinks: wrong })],
    ['appLinks.apple', (wrong) => ({ appLinks: { apple: wrong } })],
    ['appLinks.apple.appIds', (wrong) => ({ appLinks: { apple: { appIds: wrong } } })],
    ['appLinks.apple.0.appIds', (wrong) => ({ appLinks: { apple: [{ appIds: wrong }] } })],
    [
      'appLinks.apple.verticals',
      (wrong) => ({ appLinks: { apple: { appIds: ['TEAMID1234.a.b'], verticals: wrong } } }),
    ],
    ['appLinks.android', (wrong) => ({ appLinks: { android: wrong } })],
    ['appLinks.android.0.verticals', (wrong) => ({ appLinks: android({ verticals: wrong }) })],
    ['appLinks.android.0.packageName', (wrong) => ({ appLinks: android({ packageName: wrong }) })],
    [
      'appLinks.android.0.sha256CertFingerprints',
      (wrong) => ({ appLinks: android({ sha256CertFingerprints: wrong }) }),
    ],
  ])('%s', (name, put) => {
    let refused = 0;
    for (const wrong of WRONG) {
      const message = refusalOf(put(wrong));
      if (message === undefined) continue;
      refused += 1;
      expect(message.startsWith(name.split('.')[0] ?? '')).toBe(true);
      expect(message).toMatch(/^[\w.]+: (must |there is no such option)/);
      expect(message).not.toMatch(/invalid|expected|received/i);
    }
    // A text option accepts the one text among the values, and no other value.
    expect(refused).toBeGreaterThanOrEqual(WRONG.length - 1);
  });

  test('also for missing options', () => {
    expect(refusalOf({ preview: { appStores: [{}] } })).toBe('preview.appStores.0.label: must be a string');
    expect(refusalOf({ preview: { appStores: [{ label: 'x' }] } })).toBe(
      'preview.appStores.0.url: must be an https URL without credentials',
    );
    expect(refusalOf({ appLinks: { android: [{}] } })).toBe(
      'appLinks.android.0.packageName: must be such as com.example.wallet',
    );
  });
});

describe('the option appLinks', () => {
  test.each<[path: string, appLinks: unknown]>([
    ['appLinks', []],
    ['appLinks.ios', { ios: {} }],
    ['appLinks.apple.appIds', { apple: {} }],
    ['appLinks.apple.0.appIds', { apple: [{}] }],
    ['appLinks.apple.0.appIds.0', { apple: [{ appIds: ['com.example'] }] }],
    ['appLinks.apple.0.ids', { apple: [{ appIds: ['TEAMID1234.a.b'], ids: [] }] }],
    [
      'appLinks.apple.1.verticals',
      { apple: [{ appIds: ['TEAMID1234.a.b'] }, { appIds: ['TEAMID1234.a.b'], verticals: [] }] },
    ],
    ['appLinks.apple.verticals.0', { apple: { appIds: ['TEAMID1234.a.b'], verticals: ['car'] } }],
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

/** The message of the TypeError for these options, or `undefined` for valid options. */
function refusalOf(options: Record<string, unknown>): string | undefined {
  try {
    make(options);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
}

function expectRefusal(options: Record<string, unknown>, path: string): void {
  expect(refusalOf(options)?.slice(0, path.length + 2)).toBe(`${path}: `);
}
