import type { IncomingMessage, ServerResponse } from 'node:http';
import { RelayError } from '../errors.js';
import type { Dispatch } from './dispatch.js';
import { headerPairs, type RelayResponse } from './exchange.js';
import { nodeRequest } from './node-request.js';
import { isRelayPath, pathBelowMount } from './path.js';
import { problemResponse } from './response.js';

/** A request as Express and its like hand it over: plain Node, with what their own parts have added. */
export interface NodeHostRequest extends IncomingMessage {
  /** Express: true if it came over TLS, by its `trust proxy` setting. */
  secure?: boolean;
  /** What a body parser of the host made of the body. */
  body?: unknown;
}

/**
 * The node door: `http.createServer(relay.node())`, `expressApp.use('/relay', relay.node())`. Paths that are not the
 * relay's go to `next`, or get a 404 where there is none.
 */
export type NodeHandler = (
  request: NodeHostRequest,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** What every door needs to know. */
export interface DoorSettings {
  /** Path of `publicUrl`. */
  readonly mountPath: string;
  readonly trustProxy: boolean;
}

/** Makes the node door. */
export function nodeDoor(dispatch: Dispatch, { mountPath, trustProxy }: DoorSettings): NodeHandler {
  return (request, response, next) => {
    const path = pathBelowMount(request.url ?? '', mountPath);
    if (!isRelayPath(path)) {
      if (next !== undefined) next();
      else send(response, NOT_OURS, false);
      return;
    }
    const details = { path, host: request, trustProxy, parsedBody: () => request.body };
    const hosted = next !== undefined;
    // `dispatch` never rejects. What throws is the host's own wrapper of the response, and the host's to answer for.
    dispatch(nodeRequest(request, details))
      .then((answer) => send(response, answer, hosted))
      .catch((error: unknown) => (next === undefined ? response.destroy() : next(error)));
  };
}

/** The 404 for a path that no host is there to answer. */
export const NOT_OURS: RelayResponse = problemResponse(new RelayError('not_found'), []);

function send(response: ServerResponse, answer: RelayResponse, hosted: boolean): void {
  if (response.destroyed || response.headersSent) return; // The client left, or the host has timed the request out.
  if (hosted || Object.hasOwn(response, 'writeHead')) sendThroughHost(response, answer);
  else response.writeHead(answer.status, answer.headers).end(answer.body);
}

/**
 * Where others have a part in the answer, its fields are set one by one: `writeHead` with a list is faster, but hides
 * them from `getHeader`, and the wrappers that middleware puts around `writeHead` may not know that form.
 */
function sendThroughHost(response: ServerResponse, answer: RelayResponse): void {
  response.statusCode = answer.status;
  for (const [name, value] of headerPairs(answer)) {
    if (name === 'Vary' || name === 'WWW-Authenticate') response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.end(answer.body);
}
