import type { KoaContext, NodeHostRequest } from '../request.js';
import { isKoaCall, type RefuseCall } from './misuse.js';
import { noteAnswered } from './mount-watch.js';
import { createNodeRequest } from './node-request.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { type HandlerSettings, isListHeader, type RelayResponse, type RequestHandler } from './types.js';
import { discardUnread } from './unread-body.js';

/**
 * Koa middleware. It passes a path outside of the relay to the next middleware. A host that calls it with other
 * arguments gets a TypeError that names the handler for this host.
 */
export type KoaMiddleware = (context: KoaContext, next?: () => Promise<unknown>) => Promise<void>;

/** Answers through `ctx`, so that logging, timing and compression of the host work. */
export function createKoaHandler(
  answer: RequestHandler,
  { matchPath, mountWatch, trustProxy, bodyBytes, onRouterUse }: HandlerSettings,
  refuse: RefuseCall,
): KoaMiddleware {
  async function handle(...args: Parameters<KoaMiddleware>): Promise<void> {
    const [context, next] = args;
    if (!isKoaCall(context)) return refuse(...args);
    // If Koa is mounted in Express, Express strips the prefix and keeps the original URL.
    const { originalUrl = context.originalUrl }: NodeHostRequest = context.req;
    const path = matchPath(originalUrl);
    if (path === undefined) {
      const isMisplaced = mountWatch?.isMisplaced(originalUrl, (field) => context.req.headers?.[field]) === true;
      const followed = isMisplaced ? mountWatch.follow(originalUrl, context.res) : undefined;
      await next?.();
      followed?.settled(context.status);
      return;
    }
    noteAnswered(context.res);
    const due = waitForTurn(context.req, context.res);
    if (due === false) return; // The client has disconnected.
    const parsedBody = (): unknown => ('body' in context.request ? context.request.body : undefined);
    const host = { ctx: context, req: context.req };
    const request = createNodeRequest(context.req, { path, response: context.res, host, trustProxy, parsedBody });
    const reply = await (due === true ? answer(request) : handleInTurn(answer, request, due, bodyBytes));
    if (reply === undefined) return; // The client disconnected before its turn.
    discardUnread(context.req);
    send(context, reply);
  }

  return onRouterUse === undefined ? handle : watchRouterUse(handle, onRouterUse);
}

/** The method of @koa/router that mounts middleware, in a line of a stack. */
const ROUTER_USE = /\bRouter\.use\b|\b_isNestedRouter\b|[\\/]node_modules[\\/](@koa[\\/]router|koa-router)[\\/]/;

/**
 * `use` of @koa/router runs middleware only for paths that have a route, so there the relay would get no request, and
 * could warn of nothing. `use` reads the member `router` of each middleware, to find nested routers. Instrumentation
 * packages read the member as well, so the caller decides.
 */
function watchRouterUse(handle: KoaMiddleware, onRouterUse: () => void): KoaMiddleware {
  return Object.defineProperty(handle, 'router', {
    get() {
      const [, , caller = ''] = (new Error().stack ?? '').split('\n');
      if (ROUTER_USE.test(caller)) onRouterUse();
      return undefined;
    },
  });
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
  if (answer.close === true && !(context.req.httpVersionMajor >= 2)) context.set('Connection', 'close');
  context.body = answer.status === 204 ? null : answer.body;
  if (!typed) context.remove('Content-Type');
}
