import Router from '@koa/router';
import type { Relay } from './relay/create-relay.js';
import { isKoaCall, refuseCall } from './relay/http/misuse.js';

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
 * @throws TypeError if `relay` is no relay
 * @example
 * const relay = createRelay({ publicUrl: 'https://example.com/relay' });
 * parent.use('/relay', relayRouter(relay).routes());
 */
export function relayRouter(relay: Relay): Router {
  // A host that takes the function itself for middleware.
  if (typeof relay?.koa !== 'function') {
    throw new TypeError('relayRouter: takes a relay; use app.use(relayRouter(relay).routes())');
  }
  const router = new Router({ sensitive: true, strict: true });
  const handle = relay.koa();
  // One pattern for all paths of the relay, so that the relay alone decides which of them exist. A pattern without a
  // start, because a parent router adds its prefix to strings only.
  router.all(/\/v\d+\/m(\/|$)/i, (context, next) => handle(context, next));
  return refuseOtherHosts(router);
}

/** The dispatcher of @koa/router reads members of any request. In Express 4 its failure would end the process. */
function refuseOtherHosts(router: Router): Router {
  const routes = router.routes.bind(router);
  router.routes = (...args: readonly unknown[]) => {
    // Only a host passes arguments: one that takes the method for middleware.
    if (args.length > 0) return refuseCall('relayRouter(relay).routes', 'relay', args, () => undefined) as never;
    const dispatch = routes();
    const guarded = (...args: Parameters<typeof dispatch>) =>
      isKoaCall(args[0])
        ? dispatch(...args)
        : refuseCall('relayRouter(relay).routes()', 'relay', args, () => undefined);
    // A parent router finds the nested router by this member.
    return Object.assign(guarded, { router }) as unknown as typeof dispatch;
  };
  return router;
}
