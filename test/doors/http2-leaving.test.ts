import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, constants, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createRelay } from 'credential-relay';
import { expect, it } from 'vitest';
import { createBody } from '../support/relay.js';

it('a client that resets its stream of HTTP/2 before the host hands its read over takes no place', async () => {
  const relay = createRelay({ publicUrl: 'http://localhost' });
  const hand = (request: Http2ServerRequest, response: Http2ServerResponse): void =>
    relay.node()(request as never, response as never);
  const server = createServer().once('request', hand);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

  const claim = { 'mailbox-device-claim': randomUUID() };
  const json = { 'content-type': 'application/json', 'mailbox-request-id': randomUUID() };
  const create = session.request({ ':method': 'POST', ':path': '/v1/m', ...claim, ...json });
  create.end(JSON.stringify(createBody()));
  const [headers] = await once(create, 'response');
  let text = '';
  for await (const chunk of create) text += chunk;

  const wait = { prefer: 'wait=30', 'mailbox-known-version': String(headers['mailbox-version']) };
  const path = new URL(JSON.parse(text).urlLink).pathname;
  const arrived = once(server, 'request') as Promise<[Http2ServerRequest, Http2ServerResponse]>;
  const read = session.request({ ':method': 'POST', ':path': path, ...claim, ...wait }, { endStream: true });
  read.on('error', () => undefined);
  const [request, response] = await arrived;
  const gone = once(response.stream, 'close');
  read.close(constants.NGHTTP2_CANCEL);
  await gone;
  const completed = new Promise((resolve) => relay.on('request.completed', resolve));
  hand(request, response);
  await completed;
  expect(relay.load().waiters).toBe(0);

  session.close();
  server.close();
  await relay.close();
});
