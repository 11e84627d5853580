/** A link to a backend that takes its time. */
export { startTcpProxy } from '../network/tcp-proxy.js';
