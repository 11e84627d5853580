import { randomBytes } from 'node:crypto';
import { createRelay } from 'credential-relay';
import { storeSuite } from 'credential-relay/testing';
import { describe, expect, it } from 'vitest';
import { type TemplateBackend, templateStore } from '../../../adapters/store/template.js';
import { device, PUBLIC_URL, sharedMailbox } from '../../support/relay/relay.js';

describe.concurrent('storeSuite, the template for adapter authors', () => {
  const backend: TemplateBackend = new Map();
  storeSuite(it, { open: async () => templateStore(backend) });
});

describe('the template for adapter authors', () => {
  it('the template store serves a transfer, and rejects a value that is not text', async () => {
    const store = templateStore(new Map());
    const relay = createRelay({ publicUrl: PUBLIC_URL, store, keys: [randomBytes(32)] });
    const { url } = await sharedMailbox(relay);
    expect((await device(relay).read(url)).status).toBe(200);
    expect((await device(relay).read(url)).status).toBe(401);
    await expect(store.create('k', { revision: 'r'.repeat(16) }, Date.now() + 1000)).rejects.toThrow(TypeError);
    await relay.close();
  });
});
