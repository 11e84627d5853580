/** The black-box conformance suite, for any relay of the protocol (docs/protocol.md, SCT and TIGRESS). */
export { type RelaySuiteIt, type RelaySuiteOptions, relaySuite } from './relay-suite.js';
/** The conformance suite of mailbox stores, for adapter authors (src/relay/store/contract.ts). */
export { type StoreFixture, type StoreSuiteIt, type StoreSuiteOptions, storeSuite } from './store-suite.js';
