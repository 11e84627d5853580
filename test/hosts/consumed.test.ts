/** Bodies that the host has read before the relay: with no bytes left, or kept as text. */
import { randomUUID } from 'node:crypto';
import { bodyParser } from '@koa/bodyparser';
import { createRelay, type Relay } from 'credential-relay';
import express from 'express';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';
import { expectProblem } from '../support/hosts/expect.js';
import { express4 } from '../support/hosts/express.js';
import { PLACES, startHost } from '../support/hosts/hosts.js';
import { openServer } from '../support/hosts/server.js';
import type { Build } from '../support/hosts/site.js';
import { createBody } from '../support/protocol/bodies.js';
import { JSON_TYPE, operation } from '../support/protocol/device.js';
import { type Call, send } from '../support/protocol/http.js';

const UNKNOWN = '/v1/m/00000000-0000-4000-8000-000000000000';

const toClose: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

const POSSIBLE = PLACES.filter(({ host }) => host.bodies.includes('swallowed')).map(
  (place) => [place.name, place] as const,
);

describe.each(POSSIBLE)('%s, body read by the host and thrown away:', (_name, place) => {
  test('an operation that needs it gets 400 body_already_read', async () => {
    const host = await startHost(place, 'swallowed');
    toClose.push(host.close);
    for (const chunked of [false, true]) {
      const call = { ...operation('POST', `${host.base}/v1/m`, randomUUID(), createBody()), chunked };
      expectProblem(await send(call), 400, 'body_already_read');
      expectProblem(await send({ ...call, url: host.base + UNKNOWN, method: 'PUT' }), 400, 'body_already_read');
    }
    expect(host.bugs).toEqual([]);
  });

  test('an operation that needs no body is carried out', async () => {
    const host = await startHost(place, 'swallowed');
    toClose.push(host.close);
    const url = host.base + UNKNOWN;
    const read = operation('POST', url, randomUUID());
    const empty = { ...read, fields: [...(read.fields ?? []), ['Content-Length', '0']] } as const;
    expectProblem(await send(empty), 404, 'mailbox_not_found');
    expectProblem(await send(operation('PATCH', url, randomUUID(), {})), 404, 'mailbox_not_found');
    expectProblem(await send(operation('DELETE', url, randomUUID(), {})), 404, 'mailbox_not_found');
  });
});

/** Hosts that hand the body over as a string or as bytes. */
const LEAVES_TEXT: ReadonlyArray<readonly [name: string, build: (relay: Relay) => ReturnType<Build>]> = [
  ['express 4, express.text()', (relay) => express4().use(express4.text({ type: '*/*' }), relay.node())],
  ['express 4, express.raw()', (relay) => express4().use(express4.raw({ type: '*/*' }), relay.node())],
  ['express 5, express.text()', (relay) => express().use(express.text({ type: '*/*' }), relay.node())],
  ['express 5, express.raw()', (relay) => express().use(express.raw({ type: '*/*' }), relay.node())],
  [
    'koa, a body parser for text',
    (relay) => {
      const parser = bodyParser({ enableTypes: ['text'], extendTypes: { text: ['application/json'] } });
      return new Koa().use(parser).use(relay.koa()).callback();
    },
  ],
];

describe.each(LEAVES_TEXT)('%s:', (_name, build) => {
  test('the relay validates the parsed body of the host by the same rules', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    server.on('request', await build(createRelay({ publicUrl: origin })));
    const create = (body: string): Call => ({
      ...operation('POST', `${origin}/v1/m`, randomUUID(), {}),
      body,
    });
    expect(await send(create(JSON.stringify(createBody())))).toMatchObject({ status: 200 });
    expect(await send({ ...create(JSON.stringify(createBody())), chunked: true })).toMatchObject({ status: 200 });
    expect(await send(create(`\ufeff${JSON.stringify(createBody())}`))).toMatchObject({ status: 200 });
    expectProblem(await send(create('{"payload":')), 400, 'body_invalid');
    expectProblem(await send(create('['.repeat(17) + ']'.repeat(17))), 400, 'body_invalid');
    const large = create(JSON.stringify(createBody({ more: 'x'.repeat(70_000) })));
    expectProblem(await send(large), 413, 'body_too_large');
    expectProblem(await send({ ...large, chunked: true }), 413, 'body_too_large');
    const read = { ...operation('POST', origin + UNKNOWN, randomUUID()), chunked: true };
    expectProblem(await send({ ...read, fields: [...(read.fields ?? []), JSON_TYPE] }), 404, 'mailbox_not_found');
  });
});

describe('fetch:', () => {
  const relay = createRelay({ publicUrl: 'http://localhost' });
  const request = (body: string): Request =>
    new Request('http://localhost/v1/m', {
      method: 'POST',
      headers: [...(operation('POST', '', randomUUID(), {}).fields ?? [])].map(([name, value]) => [name, value]),
      body,
    });
  const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code: string }).code;

  test('a body that the host reads, or has read in part, gets 400 body_already_read', async () => {
    const locked = request(JSON.stringify(createBody()));
    locked.body?.getReader();
    expect(await codeOf(await relay.fetch(locked))).toBe('body_already_read');
  });

  test('a body whose stream ends with an error gets 400', async () => {
    const bugs: unknown[] = [];
    const off = relay.on('relay.failed', (event) => bugs.push(event));
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('gone')) });
    const streamed = new Request(request('{}'), { body: broken, duplex: 'half' } as RequestInit);
    expect(await codeOf(await relay.fetch(streamed))).toBe('body_invalid');
    expect(bugs).toEqual([]);
    off();
  });
});
