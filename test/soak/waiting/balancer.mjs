/** A small balancer over HTTP/1: every request goes to one of two, and to the other if the first does not answer it. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';

/**
 * Starts it. Requests are sent again as they are: their Request-ID makes that safe, whatever became of the first.
 * @param {readonly string[]} upstreams origins
 */
export async function startBalancer(upstreams) {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 10_000 });
  const figures = { requests: 0, retries: 0, failures: 0, waits: 0 };
  let last = 0;

  /**
   * @param {string} origin
   * @param {import('node:http').IncomingMessage} incoming
   * @param {Buffer} body
   * @returns {Promise<{ response: import('node:http').IncomingMessage, content: Buffer }>}
   */
  function pass(origin, incoming, body) {
    const { connection: _, ...headers } = incoming.headers;
    return new Promise((resolve, reject) => {
      const sent = request(origin + incoming.url, { method: incoming.method, agent, headers });
      sent.on('error', reject);
      sent.on('response', (response) => {
        /** @type {Buffer[]} */
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          if (response.complete) resolve({ response, content: Buffer.concat(parts) });
          else reject(new Error('The answer was cut short.'));
        });
      });
      sent.end(body);
    });
  }

  const server = createServer({ keepAliveTimeout: 65_000 }, async (incoming, outgoing) => {
    /** @type {Buffer[]} */
    const parts = [];
    for await (const part of incoming) parts.push(part);
    figures.requests += 1;
    if (incoming.headers.prefer !== undefined) figures.waits += 1;
    last += 1;
    let origin = upstreams[last % upstreams.length] ?? '';
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        const { response, content } = await pass(origin, incoming, Buffer.concat(parts));
        const { connection: _, 'keep-alive': __, ...headers } = response.headers;
        outgoing.writeHead(response.statusCode ?? 502, headers).end(content);
        return;
      } catch {
        figures.retries += 1;
        const failed = origin; // There may be others by now than when it was chosen.
        origin = upstreams.find((other) => other !== failed) ?? origin;
      }
    }
    figures.failures += 1;
    outgoing.writeHead(502).end();
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`,
    figures,
    /** From now on requests go to these. @param {readonly string[]} origins */
    use(origins) {
      upstreams = origins;
    },
    close() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}
