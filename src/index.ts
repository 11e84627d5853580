/** The public surface of credential-relay; nothing else is public. */

export { isRelayError, RelayError, type RelayErrorCode, type RelayErrorDetails } from './errors.js';
export type {
  OperationName,
  RelayEvent,
  RelayEventMap,
  RelayEventType,
  RelayListener,
} from './events.js';
export type { FetchHandler } from './http/fetch.js';
export type { KoaContext, KoaMiddleware } from './http/koa.js';
export type { NodeHandler, NodeHostRequest } from './http/node.js';
export type { RelayOptions } from './options.js';
export { createRelay, type Relay } from './relay.js';
export {
  type MailboxStore,
  REVISION_CHARACTERS,
  revisionOf,
  type StoreCapabilities,
  type StoredEntry,
  type StoredValue,
  type StoreHealth,
} from './store/contract.js';
export type { StoreOption } from './store/from-option.js';
export { storeFromUrl } from './store/from-url.js';
export { type KeyvStoreOptions, keyvStore } from './store/keyv-store.js';
