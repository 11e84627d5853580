import { bodyInvalid, isRelayError, RelayError } from '../errors.js';
import type { Dispatch } from './dispatch.js';
import { headerPairs, type RawBody, type RelayRequest, type RelayResponse } from './exchange.js';
import { type DoorSettings, NOT_OURS } from './node.js';
import { isRelayPath, pathBelowMount } from './path.js';

/** The fetch door: Hono, Next.js, Bun, Deno. Paths that are not the relay's get a 404. */
export type FetchHandler = (request: Request) => Promise<Response>;

/** Makes the fetch door. */
export function fetchDoor(dispatch: Dispatch, { mountPath, trustProxy }: DoorSettings): FetchHandler {
  return async (request) => {
    const url = new URL(request.url);
    const path = pathBelowMount(url.pathname, mountPath);
    if (!isRelayPath(path)) return toResponse(NOT_OURS, request.method);
    return toResponse(await dispatch(fetchRequest(request, url, path, trustProxy)), request.method);
  };
}

function fetchRequest(request: Request, url: URL, path: string, trustProxy: boolean): RelayRequest {
  const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
  const forwarded = header('X-Forwarded-Proto')?.split(',')[0]?.trim().toLowerCase();
  return {
    method: request.method,
    path,
    isSecure: () => url.protocol === 'https:' || (trustProxy && forwarded === 'https'),
    header,
    // Headers joins repeated fields by ", ", which no value of the protocol that must be single can hold.
    repeated: () => false,
    mayHaveBody: request.body !== null,
    readBody: (limit) => readBody(request, limit),
  };
}

async function readBody(request: Request, limit: number): Promise<RawBody> {
  const { body, headers } = request;
  const declared = headers.get('Content-Length');
  if (body === null || declared === '0') return { kind: 'none' };
  // Locked: somebody is reading it, or was and let it lie.
  if (request.bodyUsed || body.locked) throw new RelayError('body_already_read');
  if (Number(declared ?? 0) > limit) throw new RelayError('body_too_large');
  return { kind: 'bytes', bytes: await collect(body, limit) };
}

async function collect(body: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > limit) throw new RelayError('body_too_large'); // Leaving the loop cancels the stream.
      chunks.push(chunk);
    }
  } catch (error) {
    // What the stream throws means that the client left; nothing has been done.
    throw isRelayError(error) ? error : bodyInvalid('', 'Cut short.');
  }
  return Buffer.concat(chunks, length);
}

function toResponse(answer: RelayResponse, method: string): Response {
  const headers = new Headers();
  for (const [name, value] of headerPairs(answer)) headers.append(name, value);
  // An empty string is not nothing: Response would say that it is text/plain.
  const bodyless = method === 'HEAD' || answer.body === '';
  return new Response(bodyless ? null : answer.body, { status: answer.status, headers });
}
