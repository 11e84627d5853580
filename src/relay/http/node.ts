import { ServerResponse } from 'node:http';
import type { HeaderField, NodeHostRequest } from '../request.js';
import { isNodeCall, type RefuseCall } from './misuse.js';
import { noteAnswered } from './mount-watch.js';
import { createNodeRequest } from './node-request.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { NOT_FOUND } from './response.js';
import { type HandlerSettings, isListHeader, type RelayResponse, type RequestHandler } from './types.js';
import { discardUnread } from './unread-body.js';

/**
 * A handler for node:http, Express and Connect. It passes a path outside of the relay to `next`, or answers 404 without
 * `next`. A host that calls it with other arguments gets a TypeError that names the handler for this host.
 */
export type NodeHandler = (
  request: NodeHostRequest,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** The host did not wait, as Koa and an async hook of Fastify do not, or it has a time-out of its own. */
const ANSWERED_BY_HOST =
  'The host answered a request before relay.node() did. For Koa use app.use(relay.koa()). In Fastify use an onRequest ' +
  'hook with the argument done, or call reply.hijack(). A time-out of the host must be longer than ' +
  'longPoll.maximumSeconds.';

type Next = (error?: unknown) => void;

export function createNodeHandler(
  answer: RequestHandler,
  { matchPath, mountWatch, onMisuse, trustProxy, bodyBytes }: HandlerSettings,
  refuse: RefuseCall,
): NodeHandler {
  /** Leaves a request to the host. */
  function leave(target: string, request: NodeHostRequest, response: ServerResponse, next: Next | undefined): void {
    const isMisplaced = mountWatch?.isMisplaced(target, (field) => request.headers?.[field]) === true;
    if (isMisplaced && next === undefined) mountWatch.warn(target);
    if (isMisplaced && next !== undefined) {
      const { settled } = mountWatch.follow(target, response);
      response.once('finish', () => settled(response.statusCode));
    }
    if (next !== undefined) next();
    else send(response, NOT_FOUND, { request, hosted: false });
  }

  return (request, response, next) => {
    if (!isNodeCall(request, response)) return refuse(request, response, next);
    const target = request.originalUrl ?? request.url ?? '';
    const path = matchPath(target);
    if (path === undefined) return leave(target, request, response, next);
    noteAnswered(response);
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
        if (response.headersSent) onMisuse(ANSWERED_BY_HOST);
        else send(response, reply, { request, hosted: next !== undefined });
      })
      .catch((error: unknown) => (next === undefined ? response.destroy() : next(error)));
  };
}

interface SendDetails {
  readonly request: NodeHostRequest;
  /** True if the handler is middleware of a host. */
  readonly hosted: boolean;
}

function send(response: ServerResponse, answer: RelayResponse, { request, hosted }: SendDetails): void {
  if (response.destroyed) return; // The client has disconnected.
  if (answer.close === true && !(request.httpVersionMajor >= 2)) response.shouldKeepAlive = false;
  if (hosted || !isPlain(response)) sendThroughHost(response, answer);
  else response.writeHead(answer.status, flatten(answer.headers)).end(answer.body);
}

const { prototype } = ServerResponse;
const { writeHead } = prototype;

/** False if another package had replaced the method of node:http before this module was loaded. */
const isNodesOwn = /^function writeHead\(statusCode, reason, obj\)/.test(Function.prototype.toString.call(writeHead));

/**
 * True for a response of node:http itself. A subclass (serverless-http), a Proxy, an object that inherits from the
 * response, and a method replaced by middleware may not know the list of `writeHead`.
 */
function isPlain(response: ServerResponse): boolean {
  return isNodesOwn && response.writeHead === writeHead && Object.getPrototypeOf(response) === prototype;
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
    if (isListHeader(name)) appendHeader(response, name, value);
    else response.setHeader(name, value);
  }
  response.end(answer.body);
}

/** A test double may lack `appendHeader`, which is newer than the other methods. */
function appendHeader(response: ServerResponse, name: string, value: string): void {
  if (typeof response.appendHeader === 'function') return void response.appendHeader(name, value);
  const before = response.getHeader(name) ?? [];
  response.setHeader(name, [...(Array.isArray(before) ? before : [String(before)]), value]);
}
