/** examples/cluster: its balancer, in front of servers that misbehave. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createRelay, type Relay } from 'credential-relay';
import { generateSecret } from 'credential-relay/client';
import { afterEach, describe, expect, test } from 'vitest';
import { type BalancerEvent, createBalancer, type Target } from '../../../examples/cluster/balancer.js';
import { createPhone } from '../../../examples/cluster/phone.js';
import { expectProblem } from '../../support/hosts/expect.js';
import { createBody, somePayload } from '../../support/protocol/bodies.js';
import { claimField, newDevice, operation } from '../../support/protocol/device.js';
import { type Field, send } from '../../support/protocol/http.js';
import { until } from '../../support/redis/server.js';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A balancer in front of one server for each listener, in this order: A, B, C. */
async function balance(...listeners: readonly RequestListener[]) {
  const told: BalancerEvent[] = [];
  const targets: Target[] = [];
  const url = await listen(
    createBalancer(
      () => targets,
      (one) => told.push(one),
    ),
  );
  for (const [index, listener] of listeners.entries()) {
    targets.push({ name: 'ABC'[index] ?? '', url: await listen(createServer(listener)) });
  }
  // The second is asked first: that is how it takes turns.
  targets.unshift(...targets.splice(-1));
  return { url, said: () => told.map(({ type: what, target }) => `${target.name} ${what}`) };
}

const answers: RequestListener = (_request, response) => void response.end('here');
/** Reads the request to its end, and is gone before it has answered: kill -9. */
const dies: RequestListener = async (incoming) => {
  await text(incoming);
  incoming.socket.destroy();
};
const get = (url: string) => send({ method: 'GET', url });

describe('the balancer', () => {
  test('the balancer uses the processes in turn, and names the one that answered', async () => {
    const { url } = await balance(answers, answers, answers);
    const names = [];
    for (let count = 0; count < 6; count += 1) names.push((await get(url)).headers['served-by']);
    expect(names).toEqual(['A', 'B', 'C', 'A', 'B', 'C']);
  });

  test('the balancer forwards no field that `Connection` names, in both directions [RFC 9110 §7.6.1]', async () => {
    const { url } = await balance((incoming, response) => {
      response.writeHead(200, { Connection: 'close, X-Secret', 'X-Secret': '1', 'X-Told': '1' });
      response.end(JSON.stringify(incoming.rawHeaders.map((name) => name.toLowerCase())));
    });
    const fields: Field[] = [
      ['Connection', 'close, X-Hop'],
      ['X-Hop', '1'],
      ['X-Kept', '1'],
    ];
    const answer = await send({ method: 'GET', url, fields });
    expect(JSON.parse(answer.text)).not.toContain('x-hop');
    expect(JSON.parse(answer.text)).toContain('x-kept');
    expect([answer.headers['x-secret'], answer.headers['x-told']]).toEqual([undefined, '1']);
  });

  test('the balancer refuses a body over the relay’s limit with 413, without a request to a process', async () => {
    const { url, said } = await balance(answers, answers);
    expect((await send({ method: 'PUT', url, body: 'x'.repeat(65_536) })).status).toBe(200);
    const before = said().length;
    expect((await send({ method: 'PUT', url, body: 'x'.repeat(65_537) })).status).toBe(413);
    expect(said().length).toBe(before);
  });

  test('the balancer forwards path, fields, body and answer unchanged', async () => {
    const { url } = await balance(async (incoming, response) => {
      response.writeHead(418, ['X-One', '1', 'X-One', '2', 'Keep-Alive', 'timeout=7']);
      response.end(JSON.stringify([incoming.method, incoming.url, incoming.rawHeaders, await text(incoming)]));
    });
    const fields: Field[] = [
      ['Mailbox-Device-Claim', 'one'],
      ['mailbox-device-claim', 'two'],
    ];
    const call = { method: 'PUT', url, target: '//x/../y?z=%2F', fields, body: 'ä'.repeat(30_000) }; // 60,000 bytes
    for (const chunked of [false, true]) {
      const answer = await send({ ...call, chunked });
      expect(answer).toMatchObject({ status: 418, headers: { 'x-one': '1, 2' } });
      expect(answer.headers['keep-alive']).toBeUndefined();
      const [method, path, raw, body] = JSON.parse(answer.text) as [string, string, string[], string];
      expect([method, path, body]).toEqual([call.method, call.target, call.body]);
      expect(raw).toEqual([
        ...fields.flat(),
        'Host',
        new URL(url).host,
        'Content-Length',
        '60000',
        'Connection',
        'keep-alive',
      ]);
    }
  });

  test('the balancer sends the whole request to another process if one dies, and avoids that one', async () => {
    const { url, said } = await balance(dies, async (incoming, response) => void response.end(await text(incoming)));
    const answer = await send({ method: 'PUT', url, body: 'whole' });
    expect(answer).toMatchObject({ status: 200, text: 'whole', headers: { 'served-by': 'B' } });
    expect(said()).toEqual(['A asked', 'A lost', 'B asked', 'B answered']);
    for (let count = 0; count < 4; count += 1) expect((await get(url)).headers['served-by']).toBe('B');
    expect(said().filter((what) => what === 'A asked')).toHaveLength(1);
  });

  test('the balancer tries no other process after the first byte of an answer', async () => {
    const { url, said } = await balance((incoming, response) => {
      response.writeHead(200, { 'Content-Length': 9 });
      response.write('half', () => incoming.socket.destroy());
    }, answers);
    await expect(get(url)).rejects.toThrow();
    expect(said()).toEqual(['A asked', 'A answered']);
  });

  test('the balancer aborts the request to a process when the client disconnects', async () => {
    let asked: IncomingMessage | undefined;
    const { url, said } = await balance((incoming) => {
      asked = incoming;
    }, answers);
    const outgoing = request(url).end();
    outgoing.on('error', () => undefined);
    await until(() => asked !== undefined, 'the request');
    const closed = once(asked?.socket as NonNullable<IncomingMessage['socket']>, 'close');
    outgoing.destroy();
    await closed;
    await until(() => said().length === 2, 'the news');
    expect(said()).toEqual(['A asked', 'A left']);
  });

  test('the balancer answers 503 if no process answers', async () => {
    const { url, said } = await balance(dies, dies);
    expect(await get(url)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(said()).toEqual(['A asked', 'A lost', 'B asked', 'B lost']);
  });
});

/** Carries a request out, and is gone before a byte of the answer. */
function diesAfter(relay: Relay): RequestListener {
  const handle = relay.node();
  return (incoming, response) => {
    response.writeHead = () => response.destroy() as never;
    handle(incoming, response);
  };
}

describe('relays behind the balancer', () => {
  test('[§3] a write that a process carried out without an answer takes effect once at the next one', async () => {
    const relay = createRelay({ publicUrl: 'http://127.0.0.1' });
    const { url: base } = await balance(diesAfter(relay), relay.node());
    const sender = newDevice();
    const payload = somePayload();
    const created = await sender.create(base, createBody({ payload }));
    expect(created).toMatchObject({ status: 201, headers: { 'served-by': 'B' } });
    const url = base + new URL(String(created.json.urlLink)).pathname;
    expect((await sender.read(url)).json).toMatchObject({ payload });
    await relay.close();
  });

  test('[§3] a repeated update is answered 201 and a repeated delete 404, so the phones need no retry', async () => {
    const { url: good } = await balance((incoming, response) => handle(incoming, response));
    const relay = createRelay({ publicUrl: good, accessRights: 'RWD' });
    const handle = relay.node();
    const [{ url: first }, { url: second }] = [
      await balance(diesAfter(relay), relay.node()),
      await balance(diesAfter(relay), relay.node()),
    ];
    const secret = generateSecret();
    const statuses: number[] = [];
    const seen: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      statuses.push(response.status);
      return response;
    };
    const [sender, receiver] = [createPhone(secret, fetch), createPhone(secret, seen)];
    const path = new URL(await sender.create(good, 'the key')).pathname;
    await receiver.awaitMessage(good + path, 'the key');
    await receiver.write(first + path, 'request');
    await sender.awaitMessage(good + path, 'request');
    await sender.write(good + path, 'response');
    await receiver.awaitMessage(good + path, 'response');
    await receiver.remove(second + path);
    await sender.awaitEnd(good + path);
    expect(statuses).toEqual([200, 201, 200, 404]);
    await relay.close();
  });

  test('[§8] a held read is answered after a change, and a repeated field is still refused', async () => {
    const relay = createRelay({ publicUrl: 'http://127.0.0.1' });
    const { url: base } = await balance(relay.node(), relay.node());
    const [sender, receiver] = [newDevice(), newDevice()];
    const url = base + new URL(String((await sender.create(base)).json.urlLink)).pathname;
    const read = await receiver.read(url);

    const version = String(read.headers['mailbox-version']);
    const waiting: Field[] = [claimField(receiver.claim), ['Mailbox-Known-Version', version], ['Prefer', 'wait=9']];
    const held = send({ method: 'POST', url, fields: waiting });
    await until(() => relay.stats().waiters === 1, 'the read to be held');
    const payload = somePayload();
    await sender.update(url, payload);
    expect((await held).json).toMatchObject({ payload });

    const twice = operation('POST', url, receiver.claim);
    const fields = [...(twice.fields ?? []), claimField(receiver.claim)];
    expectProblem(await send({ ...twice, fields }), 401, 'claim_invalid');
    await relay.close();
  });
});
