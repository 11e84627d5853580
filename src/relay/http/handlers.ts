import { createFetchHandler, type FetchHandler } from './fetch.js';
import { createKoaHandler, type KoaMiddleware } from './koa.js';
import { type RefuseCall, refuseCall } from './misuse.js';
import { createNodeHandler, type NodeHandler } from './node.js';
import type { HandlerSettings, RequestHandler } from './types.js';

/**
 * The handlers of a relay, one for each type of server. If a host calls a handler that is for other hosts, or one of
 * the methods in place of a handler, the host gets a TypeError with the right form, and the relay emits the warning
 * `wrong_handler`.
 */
export interface RelayHandlers {
  /**
   * Middleware for Koa: at the root, under koa-mount, or through `relayRouter`. Takes no argument: the type makes
   * `app.use(relay.koa)`, without the call, an error.
   *
   * @example
   * app.use(relay.koa());
   */
  readonly koa: (...none: never[]) => KoaMiddleware;
  /**
   * Handler for node:http, Express and Connect. Takes no argument: the type makes `app.use(relay.node)`, without the
   * call, an error.
   *
   * @example
   * http.createServer(relay.node());
   * expressApp.use('/relay', relay.node());
   */
  readonly node: (...none: never[]) => NodeHandler;
  /** Handler for Hono, Next.js, Bun and Deno. It works without `this`. */
  readonly fetch: FetchHandler;
}

/**
 * Creates the handlers. The result is a function as well, so that a host that mounts it in place of a handler is told:
 * node:http would take an object for its options, and answer no request.
 *
 * @param name - The expression that returns the handlers, for messages: `relay`, or `relay.wellKnown()`.
 */
export function createHandlers(name: string, answer: RequestHandler, settings: HandlerSettings): RelayHandlers {
  // A host ignores the result of a call that it was told about.
  const refuse =
    (called: string): RefuseCall =>
    (...args) =>
      refuseCall(called, name, args, settings.onMisuse) as never;
  return Object.assign(refuse(name), {
    koa: (...args: readonly unknown[]) =>
      args.length > 0 ? refuse(`${name}.koa`)(...args) : createKoaHandler(answer, settings, refuse(`${name}.koa()`)),
    node: (...args: readonly unknown[]) =>
      args.length > 0 ? refuse(`${name}.node`)(...args) : createNodeHandler(answer, settings, refuse(`${name}.node()`)),
    fetch: createFetchHandler(answer, settings, refuse(`${name}.fetch`)),
  });
}
