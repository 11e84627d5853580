import { createFetchHandler, type FetchHandler } from './fetch.js';
import { createKoaHandler, type KoaMiddleware } from './koa.js';
import { createNodeHandler, type NodeHandler } from './node.js';
import type { HandlerSettings, RequestHandler } from './types.js';

/** The handlers of a relay, one for each type of server. */
export interface RelayHandlers {
  /**
   * Middleware for Koa: at the root, under koa-mount, or through `relayRouter`.
   *
   * @example
   * app.use(relay.koa());
   */
  koa(): KoaMiddleware;
  /**
   * Handler for node:http, Express and Connect.
   *
   * @example
   * http.createServer(relay.node());
   * expressApp.use('/relay', relay.node());
   */
  node(): NodeHandler;
  /** Handler for Hono, Next.js, Bun and Deno. It works without `this`. */
  readonly fetch: FetchHandler;
}

export function createHandlers(answer: RequestHandler, settings: HandlerSettings): RelayHandlers {
  return {
    koa: () => createKoaHandler(answer, settings),
    node: () => createNodeHandler(answer, settings),
    fetch: createFetchHandler(answer, settings),
  };
}
