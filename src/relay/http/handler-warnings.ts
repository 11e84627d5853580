import type { Events } from '../events.js';

/** Warnings about handlers in the wrong place. */
export interface HandlerWarnings {
  warnOfMisuse(message: string): void;
  warnOfRouter(message: string): void;
}

/** Emits each message once: a host with the wrong handler may call it for every request. */
export function createHandlerWarnings(events: Events): HandlerWarnings {
  const emitted = new Set<string>();
  function warn(warning: 'wrong_handler' | 'mount_path', message: string): void {
    if (emitted.has(message)) return;
    emitted.add(message);
    events.emit('relay.warned', { warning, message });
  }
  return {
    warnOfMisuse: (message) => warn('wrong_handler', message),
    // In a microtask: the host mounts the handler before it adds listeners.
    warnOfRouter: (message) => queueMicrotask(() => warn('mount_path', message)),
  };
}

const ROUTER_HINT =
  'A @koa/router got the Koa middleware of the relay in use(). Such a router runs middleware only for paths that have ' +
  'a route, so it answers 404 to all devices.';
export const RELAY_ROUTER_HINT = `${ROUTER_HINT} Use relayRouter(relay).routes() of credential-relay/koa, or app.use(relay.koa()).`;
export const WELL_KNOWN_ROUTER_HINT = `${ROUTER_HINT} Use app.use(relay.wellKnown().koa()).`;
