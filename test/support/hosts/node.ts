import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { NodeHostRequest } from 'credential-relay';
import { type Build, lookalikes, SAYS, type Site, statusOf } from './site.js';

/** node:http with some handwritten pages. The relay is one of the handlers. */
export const buildNode: Build = (relay, site) => {
  const handle = relay.node();

  async function respond(request: NodeHostRequest, response: ServerResponse): Promise<void> {
    if (request.url === '/before') {
      response.end(SAYS.before);
      return;
    }
    if (site.body === 'swallowed') await text(request);
    if (site.body === 'parsed' && request.headers['content-type'] === 'application/json') {
      request.body = JSON.parse(await text(request));
    }
    handle(request, response, () => {
      pagesBehind(request, response, site).catch((error) => fail(response, error));
    });
  }

  return (request, response) => {
    const header = (name: string): string => String(response.getHeader(name) ?? '');
    response.on('finish', () => {
      const { statusCode: status } = response;
      site.saw({ status, type: header('Content-Type'), requestId: header('Mailbox-Request-ID') });
    });
    respond(request, response).catch((error) => fail(response, error));
  };
};

async function pagesBehind(
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  { prefix, body }: Site,
): Promise<void> {
  const { url = '' } = request;
  if (url === '/fails') throw new Error('secret of the host');
  if (url === '/echo') response.end(body === 'parsed' ? JSON.stringify(request.body) : await text(request));
  else if (url === '/after') response.end(SAYS.after);
  else if (lookalikes(prefix).includes(url)) response.end(SAYS.lookalike);
  else response.writeHead(404).end(SAYS.missing);
}

function fail(response: ServerResponse, error: unknown): void {
  response.writeHead(statusOf(error)).end(SAYS.failed);
}
