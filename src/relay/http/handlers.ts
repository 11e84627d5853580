import { type FetchHandler, fetchDoor } from './fetch.js';
import { type KoaMiddleware, koaDoor } from './koa.js';
import { type NodeHandler, nodeDoor } from './node.js';
import type { Answer, DoorSettings } from './types.js';

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
export function createHandlers(answer: Answer, settings: DoorSettings): RelayHandlers {
  return {
    koa: () => koaDoor(answer, settings),
    node: () => nodeDoor(answer, settings),
    fetch: fetchDoor(answer, settings),
  };
}
