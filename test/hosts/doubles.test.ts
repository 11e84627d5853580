/** Requests and responses that are not those of node:http: Lambda wrappers, test doubles, subclasses, proxies. */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createServer, IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRelay, type NodeHandler, type NodeHostRequest, type Relay } from 'credential-relay';
import express from 'express';
import createFastify from 'fastify';
import inject, { type DispatchFunc } from 'light-my-request';
import { createRequest, createResponse, type RequestMethod } from 'node-mocks-http';
import serverless from 'serverless-http';
import { afterEach, describe, expect, test } from 'vitest';
import { createBody, somePayload } from '../support/protocol/bodies.js';
import { createOperations } from '../support/protocol/device.js';
import { type Call, send } from '../support/protocol/http.js';

const BASE = 'http://localhost/relay';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

type Deliver = (call: Call) => Promise<Reply>;

const toClose: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

const pathOf = ({ url }: Call): string => new URL(url).pathname;
const headersOf = ({ fields = [] }: Call): Record<string, string> => Object.fromEntries(fields);
const lowerCase = (call: Call): Record<string, string> =>
  Object.fromEntries((call.fields ?? []).map(([name, value]) => [name.toLowerCase(), value]));

/** An event of API Gateway (HTTP API) through serverless-http. */
const throughLambda =
  (listener: RequestListener): Deliver =>
  async (call) => {
    const handle = serverless(listener);
    const event = {
      version: '2.0',
      rawPath: pathOf(call),
      headers: lowerCase(call),
      requestContext: { http: { method: call.method, sourceIp: '192.0.2.1' } },
      body: call.body,
      isBase64Encoded: false,
    };
    const answer = (await handle(event, {})) as { statusCode: number; headers: Record<string, string>; body: string };
    return { status: answer.statusCode, headers: answer.headers, text: answer.body };
  };

const throughInject =
  (listener: RequestListener): Deliver =>
  async (call) => {
    const { method, body = '' } = call;
    const dispatch = listener as unknown as DispatchFunc;
    const answer = await inject(dispatch, {
      method: method as 'GET',
      url: pathOf(call),
      headers: headersOf(call),
      ...(body === '' ? {} : { payload: body }),
    });
    return { status: answer.statusCode, headers: answer.headers, text: answer.payload };
  };

const throughMocks =
  (handle: NodeHandler): Deliver =>
  (call) => {
    const request = createRequest({
      method: call.method as RequestMethod,
      url: pathOf(call),
      headers: headersOf(call),
      ...(call.body === undefined ? {} : { body: JSON.parse(call.body) as object }),
    });
    const response = createResponse({ eventEmitter: EventEmitter });
    return new Promise((resolve) => {
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.getHeaders(), text: String(response._getData()) });
      });
      handle(request as unknown as NodeHostRequest, response as unknown as ServerResponse);
    });
  };

/** A request that a test wrote by hand: nothing but the members that it needs. */
const throughBareObjects =
  (handle: NodeHandler): Deliver =>
  (call) =>
    new Promise((resolve) => {
      const headers: Record<string, unknown> = {};
      const response = {
        statusCode: 0,
        setHeader(name: string, value: unknown) {
          headers[name.toLowerCase()] = value;
        },
        getHeader: (name: string) => headers[name.toLowerCase()],
        end: (text: string) => resolve({ status: response.statusCode, headers, text }),
      };
      const request = {
        method: call.method,
        url: pathOf(call),
        headers: lowerCase(call),
        ...(call.body === undefined ? {} : { body: JSON.parse(call.body) as object }),
      };
      handle(request as unknown as NodeHostRequest, response as unknown as ServerResponse);
    });

/** A server whose requests or responses differ from those of node:http. */
function throughServer(change: (response: ServerResponse) => ServerResponse, options = {}) {
  return (handle: NodeHandler): Deliver => {
    const server = createServer(options, (request, response) => handle(request, change(response)));
    const listening = new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
    toClose.push(() => server.close());
    return async (call) => send({ ...call, url: `http://127.0.0.1:${await listening}${pathOf(call)}` });
  };
}

/** As in serverless-http: `writeHead` on the prototype, for an object of headers only. */
class OwnResponse extends ServerResponse {
  override writeHead(status: number, first?: unknown): this {
    for (const [name, value] of Object.entries(first ?? {})) this.setHeader(name, String(value));
    return super.writeHead(status);
  }
}

/** Passes on what Node requires to be called on the response itself; Node answers nothing through the object alone. */
const inherit = (response: ServerResponse): ServerResponse =>
  Object.create(response, {
    statusCode: {
      get: () => response.statusCode,
      set: (status: number) => Object.assign(response, { statusCode: status }),
    },
    setHeader: { value: (name: string, value: string) => response.setHeader(name, value) },
    end: { value: (text: string) => response.end(text) },
  });

const bindMembers = (response: ServerResponse): ServerResponse =>
  new Proxy(response, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

const HOSTS: ReadonlyArray<readonly [name: string, mount: (relay: Relay) => Deliver | Promise<Deliver>]> = [
  ['serverless-http around the handler', (relay) => throughLambda((q, a) => relay.node()(q, a))],
  ['serverless-http around Express', (relay) => throughLambda(express().use('/relay', relay.node()))],
  [
    'serverless-http around Express with a body parser',
    (relay) => throughLambda(express().use(express.json()).use('/relay', relay.node())),
  ],
  ['light-my-request', (relay) => throughInject(relay.node())],
  ['light-my-request and Express', (relay) => throughInject(express().use('/relay', relay.node()))],
  [
    'inject of Fastify',
    async (relay) => {
      const app = createFastify();
      const handle = relay.node();
      app.addHook('onRequest', (request, reply, done) => handle(request.raw, reply.raw, () => done()));
      await app.ready();
      return throughInject((request, response) => app.routing(request, response));
    },
  ],
  ['node-mocks-http', (relay) => throughMocks(relay.node())],
  [
    'node-mocks-http with a next function',
    (relay) => {
      const handle = relay.node();
      return throughMocks((request, response) => handle(request, response, () => undefined));
    },
  ],
  ['objects without rawHeaders, socket and streams', (relay) => throughBareObjects(relay.node())],
  ['a subclass of ServerResponse', (relay) => throughServer((r) => r, { ServerResponse: OwnResponse })(relay.node())],
  [
    'a subclass of IncomingMessage without a socket',
    (relay) => throughServer((r) => r, { IncomingMessage: class extends IncomingMessage {} })(relay.node()),
  ],
  ['an object that inherits from the response', (relay) => throughServer(inherit)(relay.node())],
  ['a Proxy around the response', (relay) => throughServer(bindMembers)(relay.node())],
];

describe.each(HOSTS)('%s', (_name, mount) => {
  test('serves a whole transfer', async () => {
    const deliver = await mount(createRelay({ publicUrl: BASE }));
    const [sender, receiver, other] = [1, 2, 3].map(() => createOperations(randomUUID(), deliver));
    if (sender === undefined || receiver === undefined || other === undefined) throw new Error('no devices');
    const [first, second] = [somePayload(), somePayload()];
    const json = async (reply: Promise<Reply>) => JSON.parse((await reply).text);

    const created = await sender.create(BASE, createBody({ payload: first }));
    expect(created.status).toBe(200);
    expect(created.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store, no-transform',
      'mailbox-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(Object.keys(created.headers).filter((name) => /^\d+$/.test(name))).toEqual([]);
    const url = String(JSON.parse(created.text).urlLink);
    expect(url.startsWith(`${BASE}/v1/m/`)).toBe(true);
    expect(await receiver.preview(url)).toMatchObject({ status: 200, text: expect.stringContaining('og:title') });
    expect(await json(receiver.read(url))).toMatchObject({ payload: first });
    expect(await other.read(url)).toMatchObject({ status: 401, text: expect.stringContaining('mailbox_taken') });
    expect(await receiver.update(url, second)).toMatchObject({ status: 200 });
    expect(await json(sender.read(url))).toMatchObject({ payload: second });
    expect(await receiver.delete(url)).toMatchObject({ status: 200 });
    expect(await sender.read(url)).toMatchObject({ status: 404, text: expect.stringContaining('mailbox_not_found') });
  });
});

test('a handler without a next function answers a path of the host for objects without a stream', async () => {
  const deliver = throughBareObjects(createRelay({ publicUrl: BASE }).node());
  expect(await deliver({ method: 'GET', url: 'http://localhost/' })).toMatchObject({ status: 404 });
});

test('a response of node:http itself gets its headers in one call', async () => {
  const lists: unknown[] = [];
  const { writeHead } = ServerResponse.prototype;
  const deliver = throughServer((response) => {
    // A member of `writeHead` that only the list path uses.
    const { end } = response;
    response.end = ((...args: never[]) => {
      lists.push(response.getHeaderNames().length);
      return Reflect.apply(end, response, args);
    }) as typeof end;
    return response;
  })(createRelay({ publicUrl: BASE }).node());
  expect(ServerResponse.prototype.writeHead).toBe(writeHead);
  expect(await createOperations(randomUUID(), deliver).create(BASE)).toMatchObject({ status: 200 });
  expect(lists).toEqual([0]);
});
