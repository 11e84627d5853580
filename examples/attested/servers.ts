import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';
import { appAttest } from './app-attest.js';
import { createAttester } from './attester.js';
import { createAuthorizationServer } from './authorization-server.js';
import { createPlatform, type Platform } from './stand-in/platform.js';

/** The company's apps: the platform's identifiers by client identifier. */
export const APPS = {
  'wallet.example': 'A1B2C3D4E5.com.example.wallet',
  'kiosk.example': 'A1B2C3D4E5.com.example.kiosk',
} as const;

/** The servers of the scenario, one origin each on 127.0.0.1. */
export interface Servers {
  /** URL and issuer identifier of the authorization server. */
  readonly login: string;
  /** URL of the app's backend. */
  readonly backend: string;
  /** URL of the relay's mount. */
  readonly relay: string;
  readonly platform: Platform;
  close(): Promise<void>;
}

/** Starts the authorization server, the app's backend and the relay, each on a free port. */
export async function startServers(): Promise<Servers> {
  const servers = [createServer(), createServer(), createServer()] as const;
  const [login, backend, host] = await Promise.all([listen(servers[0]), listen(servers[1]), listen(servers[2])]);
  const [relay, attesterJwksUri] = [`${host}/relay`, `${backend}/jwks`];
  const platform = createPlatform();
  const { rootCertificate } = platform;

  const clients = Object.keys(APPS);
  const apps = Object.fromEntries(
    Object.entries(APPS).map(([client, appId]) => [client, appAttest({ appId, rootCertificate })]),
  );
  const listeners: RequestListener[] = [
    await createAuthorizationServer({ issuer: login, relay, attesterJwksUri, clients }),
    await createAttester({ apps }),
    createApp({ publicUrl: relay, issuer: login, attesterJwksUri }),
  ];
  for (const [index, server] of servers.entries()) server.on('request', listeners[index] ?? (() => undefined));

  return {
    login,
    backend,
    relay,
    platform,
    async close() {
      await Promise.all(servers.map(closeServer));
    },
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
