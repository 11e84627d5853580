import { randomUUID } from 'node:crypto';
import { type ClientRequest, type RequestListener, request } from 'node:http';
import type { AuthenticationHook, Relay, RelayEventMap } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import express from 'express';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';
import { deferred, lenient, plant, SECRET, turn, watchedRelay, watchForLeaks } from '../../support/auth/hooks.js';
import { openServer } from '../../support/hosts/server.js';
import { claimField, idField, JSON_TYPE } from '../../support/protocol/device.js';
import { createBody, PUBLIC_URL } from '../../support/relay/relay.js';
import { forever } from '../../support/store/stores.js';

/* Clients that disconnect while a hook runs: the signal aborts, and the relay changes nothing. */

watchForLeaks();

const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const HANDLERS: ReadonlyArray<readonly [name: string, build: (relay: Relay) => RequestListener]> = [
  ['node', (relay) => relay.node()],
  ['express', (relay) => express().use(relay.node())],
  [
    'koa',
    (relay) => {
      const app = new Koa();
      app.silent = true;
      return app.use(relay.koa()).callback();
    },
  ],
];

/** The behaviour of a hook after the client has disconnected. */
const THEN: ReadonlyArray<readonly [name: string, settle: () => unknown]> = [
  ['admits the request', lenient],
  [
    'throws',
    () => {
      throw new Error(SECRET);
    },
  ],
  ['never settles', forever],
];

/** A hook that waits until the client has disconnected, and then calls `settle`. */
function waitingHook(settle: () => unknown) {
  const entered = deferred();
  const aborted = deferred<unknown>();
  const hook = (async ({ signal }: { signal: AbortSignal }) => {
    entered.resolve();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    aborted.resolve(signal.reason);
    return settle();
  }) as AuthenticationHook;
  return { hook, entered: entered.promise, aborted: aborted.promise };
}

/** Sends a complete request on its own socket. */
function post(url: string, claim: string = plant(randomUUID()), body?: unknown): ClientRequest {
  const fields = [idField(plant(randomUUID())), claimField(claim), ...(body === undefined ? [] : [JSON_TYPE])];
  const outgoing = request(url, { method: 'POST', headers: Object.fromEntries(fields), agent: false });
  outgoing.on('error', () => undefined); // The test destroys this request.
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  return outgoing;
}

describe.each(HANDLERS)('a client that disconnects, %s handler', (_handler, build) => {
  async function serve(options: Parameters<typeof watchedRelay>[0]) {
    const { server, origin, close } = await openServer();
    closing.push(close);
    const entries = new Map<string, unknown>();
    const watched = watchedRelay({ publicUrl: origin, store: memoryStore(entries), ...options });
    server.on('request', build(watched.relay));
    const answered = (): Promise<RelayEventMap['request.completed']> =>
      new Promise((resolve) => watched.relay.on('request.completed', resolve));
    return { ...watched, origin, entries, answered };
  }

  test.each(THEN)('authenticate: the relay creates no mailbox if the hook then %s', async (_name, settle) => {
    const { hook, entered, aborted } = waitingHook(settle);
    const { origin, entries, answered, of } = await serve({ authenticate: hook });
    const answer = answered();
    const client = post(`${origin}/v1/m`, undefined, createBody());
    await entered;
    client.destroy();
    expect(await aborted).toMatchObject({ name: 'ClientDisconnected' });
    expect(await answer).toMatchObject({ status: 503, code: 'authentication_unavailable' });
    await turn();
    expect([...entries]).toEqual([]);
    expect(of('mailbox.created')).toEqual([]);
    expect(of('relay.failed')).toEqual([]);
    expect(of('hook.failed')).toEqual([]); // The client caused the abort, not the hook.
  });

  test.each(THEN)('authorize: the relay binds no receiver if the hook then %s', async (_name, settle) => {
    const { hook, entered, aborted } = waitingHook(settle);
    const { origin, entries, answered, of } = await serve({
      authenticate: lenient,
      authorize: async (input) => void (input.role === 'receiver' && (await hook(input))),
    });
    const created = await fetch(`${origin}/v1/m`, {
      method: 'POST',
      headers: Object.fromEntries([idField(plant(randomUUID())), claimField(plant(randomUUID())), JSON_TYPE]),
      body: JSON.stringify(createBody()),
    });
    const { urlLink } = (await created.json()) as { urlLink: string };
    const before = JSON.stringify([...entries]);
    const answer = answered();
    const client = post(urlLink);
    await entered;
    client.destroy();
    await aborted;
    expect(await answer).toMatchObject({ operation: 'read', status: 503 });
    await turn();
    expect(JSON.stringify([...entries])).toBe(before);
    expect(of('mailbox.bound')).toEqual([]);
    expect(of('relay.failed')).toEqual([]);
  });

  test('the signal of an answered request does not abort when the connection closes', async () => {
    let signal: AbortSignal | undefined;
    const { origin, answered } = await serve({
      authenticate: (input) => {
        signal = input.signal;
        return lenient();
      },
    });
    const answer = answered();
    const client = post(`${origin}/v1/m`, undefined, createBody());
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.once('response', (response) => response.resume());
    expect(await answer).toMatchObject({ status: 200 });
    await closed;
    expect(signal?.aborted).toBe(false);
  });
});

describe('a client that disconnects, fetch handler', () => {
  const aborting = (body: unknown): { call: Request; leave(): void } => {
    const controller = new AbortController();
    const headers = Object.fromEntries([idField(plant(randomUUID())), claimField(plant(randomUUID())), JSON_TYPE]);
    const call = new Request(`${PUBLIC_URL}/v1/m`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    return { call, leave: () => controller.abort(new Error(SECRET)) };
  };

  test.each(THEN)('the relay creates no mailbox if the Request aborts and the hook then %s', async (_name, settle) => {
    const { hook, entered, aborted } = waitingHook(settle);
    const entries = new Map<string, unknown>();
    const { relay, of } = watchedRelay({ store: memoryStore(entries), authenticate: hook });
    const { call, leave } = aborting(createBody());
    const answer = relay.fetch(call);
    await entered;
    leave();
    await aborted;
    expect((await answer).status).toBe(503);
    await turn();
    expect([...entries]).toEqual([]);
    expect(of('hook.failed')).toEqual([]);
  });

  test('the relay calls no hook and creates no mailbox for an aborted Request', async () => {
    let asked = 0;
    const entries = new Map<string, unknown>();
    const { relay } = watchedRelay({
      store: memoryStore(entries),
      authenticate: () => {
        asked += 1;
        return lenient();
      },
    });
    const { call, leave } = aborting(createBody());
    leave();
    expect((await relay.fetch(call)).status).toBeGreaterThanOrEqual(400);
    expect([asked, entries.size]).toEqual([0, 0]);
  });
});
