import Router from '@koa/router';
import type { Relay } from './relay/create-relay.js';

/**
 * The relay as a real @koa/router, for hosts that nest routers:
 * `parent.use('/relay', relayRouter(relay).routes())`. Its paths are case- and slash-strict, and it answers methods
 * that the protocol does not know as the relay does, with 405 and `Allow`; do not add `allowedMethods()` to it.
 *
 * @koa/router does not strip the prefix of a nested router from the path: the path of the relay's `publicUrl` must be
 * the full path under which the router is reached.
 */
export function relayRouter(relay: Relay): Router {
  const router = new Router({ sensitive: true, strict: true });
  const door = relay.koa();
  // One pattern for all that is the relay's, 404s included: which of it exists is decided in one place, by the door.
  // It has no start: a router above adds its prefix to paths that are strings, and leaves patterns as they are.
  router.all(/\/v\d+\/m(\/|$)/i, (context, next) => door(context, next));
  return router;
}
