import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createRelay, type Relay, stopServer } from 'credential-relay';
import { afterEach, describe, expect, it } from 'vitest';
import { openServer } from '../support/hosts/server.js';
import { waitersReach } from '../support/long-poll/served.js';
import { createBoundPair } from '../support/protocol/device.js';
import { somePayload } from '../support/relay/relay.js';

/* Server and relay stop together, over real sockets. */

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

/** A relay in its own server, with a log of events in order. */
async function site() {
  const { server, origin: base, close } = await openServer();
  toClose.push(() => server.listening && close());
  const told: string[] = [];
  const relay = createRelay({ publicUrl: base });
  const observed: Relay = {
    ...relay,
    async close() {
      told.push('relay closed');
      await relay.close();
    },
  };
  server.on('request', ({ method }, response) => {
    if (method === 'PUT') response.on('finish', () => told.push(`update ${response.statusCode}`));
  });
  server.on('request', relay.node());
  return { server, relay, observed, base, told, port: (server.address() as AddressInfo).port };
}

describe('stopServer', () => {
  it('answers long polls and half-sent requests, and then closes the relay', async () => {
    const { server, relay, observed, base, told } = await site();
    const { sender, receiver, url, version } = await createBoundPair(base);
    const waiting = sender.wait(url, version).answer;
    await waitersReach(relay, 1);

    const body = JSON.stringify({ payload: somePayload() });
    const update = request(url, {
      method: 'PUT',
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': body.length,
        'Mailbox-Device-Claim': receiver.claim,
        'Mailbox-Request-ID': crypto.randomUUID(),
      },
    });
    const arrived = once(server, 'request');
    update.write(body.slice(0, 5));
    await arrived;

    const stopped = stopServer(server, observed).then(() => told.push('stopped'));
    expect((await waiting).status).toBe(204);
    expect(server.listening).toBe(false);
    update.end(body.slice(5));
    const [response] = await once(update, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
    await stopped;
    expect(told).toEqual(['update 200', 'relay closed', 'stopped']);
  });

  it('closes an idle connection after the grace period, and no other before', async () => {
    const { server, relay, base, port } = await site();
    const silent = connect(port, '127.0.0.1');
    toClose.push(() => silent.destroy());
    await once(silent, 'connect');
    // The server closes an idle keep-alive connection at once.
    await fetch(`${base}/v1/m/none`);
    const cut = once(silent, 'close');
    const begun = performance.now();
    await stopServer(server, relay, 150);
    expect(performance.now() - begun).toBeGreaterThan(140);
    await cut;
  });

  it('closes the relay of a server that is not listening', async () => {
    const { server, observed, told } = await site();
    await stopServer(server, observed);
    await stopServer(server, observed);
    expect(told).toEqual(['relay closed', 'relay closed']);
  });
});
