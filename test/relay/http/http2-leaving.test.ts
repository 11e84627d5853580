import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, constants, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createRelay } from 'credential-relay';
import { expect, it } from 'vitest';

it('the relay ignores an HTTP/2 stream that was reset before the host passed it', async () => {
  const relay = createRelay({ publicUrl: 'https://relay.example' });
  const events: string[] = [];
  for (const type of ['request.completed', 'relay.failed'] as const) relay.on(type, () => void events.push(type));
  const hand = (request: Http2ServerRequest, response: Http2ServerResponse): void =>
    relay.node()(request as never, response as never);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

  const create = { ':method': 'POST', ':path': '/v1/m', 'mailbox-device-claim': randomUUID() };
  const arrived = once(server, 'request') as Promise<[Http2ServerRequest, Http2ServerResponse]>;
  const reset = session.request(create);
  reset.on('error', () => undefined);
  const [request, response] = await arrived;
  const gone = once(response.stream, 'close');
  reset.close(constants.NGHTTP2_CANCEL);
  await gone;
  hand(request, response);

  // The server refuses requests after the upgrade, because they arrive without TLS.
  server.on('request', hand);
  const next = session.request(create, { endStream: true });
  const [headers] = await once(next, 'response');
  expect(headers[':status']).toBe(403);
  expect(events).toEqual(['request.completed']);

  session.close();
  server.close();
  await relay.close();
});
