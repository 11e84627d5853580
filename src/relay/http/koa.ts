import type { KoaContext, NodeHostRequest } from '../request.js';
import { createNodeRequest } from './node-request.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { type HandlerSettings, isListHeader, type RelayResponse, type RequestHandler } from './types.js';
import { discardUnread } from './unread-body.js';

/** Koa middleware. It passes a path outside of the relay to the next middleware. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>;

/** Answers through `ctx`, so that logging, timing and compression of the host work. */
export function createKoaHandler(
  answer: RequestHandler,
  { matchPath, trustProxy, bodyBytes }: HandlerSettings,
): KoaMiddleware {
  return async (context, next) => {
    // If Koa is mounted in Express, Express strips the prefix and keeps the original URL.
    const { originalUrl = context.originalUrl }: NodeHostRequest = context.req;
    const path = matchPath(originalUrl, context.url);
    if (path === undefined) {
      await next();
      return;
    }
    const due = waitForTurn(context.req, context.res);
    if (due === false) return; // The client has disconnected.
    const parsedBody = (): unknown => ('body' in context.request ? context.request.body : undefined);
    const host = { ctx: context, req: context.req };
    const request = createNodeRequest(context.req, { path, response: context.res, host, trustProxy, parsedBody });
    const reply = await (due === true ? answer(request) : handleInTurn(answer, request, due, bodyBytes));
    if (reply === undefined) return; // The client disconnected before its turn.
    discardUnread(context.req);
    send(context, reply);
  };
}

function send(context: KoaContext, answer: RelayResponse): void {
  let typed = false;
  context.status = answer.status;
  // Set the type before the body: Koa guesses a missing type from the body. Koa also sets Content-Length.
  for (const [name, value] of answer.headers) {
    if (name === 'Content-Type') typed = true;
    if (isListHeader(name)) context.append(name, value);
    else if (name !== 'Content-Length') context.set(name, value);
  }
  if (answer.close === true && context.req.httpVersionMajor < 2) context.set('Connection', 'close');
  context.body = answer.status === 204 ? null : answer.body;
  if (!typed) context.remove('Content-Type');
}
