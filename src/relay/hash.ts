import crypto from 'node:crypto';

// A default import: an older Node could not link a named import, and would report the export instead of its version.
if (typeof crypto.hash !== 'function') {
  throw new Error(`credential-relay needs Node 20.19 or newer; this is Node ${process.versions.node}`);
}

/** `hash` of node:crypto, in one call without an object. */
export const { hash } = crypto;
