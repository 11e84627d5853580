import Router from '@koa/router';
import type { Relay } from './relay/create-relay.js';

/**
 * Wraps the relay into a router of `@koa/router`, for hosts that nest routers. Hosts without a router can use
 * `app.use(relay.koa())` instead.
 *
 * The paths of the relay are case-sensitive, and allow no trailing slash. The relay itself answers 405 with `Allow` to
 * unknown methods, so do not add `allowedMethods()`.
 *
 * @param relay - Its `publicUrl` must contain the full path of the router, including the prefixes of parent routers,
 * because `@koa/router` does not strip prefixes.
 * @returns A router without a prefix.
 * @example
 * const relay = createRelay({ publicUrl: 'https://example.com/relay' });
 * parent.use('/relay', relayRouter(relay).routes());
 */
export function relayRouter(relay: Relay): Router {
  const router = new Router({ sensitive: true, strict: true });
  const handle = relay.koa();
  // One pattern for all paths of the relay, so that the relay alone decides which of them exist. A pattern without a
  // start, because a parent router adds its prefix to strings only.
  router.all(/\/v\d+\/m(\/|$)/i, (context, next) => handle(context, next));
  return router;
}
