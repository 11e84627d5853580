import { storeFromOption } from '../../adapters/store/from-option.js';
import { uniteMetadata } from './auth/combine.js';
import { createGuard, findHook, type Guard } from './auth/guard.js';
import { createServices } from './auth/services.js';
import { createContext, identifierKeys } from './create-context.js';
import type { Events, RelayEventType, RelayListener } from './events.js';
import { createAppLinkDocuments } from './http/app-links.js';
import { type Cors, createCors } from './http/cors.js';
import { createDispatch } from './http/dispatch.js';
import { createHandlers, type RelayHandlers } from './http/handlers.js';
import { createPathMatcher, type Mount } from './http/path.js';
import {
  createWellKnownDocuments,
  createWellKnownHandler,
  matchWellKnownPath,
  resourceMetadataUrl,
} from './http/well-known.js';
import type { RelayContext } from './operations/context.js';
import { removeMailbox } from './operations/remove.js';
import type { RelayOptions, Settings } from './options.js';
import { resolveOptions } from './options-schema.js';
import { createErrorPages } from './preview/error-page.js';
import { createPreviewRenderer } from './preview/preview-page.js';
import type { MailboxStore, StoreHealth } from './store/contract.js';
import { checkAtStart, createHealthCheck } from './store/health.js';
import { startSweeper } from './store/sweeper.js';

/** A relay: its doors, its events, and the few things an operator does with it. Frozen. */
export interface Relay extends RelayHandlers {
  /**
   * Doors for the root of the host, where documents under `/.well-known/` belong: `app.use(relay.wellKnown().koa())`.
   * They answer what hooks publish (protected resource metadata, RFC 9728) and what the option `appLinks` makes
   * (apple-app-site-association, assetlinks.json), and leave every other path to the host.
   */
  wellKnown(): RelayHandlers;
  /** Adds a listener to one type of event; the function returned removes it. */
  on<Type extends RelayEventType>(type: Type, listener: RelayListener<Type>): () => void;
  /**
   * Ends a mailbox, for abuse reports: needs its share URL. True if a live mailbox was ended. Throws a TypeError if
   * this is not a share URL of the relay, a RelayError `store_unavailable` if the store does not answer,
   * `contention` if too many change the mailbox at once.
   */
  remove(shareUrl: string | URL): Promise<boolean>;
  /**
   * Resolves if the store answers, with what it tells of itself; rejects with its error if not. A clock that differs by
   * more than a second, and a store that may drop live mailboxes, are warned of once (`relay.warned`).
   */
  ping(): Promise<StoreHealth>;
  /** What this process has under way: reads that are held, and pushes that wait or are being sent. */
  stats(): { readonly waiters: number; readonly pushes: number };
  /**
   * Prepares for a restart: ends the reads that are held with 204, answers new ones at once, and has every answer from
   * now on close its connection, so that clients turn to another process. Resolves when no read is held any more.
   * Everything else is served as before, until the host closes its server.
   */
  drain(): Promise<void>;
  /**
   * Drains, sends what pushes can be sent within two seconds, stops the sweeper and closes what the relay itself
   * opened. Requests after it may still be answered.
   */
  close(): Promise<void>;
}

/**
 * Makes a relay of the Secure Credential Transfer and TIGRESS drafts. Nothing global is touched, and several relays in
 * one process do not know each other. Throws a TypeError that names the dotted path of an option that is wrong.
 */
export function createRelay(options: RelayOptions): Relay {
  const settings = resolveOptions(options);
  const store = storeFromOption(settings.store, settings.clock);
  assertKeys(settings, store);
  const ownsStore = settings.store !== store;
  const context = createContext(settings, store);
  const cors = createCors(settings.corsOrigins);
  const { guard, wellKnown } = createAuthentication(settings, context, cors);
  const answer = createDispatch(context, {
    tlsRequired: settings.publicUrl.tls,
    bodyBytes: settings.limits.bodyBytes,
    cors,
    guard,
    renderPreview: createPreviewRenderer(settings.preview),
    refusalForms: createErrorPages(settings.preview),
    maximumWaitSeconds: settings.longPoll.maximumSeconds,
  });
  const sweeper = startSweeper(store, settings.sweepIntervalMs, context.events);
  const check = createHealthCheck(store, settings.storeTimeoutMs, context.events);
  checkAtStart(store, check, context.events);
  if (findHook(settings.authenticate, 'create') === undefined) warnOfOpenRelay(context.events);

  return Object.freeze<Relay>({
    ...createHandlers(answer, {
      matchPath: createPathMatcher(createMount(settings, context.events)),
      trustProxy: settings.trustProxy,
      bodyBytes: settings.limits.bodyBytes,
    }),
    wellKnown,
    on: context.events.on,
    remove: (shareUrl) => removeMailbox(shareUrl, context),
    ping: check,
    stats: () => ({ waiters: context.waiters.size, pushes: context.pushes.size }),
    drain: () => context.waiters.drain(),
    async close() {
      await Promise.all([context.waiters.close(), context.pushes.close(), sweeper.stop()]);
      if (ownsStore) await store.close();
    },
  });
}

/** The hooks, and the documents at the root of the host: what they publish, and where share URLs open. */
function createAuthentication(
  settings: Settings,
  context: RelayContext,
  cors: Cors,
): { guard: Guard; wellKnown: () => RelayHandlers } {
  const { authenticate, authorize, hookTimeoutMs, limits, namespace, storeBudgetMs, trustProxy } = settings;
  const resource = settings.publicUrl.base;
  const hooks = Object.values(authenticate).filter((hook) => hook !== undefined);
  const documents = createWellKnownDocuments(resource, uniteMetadata(hooks));
  const served = new Map([...documents, ...createAppLinkDocuments(settings.appLinks, settings.publicUrl.path)]);
  let mounted = false;
  const services = createServices({
    ...context,
    resource,
    namespace,
    storeBudgetMs,
    keys: identifierKeys(settings.keys),
    // Named in challenges only where the host has mounted it.
    metadataUrl: () => (mounted && documents.size > 0 ? resourceMetadataUrl(resource).href : undefined),
  });
  return {
    guard: createGuard({ hooks: authenticate, authorize, timeoutMs: hookTimeoutMs, services, events: context.events }),
    wellKnown() {
      mounted = true;
      const answer = createWellKnownHandler(served, cors, () => context.waiters.draining);
      return createHandlers(answer, { matchPath: matchWellKnownPath(served), trustProxy, bodyBytes: limits.bodyBytes });
    },
  };
}

/** Where the relay is mounted. A request that arrives as if it were mounted elsewhere is warned of once. */
function createMount({ mountPath, publicUrl }: Settings, events: Events): Mount {
  let isWarned = false;
  return {
    mountPath: mountPath ?? publicUrl.path,
    publicPath: publicUrl.path,
    onOtherMount() {
      if (isWarned) return;
      isWarned = true;
      events.emit('relay.warned', { warning: 'mount_path', message: MOUNT_PATH_HINT });
    },
  };
}

const MOUNT_PATH_HINT =
  'A request for a mailbox arrived under another path than mountPath, and was left to the host. If requests of devices ' +
  "do so, set mountPath to the path under which this server sees the relay: '/' where a proxy or a host strips the prefix.";

/** Said after `createRelay` has returned, so that listeners added in the meantime hear it. */
function warnOfOpenRelay(events: Events): void {
  queueMicrotask(() =>
    events.emit('relay.warned', {
      warning: 'relay_open',
      message: 'Anybody may create mailboxes: no hook guards it. Set the option authenticate.',
    }),
  );
}

/** A record in clear may be in the memory of this process, and nowhere else. */
function assertKeys(settings: Settings, store: MailboxStore): void {
  if (settings.keys.length === 0 && store.capabilities.storesObjects !== true) {
    throw new TypeError('keys: this store keeps records outside of this process, so they must be sealed');
  }
}
