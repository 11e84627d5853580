/** The public surface of credential-relay; nothing else is public. */

export { type ChallengeParameters, challenge } from './auth/challenge.js';
export { allOf, allowAnonymous, anyOf } from './auth/combine.js';
export type {
  AuthenticationHook,
  AuthenticationHooks,
  AuthenticationInput,
  AuthorizationHook,
  AuthorizationInput,
  Principal,
  RelayServices,
  ResourceMetadata,
} from './auth/contract.js';
export { type AttestedApp, type DeviceAttestationOptions, deviceAttestation } from './auth/device-attestation.js';
export { freshChallenge, isFreshChallenge } from './auth/freshness.js';
export { isRelayError, RelayError, type RelayErrorCode, type RelayErrorDetails } from './errors.js';
export type {
  OperationName,
  RelayEvent,
  RelayEventMap,
  RelayEventType,
  RelayListener,
} from './events.js';
export type { Doors } from './http/doors.js';
export type { HostRequest } from './http/exchange.js';
export type { FetchHandler } from './http/fetch.js';
export type { KoaContext, KoaMiddleware } from './http/koa.js';
export type { NodeHandler, NodeHostRequest } from './http/node.js';
export type { AppLinkOptions, PreviewOptions } from './http/preview-options.js';
export type { Role } from './mailbox/admission.js';
export type { Notifier, Push, PushDestination, PushOutcome } from './notify/contract.js';
export type { RelayOptions } from './options.js';
export { createRelay, type Relay } from './relay.js';
export { type StoppableServer, stopServer } from './stop-server.js';
export {
  isStoreFull,
  type MailboxStore,
  REVISION_CHARACTERS,
  revisionOf,
  type StoreCapabilities,
  type StoredEntry,
  type StoredValue,
  StoreFullError,
  type StoreHealth,
  type StoreUsage,
} from './store/contract.js';
export type { StoreOption } from './store/from-option.js';
export { storeFromUrl } from './store/from-url.js';
export { type KeyvStoreOptions, keyvStore } from './store/keyv-store.js';
export type { ChangeBus, ChangeListener } from './waiting/contract.js';
