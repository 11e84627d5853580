/** examples/browser/exchange-log.ts and recorder.ts, and their limits. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as sendTo } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { getRequestListener } from '@hono/node-server';
import { createRelay } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { ExchangeLog, type LogEvent, MAXIMUM_EXCHANGES } from '../../../examples/browser/exchange-log.js';
import { createRecorder } from '../../../examples/browser/recorder.js';

const exchange = (id: number, body = '') => ({
  id,
  method: 'POST',
  path: '/v1/m',
  operation: 'CreateMailbox',
  request: { headers: [], body },
});

type Reader = ReadableStreamDefaultReader<Uint8Array>;
const getReader = ({ body }: Response): Reader => (body as ReadableStream<Uint8Array>).getReader();

async function readEvent(reader: Reader): Promise<LogEvent | undefined> {
  const { value } = await reader.read();
  return value === undefined ? undefined : JSON.parse(new TextDecoder().decode(value).replace('data: ', ''));
}

describe('the exchange log', () => {
  it('the exchange log keeps the latest 200 exchanges', async () => {
    const log = new ExchangeLog();
    for (let id = 1; id <= MAXIMUM_EXCHANGES + 50; id += 1) log.put(exchange(id));
    const event = await readEvent(getReader(log.stream()));
    const ids = event?.type === 'all' ? event.exchanges.map(({ id }) => id) : [];
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([MAXIMUM_EXCHANGES, 51, MAXIMUM_EXCHANGES + 50]);
  });

  it('the exchange log serves 16 streams, and a new one after one has ended', async () => {
    const log = new ExchangeLog();
    const streams = Array.from({ length: 20 }, () => log.stream());
    expect(streams.filter(({ status }) => status === 200)).toHaveLength(16);
    expect(streams.filter(({ status }) => status === 503)).toHaveLength(4);
    await streams[3]?.body?.cancel();
    expect(log.stream().status).toBe(200);
  });

  it('the exchange log ends the stream of a page that does not read, and no other stream', async () => {
    const log = new ExchangeLog();
    const [idle, reader] = [getReader(log.stream()), getReader(log.stream())];
    await readEvent(reader);
    const body = 'x'.repeat(1024 * 1024);
    for (let id = 1; id <= 20; id += 1) {
      log.put(exchange(id, body));
      expect((await readEvent(reader))?.type).toBe('exchange');
    }
    let bytes = 0;
    for (let part = await idle.read(); part.value !== undefined; part = await idle.read()) bytes += part.value.length;
    expect(bytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    log.tampering = true;
    expect(await readEvent(reader)).toEqual({ type: 'tampering', tampering: true });
  });
});

describe('the recorder', () => {
  it('the recorder keeps the start of path, headers and body, also of a body in chunks of one byte', async () => {
    const log = new ExchangeLog();
    const seen: string[] = [];
    const relay = async (request: Request): Promise<Response> => {
      seen.push(await request.text());
      return new Response('y'.repeat(100_000), { headers: { 'Mailbox-Version': 'z'.repeat(5000) } });
    };
    let left = 70_000;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        left -= 1;
        if (left < 0) controller.close();
        else controller.enqueue(new Uint8Array([97]));
      },
    });
    const url = `https://relay.example/relay/v1/m/${'a'.repeat(5000)}`;
    const headers = { 'Mailbox-Device-Claim': 'c'.repeat(5000) };
    const answer = await createRecorder(
      relay,
      log,
    )(new Request(url, { method: 'POST', headers, body, duplex: 'half' }));
    expect(await answer.text()).toHaveLength(100_000);
    expect(seen[0]).toHaveLength(65_537);
    const event = await readEvent(getReader(log.stream()));
    expect(JSON.stringify(event).length).toBeLessThan(10_000);
  });

  it('the recorder reads at most 1 MiB of a body, and the relay refuses the body', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 65_536;
        controller.enqueue(new Uint8Array(65_536));
        if (pulled === 8_388_608) controller.close();
      },
    });
    const url = 'https://relay.example/relay/v1/m';
    const { fetch: relay } = createRelay({ publicUrl: 'https://relay.example/relay' });
    const handler = createRecorder(relay, new ExchangeLog());
    const request = new Request(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Mailbox-Device-Claim': randomUUID(),
        'Mailbox-Request-ID': randomUUID(),
      },
      body,
      duplex: 'half',
    });
    expect((await handler(request)).status).toBe(413);
    expect(pulled).toBeLessThanOrEqual(1_048_576 + 3 * 65_536);
  });

  it('the recorder passes a refusal on before the client has sent the whole body', async () => {
    const { fetch: relay } = createRelay({ publicUrl: 'http://127.0.0.1/relay' });
    const server = createServer(getRequestListener(createRecorder(relay, new ExchangeLog()))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const sent = sendTo({
      method: 'POST',
      host: '127.0.0.1',
      port,
      path: '/relay/v1/m',
      headers: {
        'Content-Length': 8_388_608,
        'Content-Type': 'application/json',
        'Mailbox-Device-Claim': randomUUID(),
        'Mailbox-Request-ID': randomUUID(),
      },
    });
    sent.on('error', () => undefined); // The server can close the connection after its answer.
    sent.write(Buffer.alloc(4_194_304, 'a'));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(413);
    expect(await text(answer)).toContain('body_too_large');
    sent.destroy();
    server.close();
    server.closeAllConnections();
  });
});
