import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createRelay, RelayError } from 'credential-relay';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBody } from '../support/relay/relay.js';

/* A hook on CreateMailbox, with every path on which CreateMailbox can reach the relay. */

let server: Server;

beforeAll(async () => {
  const app = express();
  const relay = createRelay({
    publicUrl: 'http://localhost/relay',
    authenticate({ header }) {
      if (header('Authorization') !== 'Bearer known') throw new RelayError('token_required');
      return { via: ['test'] };
    },
  });
  app.use('/relay', relay.node());
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

async function post(path: string, headers: Record<string, string> = {}) {
  const sent = request({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    method: 'POST',
    path,
    agent: false,
    headers: {
      'Content-Type': 'application/json',
      'Mailbox-Device-Claim': randomUUID(),
      'Mailbox-Request-ID': randomUUID(),
      ...headers,
    },
  });
  sent.end(JSON.stringify(createBody()));
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, text };
}

describe('a hook on the create', () => {
  it.each([
    '/relay/v1/m',
    '/relay/v1/m?x=1',
    '/RELAY/v1/m',
    '/relay/relay/v1/m',
    'http://anything.example/relay/v1/m',
    '//relay/v1/m',
    '/relay//v1/m',
    '/relay/v1/m/',
    '/relay/v1/%6d',
    '/v1/m',
  ])('nothing is created by %s without what the guard asks for', async (path) => {
    const { status, text } = await post(path);
    expect(status).toBeGreaterThanOrEqual(401);
    expect(text).not.toContain('urlLink');
  });

  it('lets known callers create a mailbox, and any device with the link read', async () => {
    const created = await post('/relay/v1/m', { Authorization: 'Bearer known' });
    expect(created.status).toBe(200);
    const { urlLink } = JSON.parse(created.text) as { urlLink: string };
    expect((await post(new URL(urlLink).pathname)).status).toBe(200);
  });
});
