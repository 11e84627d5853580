import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRelay } from 'credential-relay';
import { relaySuite } from 'credential-relay/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';

/* The published black-box suite against this relay on a real socket, with a store in clear and a sealed store. */

describe.each([
  ['records in clear', undefined],
  ['sealed records', [new Uint8Array(32).fill(7)]],
])('relaySuite, %s', (_name, keys) => {
  const server = createServer();
  let url = '';

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/relay`;
    const relay = createRelay({ publicUrl: url, ...(keys === undefined ? {} : { keys }) });
    server.on('request', relay.node());
  });

  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  relaySuite(it, () => url);
});
