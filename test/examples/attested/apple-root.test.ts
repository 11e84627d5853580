/** examples/attested/app-attest.ts as it is used in production: with Apple's root. One root a process, so by itself. */
import { expect, test } from 'vitest';
import { appAttest } from '../../../examples/attested/app-attest.js';
import { createPlatform } from '../../../examples/attested/stand-in/platform.js';

test('App Attest without a root option accepts only Apple’s root', async () => {
  const appId = 'A1B2C3D4E5.com.example.wallet';
  const { phone, rootCertificate } = createPlatform();
  const verify = appAttest({ appId });
  expect(await verify(await phone(appId).attest('bound'), 'bound')).toBe(false);
  expect(() => appAttest({ appId, rootCertificate })).toThrow('this process uses another root already');
});
