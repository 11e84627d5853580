import { RelayError } from '../errors.js';
import type { Dispatch } from './dispatch.js';
import { headerPairs, type RawBody, type RelayRequest, type RelayResponse } from './exchange.js';
import { type DoorSettings, NOT_OURS } from './node.js';
import { isRelayPath, pathBelowMount } from './path.js';

/** The fetch door: Hono, Next.js, Bun, Deno, workers. Paths that are not the relay's get a 404. */
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
    secure: url.protocol === 'https:' || (trustProxy && forwarded === 'https'),
    header,
    // Headers joins repeated fields by ", ", which no value of the protocol that must be single can hold.
    repeated: () => false,
    readBody: (limit) => readBody(request, limit),
  };
}

async function readBody(request: Request, limit: number): Promise<RawBody> {
  if (request.bodyUsed) throw new RelayError('body_already_read');
  if (request.body === null) return { kind: 'none' };
  if (Number(request.headers.get('Content-Length') ?? 0) > limit) throw new RelayError('body_too_large');
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.byteLength;
    if (length > limit) throw new RelayError('body_too_large'); // Leaving the loop cancels the stream.
    chunks.push(chunk);
  }
  return { kind: 'bytes', bytes: Buffer.concat(chunks, length) };
}

function toResponse(answer: RelayResponse, method: string): Response {
  const headers = new Headers();
  for (const [name, value] of headerPairs(answer)) headers.append(name, value);
  const bodyless = method === 'HEAD' || answer.status === 204;
  return new Response(bodyless ? null : answer.body, { status: answer.status, headers });
}
