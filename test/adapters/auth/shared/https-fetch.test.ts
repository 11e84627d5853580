import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { fetchWithCa } from '../../../../adapters/auth/shared/https-fetch.js';
import { LOCALHOST } from '../../../support/network/tls.js';

/* Open connections that trust a certificate authority of the host. */

const server = createServer(LOCALHOST);
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('fetchWithCa keeps at most 64 idle connections', async () => {
  const open = new Set<unknown>();
  server.on('secureConnection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  const answers: Array<() => void> = [];
  server.on('request', (_, response) => {
    answers.push(() => response.end('{}'));
    if (answers.length === 80) for (const answer of answers) answer();
  });
  const fetch = fetchWithCa(LOCALHOST.cert);
  const get = async () =>
    (await fetch(url, { method: 'GET', headers: {}, redirect: 'manual', body: undefined })).json();
  await Promise.all(Array.from({ length: 80 }, get));
  await vi.waitFor(() => expect(open.size).toBe(64), { timeout: 5000 });
});
