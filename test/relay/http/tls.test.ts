import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { connect, createServer as createHttp2Server, createSecureServer, type Http2Server } from 'node:http2';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { createRelay } from 'credential-relay';
import { afterEach, describe, expect, it } from 'vitest';
import { LOCALHOST } from '../../support/network/tls.js';
import { createBody } from '../../support/relay/relay.js';

const opened: Server[] = [];

async function listen<Some extends Server>(server: Some): Promise<number> {
  opened.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  for (const server of opened.splice(0)) server.close();
});

const headersFor = (claim: string): Record<string, string> => ({
  'Content-Type': 'application/json',
  'Mailbox-Device-Claim': claim,
  'Mailbox-Request-ID': randomUUID(),
});

/** Creates a mailbox over HTTP/1. Resolves to the status. */
async function createOverHttp1(send: typeof httpRequest, port: number, headers = headersFor(randomUUID())) {
  const request = send({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/v1/m',
    ca: LOCALHOST.cert,
    agent: false,
    headers,
  } as object);
  request.end(JSON.stringify(createBody()));
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode as number;
}

/** Creates, reads and deletes a mailbox over one HTTP/2 session. Resolves to the statuses and the last headers. */
async function transferOverHttp2(authority: string) {
  const session = connect(authority, { ca: LOCALHOST.cert });
  const call = async (method: string, path: string, claim: string, body?: string) => {
    const stream = session.request(
      { ':method': method, ':path': path, ...headersFor(claim) },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    const [headers] = await once(stream, 'response');
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { status: headers[':status'] as number, headers, json: text === '' ? {} : JSON.parse(text) };
  };
  const [sender, receiver] = [randomUUID(), randomUUID()];
  const created = await call('POST', '/v1/m', sender, JSON.stringify(createBody()));
  const path = new URL(created.json.urlLink ?? authority).pathname;
  const answers = [
    created,
    await call('POST', path, receiver),
    await call('PUT', path, receiver, JSON.stringify({ payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' } })),
    await call('POST', path, sender),
    await call('PUT', path, receiver, 'x'.repeat(70_000)),
    await call('DELETE', path, receiver),
    await call('POST', path, sender),
  ];
  session.close();
  return answers.map(({ status }) => status);
}

describe('the relay requires TLS if publicUrl is https [§3 N1]', () => {
  it('a request on a TLS socket succeeds from any peer', async () => {
    const relay = createRelay({ publicUrl: 'https://relay.example' });
    const port = await listen(createHttpsServer(LOCALHOST, relay.node()));
    expect(await createOverHttp1(httpsRequest, port)).toBe(200);
  });

  it('plain HTTP gets 403, also from loopback and with a header of the client', async () => {
    const relay = createRelay({ publicUrl: 'https://relay.example' });
    const port = await listen(createHttpServer(relay.node()));
    expect(await createOverHttp1(httpRequest, port)).toBe(403);
    const forged = { ...headersFor(randomUUID()), 'X-Forwarded-Proto': 'https' };
    expect(await createOverHttp1(httpRequest, port, forged)).toBe(403);
  });

  it('the headers of a trusted proxy decide', async () => {
    const relay = createRelay({ publicUrl: 'https://relay.example', trustProxy: true });
    const port = await listen(createHttpServer(relay.node()));
    for (const [forwarded, status] of [
      ['https', 200],
      ['https, http', 200],
      ['http', 403],
      ['http, https', 403],
    ] as const) {
      const headers = { ...headersFor(randomUUID()), 'X-Forwarded-Proto': forwarded };
      expect(await createOverHttp1(httpRequest, port, headers)).toBe(status);
    }
    expect(await createOverHttp1(httpRequest, port)).toBe(403);
  });
});

describe('HTTP/2 with the node handler', () => {
  const whole = [200, 200, 200, 200, 413, 200, 404];

  it('serves a complete transfer in clear text', async () => {
    const relay = createRelay({ publicUrl: 'http://localhost' });
    const server: Http2Server = createHttp2Server((request, response) =>
      relay.node()(request as never, response as never),
    );
    const port = await listen(server);
    expect(await transferOverHttp2(`http://127.0.0.1:${port}`)).toEqual(whole);
  });

  it('detects TLS on its own socket', async () => {
    const relay = createRelay({ publicUrl: 'https://relay.example' });
    const port = await listen(
      createSecureServer(LOCALHOST, (request, response) => relay.node()(request as never, response as never)),
    );
    expect(await transferOverHttp2(`https://127.0.0.1:${port}`)).toEqual(whole);
  });
});
