import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelayEvent } from 'credential-relay';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { sqliteStore } from 'credential-relay/adapters/store/sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import { deviceKey, proofOf } from '../../../support/auth/oauth-bearer.js';
import { createBody, device, PUBLIC_URL, testRelay } from '../../../support/relay/relay.js';

let as: AuthorizationServer;

beforeAll(async () => {
  as = await startAuthorizationServer();
});
afterAll(() => as.close());

const hook = (options = {}) => oauthBearer({ issuer: as.issuer, ...options });
const htu = `${PUBLIC_URL}/v1/m`;

describe('a relay guarded by oauthBearer', () => {
  it('requires a token for CreateMailbox and none for the receiver', async () => {
    const relay = testRelay({ authenticate: hook({ scopes: { create: ['relay.create'] } }) });
    const [sender, receiver] = [device(relay), device(relay)];
    expect((await sender.create()).status).toBe(401);
    const headers = { Authorization: `Bearer ${await as.mint({ resource: PUBLIC_URL })}` };
    const created = await sender.create(createBody(), { headers });
    expect(created.status).toBe(200);
    expect((await receiver.read(created.json.urlLink)).status).toBe(200);
    await relay.close();
  });

  it('sends the challenges of RFC 6750 and RFC 9728, with the URL of the metadata', async () => {
    const relay = testRelay({ authenticate: hook({ scopes: ['relay.create'], dpop: 'off' }) });
    relay.wellKnown();
    const metadata = 'resource_metadata="http://localhost/.well-known/oauth-protected-resource/relay"';
    const [none, bad, little] = await Promise.all([
      device(relay).create(),
      device(relay).create(createBody(), { headers: { Authorization: 'Bearer nonsense' } }),
      device(relay).create(createBody(), {
        headers: { Authorization: `Bearer ${await as.mint({ resource: PUBLIC_URL, scope: 'relay.read' })}` },
      }),
    ]);
    expect([none.status, none.json.code]).toEqual([401, 'token_required']);
    expect(none.headers.get('WWW-Authenticate')).toBe(`Bearer realm="mailbox", ${metadata}`);
    expect([bad.status, bad.json.code]).toEqual([401, 'token_invalid']);
    expect(bad.headers.get('WWW-Authenticate')).toContain('error="invalid_token"');
    expect([little.status, little.json.code]).toEqual([403, 'forbidden']);
    expect(little.headers.get('WWW-Authenticate')).toContain('error="insufficient_scope", scope="relay.create"');
    await relay.close();
  });

  it('answers 503 with Retry-After during an outage, and emits an event with the code only', async () => {
    const events: RelayEvent[] = [];
    const relay = testRelay({ authenticate: hook(), onEvent: (event) => events.push(event) });
    const token = await as.sign(as.claims(PUBLIC_URL));
    as.fail('status 500');
    const answer = await device(relay).create(createBody(), { headers: { Authorization: `Bearer ${token}` } });
    as.work();
    expect([answer.status, answer.json.code]).toEqual([503, 'authentication_unavailable']);
    expect(answer.headers.get('Retry-After')).toBe('1');
    expect(events.find(({ type }) => type === 'hook.failed')).toMatchObject({ cause: 'oauth_discovery_failed' });
    for (const part of token.split('.')) expect(JSON.stringify([events, answer.text])).not.toContain(part);
    await relay.close();
  });

  it('accepts a proof once, also across relays with the same store and keys', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'relay-dpop-'));
    const keys = [randomBytes(32)];
    const relays = [0, 1].map(() =>
      testRelay({ authenticate: hook({ dpopNonce: true }), keys, store: sqliteStore(join(folder, 'relay.db')) }),
    );
    const [one, other] = relays;
    if (one === undefined || other === undefined) throw new Error('There are two.');
    const key = await deviceKey();
    const token = await as.mint({ resource: PUBLIC_URL, dpop: key });
    const send = (relay: typeof one, proof: string) =>
      device(relay).create(createBody(), { headers: { Authorization: `DPoP ${token}`, DPoP: proof } });

    const asked = await send(one, await proofOf(key, token, { claims: { htu } }));
    expect([asked.status, asked.json.code]).toEqual([401, 'token_invalid']);
    expect(asked.headers.get('WWW-Authenticate')).toContain('error="use_dpop_nonce"');
    const proof = await proofOf(key, token, { claims: { htu, nonce: asked.headers.get('DPoP-Nonce') } });
    expect((await send(other, proof)).status).toBe(200);
    for (const relay of relays) {
      const again = await send(relay, proof);
      expect([again.status, again.json.code]).toEqual([401, 'token_invalid']);
      expect(again.headers.get('WWW-Authenticate')).toContain('error="invalid_dpop_proof"');
    }
    await Promise.all(relays.map((relay) => relay.close()));
    await rm(folder, { recursive: true });
  });

  it('accepts proofs for the method and URL of the request below the mount point only', async () => {
    const key = await deviceKey();
    const relay = testRelay({ authenticate: { default: hook() } });
    const token = await as.mint({ resource: PUBLIC_URL, dpop: key });
    const headers = async (htm: string, url: string) => ({
      Authorization: `DPoP ${token}`,
      DPoP: await proofOf(key, token, { claims: { htm, htu: url } }),
    });
    const sender = device(relay);
    const created = await sender.create(createBody(), { headers: await headers('POST', htu) });
    const url = created.json.urlLink;
    expect((await sender.read(url, { headers: await headers('POST', htu) })).status).toBe(401);
    expect((await sender.read(url, { headers: await headers('POST', url) })).status).toBe(200);
    expect((await sender.delete(url, { headers: await headers('POST', url) })).status).toBe(401);
    expect((await sender.delete(url, { headers: await headers('DELETE', url) })).status).toBe(200);
    await relay.close();
  });

  it.each(['Authorization', 'DPoP'])(
    'answers 400 for a header %s that is sent twice [RFC 9449 §4.3, check 1]',
    async (name) => {
      const key = await deviceKey();
      const token = await as.mint({ resource: PUBLIC_URL, dpop: key });
      const headers = { Authorization: [`DPoP ${token}`], DPoP: [await proofOf(key, token, { claims: { htu } })] };
      const doubled: Record<string, string[]> = {
        ...headers,
        [name]: [...headers[name as 'DPoP'], ...headers[name as 'DPoP']],
      };
      const relay = testRelay({ authenticate: hook() });
      const server = createServer(relay.node());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const status = await new Promise((resolve, reject) => {
        const { port } = server.address() as AddressInfo;
        const raw = Object.entries({
          ...doubled,
          'Content-Type': ['application/json'],
          'Mailbox-Request-ID': [randomUUID()],
          'Mailbox-Device-Claim': [randomUUID()],
        }).flatMap(([header, values]) => values.flatMap((value) => [header, value]));
        const sent = request({
          port,
          host: '127.0.0.1',
          path: '/relay/v1/m',
          method: 'POST',
          headers: ['Host', 'localhost', ...raw],
        });
        sent.once('error', reject);
        sent.once('response', (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.once('end', () => resolve([response.statusCode, JSON.parse(text).code]));
        });
        sent.end(JSON.stringify(createBody()));
      });
      expect(status).toEqual([400, 'header_repeated']);
      server.close();
      server.closeAllConnections();
      await relay.close();
    },
  );
});
