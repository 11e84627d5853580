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

/** A kind of host, and a way to mount the relay in it. */
export interface Host {
  readonly name: string;
  readonly prefixes: readonly Prefix[];
  readonly bodies: readonly BodyHandling[];
  /** True if the host has a setting of its own by which it believes a proxy. */
  readonly hasProxySetting: boolean;
  /** True if all below the prefix goes to the relay, so that it answers what no one else would. */
  readonly ownsPrefix?: boolean;
  /** True if the host takes the prefix off the path before the relay sees it, and keeps no other path. */
  readonly stripsPrefix?: boolean;
  readonly build: Build;
}

const BOTH: readonly Prefix[] = ['', '/relay'];
const ALL: readonly BodyHandling[] = ['unread', 'parsed', 'swallowed'];
const koa = { bodies: ALL, hasProxySetting: true };
const express = { bodies: ALL, hasProxySetting: true };
const others = { bodies: ALL, hasProxySetting: false };

/** Every host the suite knows. */
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
    bodies: ['unread'], // `mount` makes a new request, which it cannot once the body is read.
    hasProxySetting: false,
    ownsPrefix: true,
    stripsPrefix: true,
    build: buildHono(byMount),
  },
];

/** One host at one prefix. */
export interface Place {
  readonly host: Host;
  readonly prefix: Prefix;
  /** For test names: `koa at /relay`. */
  readonly name: string;
}

/** Every host at each of its prefixes. */
export const PLACES: readonly Place[] = HOSTS.flatMap((host) =>
  host.prefixes.map((prefix) => ({ host, prefix, name: `${host.name} at ${prefix === '' ? '/' : prefix}` })),
);

/** A host that listens. */
export interface RunningHost {
  readonly origin: string;
  readonly prefix: Prefix;
  /** Where the relay is reached: origin and prefix. */
  readonly base: string;
  /** What the host's own middleware saw of the answer that carries this request id, now or as soon as it comes. */
  seen(requestId: string): Promise<Seen>;
  /** The next request that comes in, whoever answers it. */
  nextRequest(): Promise<IncomingMessage>;
  /** How the relay answers the next request that is its own; also if nobody is there to take the answer. */
  nextAnswer(): Promise<RelayEventMap['request.completed']>;
  /** Causes of everything that the relay took for a bug of its own. */
  readonly bugs: readonly unknown[];
  close(): Promise<void>;
}

/** Differences from a host that believes no proxy and a relay that demands no TLS. */
export interface Variation {
  readonly relay?: Partial<RelayOptions>;
  readonly trustsProxy?: boolean;
}

/** Starts a host on a free port, with a relay whose public URL is where it really is, unless the variation says so. */
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

/** Keeps what was seen, and tells whoever asks before or after. */
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
