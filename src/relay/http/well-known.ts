import type { ResourceMetadata } from '../auth/contract.js';
import { RelayError } from '../errors.js';
import type { RelayRequest } from '../request.js';
import type { Cors } from './cors.js';
import { type PathMatcher, parsePath } from './path.js';
import { createDocumentResponse, createOptionsResponse, createProblemResponse } from './response.js';
import type { RelayResponse, RequestHandler } from './types.js';

/** JSON documents for the root of the host, by path. */
export type WellKnownDocuments = ReadonlyMap<string, string>;

const ALLOW = 'GET, HEAD, OPTIONS';

/** The URL of the metadata: the well-known part precedes the path of the resource (RFC 9728 §3.1). */
export function resourceMetadataUrl(resource: string): URL {
  const url = new URL(resource);
  url.pathname = `/.well-known/oauth-protected-resource${url.pathname === '/' ? '' : url.pathname}`;
  return url;
}

/** The protected resource metadata (RFC 9728 §2), if a hook has metadata. */
export function createWellKnownDocuments(resource: string, metadata: ResourceMetadata): WellKnownDocuments {
  if (Object.keys(metadata).length === 0) return new Map();
  return new Map([[resourceMetadataUrl(resource).pathname, JSON.stringify({ ...metadata, resource })]]);
}

/** Matches the documents only. All other paths belong to the host. */
export function matchWellKnownPath(documents: WellKnownDocuments): PathMatcher {
  return (target) => {
    const path = parsePath(target);
    return documents.has(path) ? path : undefined;
  };
}

/**
 * Serves the documents without authentication: a client reads them to learn how to authenticate. While the relay is
 * `draining`, every answer closes its connection.
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
