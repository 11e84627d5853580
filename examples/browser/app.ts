import { createRelay, type Relay } from 'credential-relay';
import { createExchangeLog } from './exchange-log.js';
import { recorded } from './recorder.js';
import { createSite } from './site.js';

/** The demo's server: the relay, a recorder in front of it, and the pages. */
export interface App {
  fetch(request: Request): Promise<Response>;
  readonly relay: Relay;
  /** Ends what pages listen to. */
  close(): void;
}

/** Makes the demo. `origin` is where browsers reach it; `folder` holds the files of the pages. */
export function createApp(origin: string, folder: string): App {
  const relay = createRelay({ publicUrl: `${origin}/relay` });
  const log = createExchangeLog();
  const toRelay = recorded(relay.fetch, log);
  const site = createSite(folder);

  return {
    relay,
    close: log.close,
    async fetch(request) {
      const { pathname, host } = new URL(request.url);
      // Under another name the page would not be of one origin with the links. It also keeps other sites' names out.
      if (host !== new URL(origin).host) return Response.redirect(origin + pathname, 302);
      if (pathname.startsWith('/relay/')) return toRelay(request);
      if (!pathname.startsWith('/demo/')) return site(request.method, pathname);
      switch (`${request.method} ${pathname}`) {
        case 'GET /demo/events':
          return log.stream();
        case 'DELETE /demo/exchanges':
          log.clear();
          return new Response(null, { status: 204 });
        case 'PUT /demo/tampering': // From another site, PUT and DELETE would need leave by CORS, which nobody gives.
        case 'DELETE /demo/tampering':
          log.setTampering(request.method === 'PUT');
          return new Response(null, { status: 204 });
        default:
          return new Response(null, { status: 404 });
      }
    },
  };
}
