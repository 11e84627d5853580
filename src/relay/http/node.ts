import type { ServerResponse } from 'node:http';
import type { HeaderField, NodeHostRequest } from '../request.js';
import { createNodeRequest } from './node-request.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { NOT_FOUND } from './response.js';
import { type HandlerSettings, isListHeader, type RelayResponse, type RequestHandler } from './types.js';
import { discardUnread } from './unread-body.js';

/**
 * A handler for node:http, Express and Connect. It passes a path outside of the relay to `next`, or answers 404 without
 * `next`.
 */
export type NodeHandler = (
  request: NodeHostRequest,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

export function createNodeHandler(
  answer: RequestHandler,
  { matchPath, trustProxy, bodyBytes }: HandlerSettings,
): NodeHandler {
  return (request, response, next) => {
    const handed = request.url ?? '';
    const path = matchPath(request.originalUrl ?? handed, handed);
    if (path === undefined) {
      if (next !== undefined) next();
      else send(response, NOT_FOUND, false);
      return;
    }
    const details = { path, response, host: { req: request }, trustProxy, parsedBody: () => request.body };
    const due = waitForTurn(request, response);
    if (due === false) return; // The client has disconnected.
    const own = createNodeRequest(request, details);
    const answered = due === true ? answer(own) : handleInTurn(answer, own, due, bodyBytes);
    // `answer` never rejects. Only a wrapper of the host around the response can throw here.
    answered
      .then((reply) => {
        if (reply === undefined) return; // The client disconnected before its turn.
        discardUnread(request);
        send(response, reply, next !== undefined);
      })
      .catch((error: unknown) => (next === undefined ? response.destroy() : next(error)));
  };
}

function send(response: ServerResponse, answer: RelayResponse, hosted: boolean): void {
  // The client has disconnected, or the host has answered after a time-out of its own.
  if (response.destroyed || response.headersSent) return;
  if (answer.close === true && response.req.httpVersionMajor < 2) response.shouldKeepAlive = false;
  if (hosted || Object.hasOwn(response, 'writeHead')) sendThroughHost(response, answer);
  else response.writeHead(answer.status, flatten(answer.headers)).end(answer.body);
}

/** The list of names and values that `writeHead` takes. A loop takes 0.05 µs for six fields, `flat` 1.2 µs. */
function flatten(headers: readonly HeaderField[]): string[] {
  const list: string[] = [];
  for (const [name, value] of headers) list.push(name, value);
  return list;
}

/**
 * With middleware, the relay sets each field separately. `writeHead` with a list is faster, but `getHeader` does not
 * see the fields of the list, and wrappers of `writeHead` may not support a list.
 */
function sendThroughHost(response: ServerResponse, answer: RelayResponse): void {
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) {
    if (isListHeader(name)) response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.end(answer.body);
}
