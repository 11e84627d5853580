import { createFetchHandler, type FetchHandler } from './fetch.js';
import { createKoaHandler, type KoaMiddleware } from './koa.js';
import { createNodeHandler, type NodeHandler } from './node.js';
import type { HandlerSettings, RequestHandler } from './types.js';

/** The ways into a host, one a kind of server. */
export interface RelayHandlers {
  /** Middleware for Koa: `app.use(relay.koa())`, at the root, under koa-mount, or through `relayRouter`. */
  koa(): KoaMiddleware;
  /** Handler for node:http and, with `next`, for Express and Connect. */
  node(): NodeHandler;
  /** Handler of fetch style: Hono, Next.js, Bun, Deno. Bound: it may be passed on its own. */
  readonly fetch: FetchHandler;
}

/** The three doors to one way of answering. */
export function createHandlers(answer: RequestHandler, settings: HandlerSettings): RelayHandlers {
  return {
    koa: () => createKoaHandler(answer, settings),
    node: () => createNodeHandler(answer, settings),
    fetch: createFetchHandler(answer, settings),
  };
}
