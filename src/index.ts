/** All public exports of `credential-relay`. */

export type { StoreOption } from '../adapters/store/from-option.js';
export { storeFromUrl } from '../adapters/store/from-url.js';
export { type ChallengeParameters, challenge } from './relay/auth/challenge.js';
export { allOf, allowAnonymous, anyOf } from './relay/auth/combine.js';
export type {
  AuthenticationHook,
  AuthenticationHooks,
  AuthenticationInput,
  AuthorizationHook,
  AuthorizationInput,
  Principal,
  RelayServices,
  ResourceMetadata,
} from './relay/auth/contract.js';
export { type AttestedApp, type DeviceAttestationOptions, deviceAttestation } from './relay/auth/device-attestation.js';
export { createNonce, isFreshNonce } from './relay/auth/nonce.js';
export { createRelay, type Relay } from './relay/create-relay.js';
export { isRelayError, RelayError, type RelayErrorCode, type RelayErrorDetails } from './relay/errors.js';
export type {
  OperationName,
  RelayEvent,
  RelayEventMap,
  RelayEventType,
  RelayListener,
} from './relay/events.js';
export type { FetchHandler } from './relay/http/fetch.js';
export type { RelayHandlers } from './relay/http/handlers.js';
export type { KoaMiddleware } from './relay/http/koa.js';
export type { NodeHandler } from './relay/http/node.js';
export type { ChangeBus, ChangeListener } from './relay/long-poll/contract.js';
export type { Role } from './relay/mailbox/roles.js';
export type { Notifier, Push, PushDestination, PushOutcome } from './relay/notify/contract.js';
export type { RelayOptions } from './relay/options.js';
export type {
  AndroidAppLinks,
  AppLinkOptions,
  AppleAppLinks,
  LinkVertical,
  PreviewOptions,
} from './relay/preview/options.js';
export type { HostRequest, KoaContext, NodeHostRequest } from './relay/request.js';
export { type StoppableServer, stopServer } from './relay/stop-server.js';
export {
  assertDeadline,
  assertText,
  DEFAULT_PING_KEY,
  getRevision,
  isStoreError,
  isStoreFull,
  type MailboxStore,
  REVISION_CHARACTERS,
  type StoreCapabilities,
  type StoredEntry,
  type StoredValue,
  StoreError,
  StoreFullError,
  type StoreHealth,
  type StoreUsage,
} from './relay/store/contract.js';
export { type KeyvStoreOptions, keyvStore } from './relay/store/keyv-store.js';
