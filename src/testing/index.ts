/** The black-box conformance suite, for any relay of the protocol (PROTOCOL.md, SCT and TIGRESS). */
export { type RelaySuiteIt, type RelaySuiteOptions, relaySuite } from './relay-suite.js';
