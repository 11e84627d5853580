import type { KoaContext, NodeHostRequest } from '../request.js';
import { createNodeRequest, discardUnread } from './node-request.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { type HandlerSettings, isListHeader, type RelayResponse, type RequestHandler } from './types.js';

/** The Koa door: `app.use(relay.koa())`. Paths that are not the relay's go on to the next middleware. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>;

/** Makes the Koa door. Answers go through `ctx`, so that the host's logging, timing and compression see them. */
export function createKoaHandler(
  answer: RequestHandler,
  { matchPath, trustProxy, bodyBytes }: HandlerSettings,
): KoaMiddleware {
  return async (context, next) => {
    // Koa itself may be mounted in Express, which strips the prefix before Koa sees the request.
    const { originalUrl = context.originalUrl }: NodeHostRequest = context.req;
    const path = matchPath(originalUrl, context.url);
    if (path === undefined) {
      await next();
      return;
    }
    const due = waitForTurn(context.req, context.res);
    if (due === false) return; // The client has left.
    const parsedBody = (): unknown => ('body' in context.request ? context.request.body : undefined);
    const host = { ctx: context, req: context.req };
    const request = createNodeRequest(context.req, { path, response: context.res, host, trustProxy, parsedBody });
    const reply = await (due === true ? answer(request) : handleInTurn(answer, request, due, bodyBytes));
    if (reply === undefined) return; // The client left before its turn.
    discardUnread(context.req);
    send(context, reply);
  };
}

function send(context: KoaContext, answer: RelayResponse): void {
  let typed = false;
  context.status = answer.status;
  // The type first: Koa guesses one from a body that comes without, and counts the length of a body by itself.
  for (const [name, value] of answer.headers) {
    if (name === 'Content-Type') typed = true;
    if (isListHeader(name)) context.append(name, value);
    else if (name !== 'Content-Length') context.set(name, value);
  }
  if (answer.close === true && context.req.httpVersionMajor < 2) context.set('Connection', 'close');
  context.body = answer.status === 204 ? null : answer.body;
  if (!typed) context.remove('Content-Type');
}
