import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Model, ModelAnswer } from '../sample.js';
import { readBody } from './body.js';

/*
 * C0, the bare ceiling: what it costs to take the same bytes in and to give the same bytes out, with nothing promised.
 * It shares no code with the relay.
 */

/** A store that is as many awaits away as the relay's: six for a transfer. */
export function createBareStore(): {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
} {
  const entries = new Map<string, unknown>();
  return {
    get: async (key) => entries.get(key),
    set: async (key, value) => void entries.set(key, value),
  };
}

/** What stays of a deleted mailbox. */
export const BARE_TOMBSTONE = { tombstone: true };

/** A plain handler of node:http that gives fixed answers. */
export function bareListener(model: Model): RequestListener {
  const store = createBareStore();
  const [beforeIdentifier = '', afterIdentifier = ''] = model.create.body.split(model.identifier);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const identifier = (request.url ?? '').slice('/v1/m/'.length);
    if (identifier === '') {
      const body: unknown = JSON.parse((await readBody(request)).toString());
      const created = randomUUID();
      await store.set(created, body);
      return send(response, model.create, beforeIdentifier + created + afterIdentifier);
    }
    const found = await store.get(identifier);
    if (found === undefined) return void response.writeHead(404, ['Content-Length', '0']).end();
    if (request.method === 'GET') return send(response, model.preview);
    if (request.method === 'POST') {
      await store.set(identifier, found);
      return send(response, model.read);
    }
    await store.set(identifier, BARE_TOMBSTONE);
    return send(response, model.remove);
  }

  return (request, response) => void handle(request, response);
}

function send(response: ServerResponse, answer: ModelAnswer, body = answer.body): void {
  response.writeHead(200, answer.headers as string[]);
  response.end(body);
}
