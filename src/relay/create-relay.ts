import { uniteMetadata } from './auth/combine.js';
import { createGuard, findHook, type Guard } from './auth/guard.js';
import { createServices } from './auth/services.js';
import { createContext, resolveIdentifierKeys } from './create-context.js';
import { createEvents, type Events, type RelayEventType, type RelayListener } from './events.js';
import { createAppLinkDocuments } from './http/app-links.js';
import { type Cors, createCors } from './http/cors.js';
import { createDispatch } from './http/dispatch.js';
import {
  createHandlerWarnings,
  type HandlerWarnings,
  RELAY_ROUTER_HINT,
  WELL_KNOWN_ROUTER_HINT,
} from './http/handler-warnings.js';
import { createHandlers, type RelayHandlers } from './http/handlers.js';
import { refuseCall, refuseHosts } from './http/misuse.js';
import { createMountWatch } from './http/mount-watch.js';
import { createPathMatcher } from './http/path.js';
import {
  createWellKnownDocuments,
  createWellKnownHandler,
  matchWellKnownPath,
  resourceMetadataUrl,
} from './http/well-known.js';
import type { ServerKey } from './mailbox/keys.js';
import { openStore, type RelayStore } from './open-store.js';
import type { RelayContext } from './operations/context.js';
import { removeMailbox } from './operations/remove.js';
import type { RelayOptions, Settings } from './options.js';
import { resolveOptions } from './options-schema.js';
import { createErrorPages } from './preview/error-page.js';
import { createPreviewRenderer } from './preview/preview-page.js';
import type { StoreHealth } from './store/contract.js';

/**
 * A relay: its handlers, its events, and the operations for operators. Frozen.
 *
 * @see {@link RelayHandlers} for the handlers of Koa, Node and fetch.
 */
export interface Relay extends RelayHandlers {
  /**
   * Handlers for the root of the host, where documents under `/.well-known/` belong. They serve the protected resource
   * metadata of your hooks (RFC 9728), and the app link documents of the option `appLinks` (apple-app-site-association
   * and assetlinks.json). They leave every other path to the host.
   *
   * Call this method before the first request: only then do challenges (`WWW-Authenticate`) name the metadata document.
   *
   * @example
   * app.use(relay.wellKnown().koa());
   */
  readonly wellKnown: (...none: never[]) => RelayHandlers;
  /**
   * Adds a listener for one type of event.
   *
   * @param type - The name of the event, such as `mailbox.created`.
   * @param listener - Runs synchronously. Its errors and rejections are caught, and reported as `listener.failed`.
   * @returns A function that removes the listener.
   * @throws TypeError if there is no event of this name, or the listener is no function.
   * @example
   * const stop = relay.on('store.failed', ({ call, cause }) => log.error({ call, cause }));
   */
  on<Type extends RelayEventType>(type: Type, listener: RelayListener<Type>): () => void;
  /**
   * Ends a mailbox, for abuse reports. The relay keeps no list of mailboxes, so a report must contain the share URL.
   *
   * @param shareUrl - The share URL. A fragment is allowed, and ignored.
   * @returns True if the call ended a live mailbox; false if there was no live mailbox.
   * @throws TypeError if `shareUrl` is not a share URL of this relay.
   * @throws RelayError `store_unavailable` if the store fails; `contention` if too many concurrent requests change the
   * mailbox.
   */
  remove(shareUrl: string | URL): Promise<boolean>;
  /**
   * Checks that the store can do the work of the relay, for a health endpoint: the stores on a server try it, on the
   * key `{namespace}:ping`. The relay warns once (event `relay.warned`) if the clock of the store differs by more than
   * a second, and if the store may evict live mailboxes. It also checks by itself, at start and once a minute.
   *
   * @returns The health that the store reports.
   * @throws The error of the store, whose message names the cause and the remedy, or an error with the code
   * `store_timeout` a quarter of a second after `storeTimeoutMs`.
   */
  ping(): Promise<StoreHealth>;
  /** Counts the work of this process: held reads (`waiters`), and pushes that wait or are being sent (`pushes`). */
  stats(): { readonly waiters: number; readonly pushes: number };
  /**
   * Prepares for a restart. The relay answers held reads with 204, and answers new reads at once. Every response closes
   * its connection, so that clients connect to another process. The relay serves all other requests as before, until
   * the host closes its server.
   *
   * @returns A promise that resolves when no read is held.
   * @see {@link stopServer}, which drains, closes the server, and closes the relay.
   */
  drain(): Promise<void>;
  /**
   * Drains, sends waiting pushes for two seconds at most, stops the sweeper, and closes the store if the relay created
   * it. Handlers may still answer requests after this call.
   */
  close(): Promise<void>;
}

/**
 * Creates a relay of the Secure Credential Transfer and TIGRESS drafts. A process may have several independent relays.
 *
 * @param options - Only `publicUrl` is required.
 * @throws TypeError if an option is wrong. The message starts with the path of the option, such as
 * `longPoll.maximumSeconds`.
 * @example
 * const relay = createRelay({
 *   publicUrl: 'https://example.com/relay',
 *   store: storeFromUrl('redis://localhost'),
 *   keys: [serverKey],
 *   authenticate: oauthBearer({ issuer: 'https://login.example.com', audience: 'https://example.com/relay' }),
 * });
 * app.use(relay.koa());
 */
export function createRelay(options: RelayOptions): Relay {
  const settings = resolveOptions(options);
  const events = createEvents(settings.onEvent);
  const store = openStore(settings, events);
  const identifierKeys = resolveIdentifierKeys(settings.keys);
  const context = createContext({ settings, events, store, identifierKeys });
  const cors = createCors(settings.cors);
  const warnings = createHandlerWarnings(events);
  const { guard, wellKnown } = createAuthentication({ settings, identifierKeys, context, cors, warnings });
  const dispatch = createDispatch(context, {
    tlsRequired: settings.publicUrl.tls,
    trustProxy: settings.trustProxy,
    bodyBytes: settings.limits.bodyBytes,
    cors,
    guard,
    renderPreview: createPreviewRenderer(settings.preview),
    errorPages: createErrorPages(settings.preview),
    maximumWaitSeconds: settings.longPoll.maximumSeconds,
  });
  const mountPath = settings.mountPath ?? settings.publicUrl.path;
  const handlers = createHandlers('relay', dispatch, {
    matchPath: createPathMatcher(mountPath),
    mountWatch: createMountWatch({ mountPath, events, clock: settings.clock }),
    onMisuse: warnings.warnOfMisuse,
    onRouterUse: () => warnings.warnOfRouter(RELAY_ROUTER_HINT),
    trustProxy: settings.trustProxy,
    bodyBytes: settings.limits.bodyBytes,
  });
  store.start();
  if (findHook(settings.authenticate, 'create') === undefined) warnOfOpenRelay(events);

  const relay: Relay = Object.assign(handlers, {
    wellKnown,
    on: events.on,
    ...createOperatorMethods(context, store, warnings),
  });
  return Object.freeze(relay);
}

type OperatorMethods = Pick<Relay, 'remove' | 'ping' | 'stats' | 'drain' | 'close'>;

/** The methods for operators. A host that takes one of them for a handler is told. */
function createOperatorMethods(
  context: RelayContext,
  store: RelayStore,
  { warnOfMisuse }: HandlerWarnings,
): OperatorMethods {
  const { waiters, pushes } = context;
  async function close(): Promise<void> {
    await Promise.all([waiters.close(), pushes.close(), store.stopBackgroundWork()]);
    await store.close();
  }
  const remove = (shareUrl: string | URL): Promise<boolean> => removeMailbox(shareUrl, context);
  return {
    remove: refuseHosts('relay.remove', remove, warnOfMisuse),
    ping: refuseHosts('relay.ping', store.ping, warnOfMisuse),
    stats: refuseHosts('relay.stats', () => ({ waiters: waiters.size, pushes: pushes.size }), warnOfMisuse),
    drain: refuseHosts('relay.drain', () => waiters.drain(), warnOfMisuse),
    close: refuseHosts('relay.close', close, warnOfMisuse),
  };
}

interface AuthenticationParts {
  readonly settings: Settings;
  readonly identifierKeys: readonly ServerKey[];
  readonly context: RelayContext;
  readonly cors: Cors;
  readonly warnings: HandlerWarnings;
}

/** The guard that calls the hooks, and the documents below `/.well-known/`. */
function createAuthentication({ settings, identifierKeys, context, cors, warnings }: AuthenticationParts): {
  guard: Guard;
  wellKnown: (...none: never[]) => RelayHandlers;
} {
  const { authenticate, authorize, hookTimeoutMs, limits, namespace, trustProxy } = settings;
  const resource = settings.publicUrl.base;
  const hooks = Object.values(authenticate).filter((hook) => hook !== undefined);
  const metadata = createWellKnownDocuments(resource, uniteMetadata(hooks));
  const documents = new Map([...metadata, ...createAppLinkDocuments(settings.appLinks, settings.publicUrl.path)]);
  let isMounted = false;
  const services = createServices({
    ...context,
    resource,
    namespace,
    keys: identifierKeys,
    // A challenge must not name a document that the host does not serve.
    metadataUrl: () => (isMounted && metadata.size > 0 ? resourceMetadataUrl(resource).href : undefined),
  });
  return {
    guard: createGuard({ hooks: authenticate, authorize, timeoutMs: hookTimeoutMs, services, events: context.events }),
    wellKnown(...args: readonly unknown[]) {
      // Only a host passes arguments: one that takes the method for a handler.
      if (args.length > 0) {
        return refuseCall('relay.wellKnown', 'relay.wellKnown()', args, warnings.warnOfMisuse) as never;
      }
      isMounted = true;
      const handle = createWellKnownHandler(documents, cors, () => context.waiters.draining);
      const matchPath = matchWellKnownPath(documents);
      return createHandlers('relay.wellKnown()', handle, {
        matchPath,
        onMisuse: warnings.warnOfMisuse,
        onRouterUse: () => warnings.warnOfRouter(WELL_KNOWN_ROUTER_HINT),
        trustProxy,
        bodyBytes: limits.bodyBytes,
      });
    },
  };
}

/** Emits in a microtask, so that listeners added right after `createRelay` receive the warning. */
function warnOfOpenRelay(events: Events): void {
  queueMicrotask(() =>
    events.emit('relay.warned', {
      warning: 'relay_open',
      message: 'Anyone may create mailboxes, because no hook guards creation. Set the option authenticate.',
    }),
  );
}
