import type { ResourceMetadata } from '../auth/contract.js';
import { RelayError } from '../errors.js';
import type { RelayRequest } from '../request.js';
import type { Cors } from './cors.js';
import { type PathMatcher, parsePath } from './path.js';
import { createDocumentResponse, createOptionsResponse, createProblemResponse } from './response.js';
import type { RelayResponse, RequestHandler } from './types.js';

/** The documents that belong to the root of the host, by path: the text of each, as JSON. */
export type WellKnownDocuments = ReadonlyMap<string, string>;

const ALLOW = 'GET, HEAD, OPTIONS';

/** Where the metadata of a resource is: the well-known part comes before the resource's own path (RFC 9728 §3.1). */
export function resourceMetadataUrl(resource: string): URL {
  const url = new URL(resource);
  url.pathname = `/.well-known/oauth-protected-resource${url.pathname === '/' ? '' : url.pathname}`;
  return url;
}

/** The protected resource metadata (RFC 9728 §2), if any hook has something to say. */
export function createWellKnownDocuments(resource: string, metadata: ResourceMetadata): WellKnownDocuments {
  if (Object.keys(metadata).length === 0) return new Map();
  return new Map([[resourceMetadataUrl(resource).pathname, JSON.stringify({ ...metadata, resource })]]);
}

/** Only the documents that are there; everything else under the root is the host's. */
export function matchWellKnownPath(documents: WellKnownDocuments): PathMatcher {
  return (target) => {
    const path = parsePath(target);
    return documents.has(path) ? path : undefined;
  };
}

/**
 * Serves the documents. They are public, and read before a client has any credential. While the relay is `draining`
 * every answer closes its connection.
 */
export function createWellKnownHandler(
  documents: WellKnownDocuments,
  cors: Cors,
  draining: () => boolean,
): RequestHandler {
  function answer(request: RelayRequest): RelayResponse {
    const document = documents.get(request.path);
    if (request.method === 'OPTIONS') return createOptionsResponse(ALLOW, cors(request, ALLOW));
    if (document === undefined) return createProblemResponse(new RelayError('not_found'), cors(request));
    if (request.method === 'GET' || request.method === 'HEAD') return createDocumentResponse(document, cors(request));
    return createProblemResponse(new RelayError('method_not_allowed', { headers: [['Allow', ALLOW]] }), cors(request));
  }
  return async (request) => ({ ...answer(request), close: draining() });
}
