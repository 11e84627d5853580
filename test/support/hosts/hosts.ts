import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createRelay, type RelayEventMap, type RelayOptions } from 'credential-relay';
import { buildExpress4, buildExpress5, mountAtRoot, mountByExpress } from './express.js';
import { buildFastify } from './fastify.js';
import { buildHono, byMount, byRoute } from './hono.js';
import { buildKoa, byMiddleware, byMountPackage, byRouter } from './koa.js';
import { buildNode } from './node.js';
import { openServer } from './server.js';
import type { BodyHandling, Build, Prefix, Seen } from './site.js';

/** A host framework, and a way to mount the relay in it. */
export interface Host {
  readonly name: string;
  readonly prefixes: readonly Prefix[];
  readonly bodies: readonly BodyHandling[];
  /** True if the host has its own setting to trust a proxy. */
  readonly hasProxySetting: boolean;
  /** True if the host passes all paths below the prefix to the relay, so that the relay answers unknown paths. */
  readonly ownsPrefix?: boolean;
  /** True if the host removes the prefix from the path, and keeps no original path. */
  readonly stripsPrefix?: boolean;
  readonly build: Build;
}

const BOTH: readonly Prefix[] = ['', '/relay'];
const ALL: readonly BodyHandling[] = ['unread', 'parsed', 'swallowed'];
const koa = { bodies: ALL, hasProxySetting: true };
const express = { bodies: ALL, hasProxySetting: true };
const others = { bodies: ALL, hasProxySetting: false };

export const HOSTS: readonly Host[] = [
  { name: 'koa', prefixes: BOTH, ...koa, build: buildKoa(byMiddleware) },
  { name: 'koa-mount', prefixes: BOTH, ...koa, build: buildKoa(byMountPackage) },
  { name: 'nested @koa/router', prefixes: BOTH, ...koa, build: buildKoa(byRouter) },
  { name: 'express 4', prefixes: BOTH, ...express, build: buildExpress4(mountByExpress) },
  { name: 'express 4 that keeps the prefix', prefixes: ['/relay'], ...express, build: buildExpress4(mountAtRoot) },
  { name: 'express 5', prefixes: BOTH, ...express, build: buildExpress5(mountByExpress) },
  { name: 'express 5 that keeps the prefix', prefixes: ['/relay'], ...express, build: buildExpress5(mountAtRoot) },
  { name: 'node:http', prefixes: BOTH, ...others, build: buildNode },
  { name: 'fastify', prefixes: BOTH, ...others, build: buildFastify },
  { name: 'hono', prefixes: BOTH, ...others, build: buildHono(byRoute) },
  {
    name: 'hono that strips the prefix',
    prefixes: ['/relay'],
    bodies: ['unread'], // `mount` builds a new request, which fails after the body is read.
    hasProxySetting: false,
    ownsPrefix: true,
    stripsPrefix: true,
    build: buildHono(byMount),
  },
];

export interface Place {
  readonly host: Host;
  readonly prefix: Prefix;
  /** For test names: `koa at /relay`. */
  readonly name: string;
}

export const PLACES: readonly Place[] = HOSTS.flatMap((host) =>
  host.prefixes.map((prefix) => ({ host, prefix, name: `${host.name} at ${prefix === '' ? '/' : prefix}` })),
);

/** A listening host. */
export interface RunningHost {
  readonly origin: string;
  readonly prefix: Prefix;
  /** The base URL of the relay: origin and prefix. */
  readonly base: string;
  /** The host middleware's view of the answer with this request id. Waits for the answer if necessary. */
  seen(requestId: string): Promise<Seen>;
  /** The next incoming request, with any answer. */
  nextRequest(): Promise<IncomingMessage>;
  /** The relay's next answer to its own request, also after the client disconnected. */
  nextAnswer(): Promise<RelayEventMap['request.completed']>;
  /** Causes of the internal errors of the relay. */
  readonly bugs: readonly unknown[];
  close(): Promise<void>;
}

/** Differences from a host without a trusted proxy and a relay without required TLS. */
export interface Variation {
  readonly relay?: Partial<RelayOptions>;
  readonly trustsProxy?: boolean;
}

/** Starts a host on a free port. The relay's public URL is the real URL, unless the variation sets another URL. */
export async function startHost(
  { host, prefix }: Place,
  body: BodyHandling,
  { relay: options = {}, trustsProxy = false }: Variation = {},
): Promise<RunningHost> {
  const { server, origin, close } = await openServer();
  const bugs: unknown[] = [];
  const record = createRecord();
  const relay = createRelay({
    publicUrl: origin + prefix,
    ...(host.stripsPrefix === true ? { mountPath: '/' } : {}),
    ...options,
  });
  relay.on('relay.failed', ({ cause }) => bugs.push(cause));
  server.on('request', await host.build(relay, { prefix, body, trustsProxy, saw: record.saw }));
  return {
    origin,
    prefix,
    base: origin + prefix,
    seen: record.seen,
    nextRequest: async () => {
      const [request] = await once(server, 'request');
      return request as IncomingMessage;
    },
    nextAnswer: () =>
      new Promise((resolve) => {
        const off = relay.on('request.completed', (event) => {
          off();
          resolve(event);
        });
      }),
    bugs,
    async close() {
      await close();
      await relay.close();
    },
  };
}

/** Records the answers that the middleware sees. `seen` resolves before or after the answer. */
function createRecord(): { saw(seen: Seen): void; seen(requestId: string): Promise<Seen> } {
  const known = new Map<string, Seen>();
  const waiting = new Map<string, (seen: Seen) => void>();
  return {
    saw(seen) {
      known.set(seen.requestId, seen);
      waiting.get(seen.requestId)?.(seen);
    },
    seen: (requestId) =>
      new Promise((resolve) => {
        const already = known.get(requestId);
        if (already !== undefined) resolve(already);
        else waiting.set(requestId, resolve);
      }),
  };
}
