/** Hosts that wrap the response, as middleware for compression, logging and sessions does. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRelay, type Relay } from 'credential-relay';
import express from 'express';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';
import { expectPage, expectProblem } from '../support/hosts/expect.js';
import { express4 } from '../support/hosts/express.js';
import { openServer } from '../support/hosts/server.js';
import { createBody } from '../support/protocol/bodies.js';
import { operation } from '../support/protocol/device.js';
import { type Answer, send } from '../support/protocol/http.js';

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const toClose: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

const APPS = [
  ['express 4', (relay: Relay, first: Middleware) => express4().disable('x-powered-by').use(first, relay.node())],
  ['express 5', (relay: Relay, first: Middleware) => express().disable('x-powered-by').use(first, relay.node())],
  [
    'node:http',
    (relay: Relay, first: Middleware) => (request: IncomingMessage, response: ServerResponse) =>
      first(request, response, () => relay.node()(request, response)),
  ],
] as const;

async function create(origin: string): Promise<Answer> {
  const { fields = [], ...call } = operation('POST', `${origin}/v1/m`, randomUUID(), createBody());
  return send({ ...call, fields: [...fields, ['Origin', 'https://app.example']] });
}

/** A `writeHead` that sets one more header, and accepts only a status and an object of headers. */
const wrapWriteHead: Middleware = (_request, response, next) => {
  const { writeHead } = response;
  response.writeHead = (status: number, headers: unknown = {}) => {
    for (const [name, value] of Object.entries(headers as object)) response.setHeader(name, String(value));
    response.setHeader('X-Response-Time', '1ms');
    return writeHead.call(response, status);
  };
  next();
};

describe.each(APPS)('%s', (_name, build) => {
  async function serve(first: Middleware, cors?: { origins: string[] }): Promise<string> {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const relay = createRelay({ publicUrl: origin, ...(cors === undefined ? {} : { cors }) });
    server.on('request', build(relay, first));
    return origin;
  }

  test('a wrapped writeHead that does not know lists of headers loses no header', async () => {
    const answer = await create(await serve(wrapWriteHead));
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'x-response-time': '1ms',
        'cache-control': 'no-store, no-transform',
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(answer.text)),
      },
    });
    expect(Object.keys(answer.headers).filter((name) => /^\d+$/.test(name))).toEqual([]);
  });

  test('headers that the host had set stay', async () => {
    const first: Middleware = (_request, response, next) => {
      response.setHeader('X-Frame-Options', 'DENY');
      response.setHeader('Cache-Control', 'public');
      next();
    };
    expect(await create(await serve(first))).toMatchObject({
      status: 200,
      headers: { 'x-frame-options': 'DENY', 'cache-control': 'no-store, no-transform' },
    });
  });
});

describe('the answer has Vary of the host and Vary of the relay', () => {
  const cors = { origins: ['https://app.example'] };

  test('in express', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const first: Middleware = (_request, response, next) => {
      response.setHeader('Vary', 'Accept-Encoding');
      next();
    };
    server.on('request', express().use(first, createRelay({ publicUrl: origin, cors }).node()));
    expect((await create(origin)).headers.vary).toBe('Accept-Encoding, Origin');
  });

  test('in koa', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const app = new Koa().use((ctx, next) => {
      ctx.vary('Accept-Encoding');
      return next();
    });
    server.on('request', app.use(createRelay({ publicUrl: origin, cors }).koa()).callback());
    expect((await create(origin)).headers.vary).toBe('Accept-Encoding, Origin');
  });
});

describe('a wrapper that throws', () => {
  const throwing: Middleware = (_request, response, next) => {
    const { end } = response;
    response.end = () => {
      response.end = end;
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      throw new Error('secret of the host');
    };
    next();
  };

  test("ends in express's error handler", async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const app = express().use(throwing, createRelay({ publicUrl: origin }).node());
    const onError: express.ErrorRequestHandler = (_error, _request, response, _next) => {
      response.status(500).send('the host failed');
    };
    server.on('request', app.use(onError));
    expectPage(await create(origin), 500, 'the host failed');
  });

  test('ends only its own connection on a bare node:http server', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const handle = createRelay({ publicUrl: origin }).node();
    server.once('request', (request, response) => {
      throwing(request, response, () => handle(request, response));
      server.on('request', handle);
    });
    await expect(create(origin)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expectProblem(await send({ method: 'GET', url: `${origin}/v1/m` }), 405, 'method_not_allowed');
  });
});
