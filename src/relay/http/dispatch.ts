import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Payload } from '../../protocol/bodies.js';
import { KNOWN_VERSION, REQUEST_ID } from '../../protocol/header-names.js';
import type { Guard } from '../auth/guard.js';
import { headerMissing, isRelayError, RelayError, type RelayErrorCode } from '../errors.js';
import { describeCause, type OperationName } from '../events.js';
import type { MailboxOperation, Outcome, Preview, RelayContext, WaitRequest } from '../operations/context.js';
import { createMailbox } from '../operations/create.js';
import { deleteMailbox } from '../operations/delete.js';
import { readDisplayInformation } from '../operations/preview.js';
import { readSecureContent } from '../operations/read.js';
import { relinquishMailbox } from '../operations/relinquish.js';
import { updateMailbox } from '../operations/update.js';
import { prefersHtml } from '../preview/accept.js';
import { isAlteredQuery } from '../preview/altered-link.js';
import type { ErrorPage, ErrorPages } from '../preview/error-page.js';
import type { PreviewRenderer } from '../preview/preview-page.js';
import type { HeaderField, RelayRequest } from '../request.js';
import type { Address } from '../store/codec.js';
import { startBudget } from '../store/guarded-store.js';
import { readJsonBody } from './body.js';
import type { Cors } from './cors.js';
import { parseDeviceClaim, parseRequestId } from './headers.js';
import { parseRoute } from './path.js';
import { parsePreferredWait } from './prefer.js';
import {
  createErrorResponse,
  createOptionsResponse,
  createPreviewResponse,
  createProblemResponse,
  createSuccessResponse,
} from './response.js';
import { assertSecure } from './tls.js';
import type { RelayResponse, RequestHandler } from './types.js';

/** The settings of the dispatch beside the context of the operations. */
export interface DispatchSettings {
  readonly tlsRequired: boolean;
  readonly trustProxy: boolean;
  readonly bodyBytes: number;
  readonly cors: Cors;
  readonly guard: Guard;
  readonly renderPreview: PreviewRenderer;
  readonly errorPages: ErrorPages;
  /** Longest time in seconds for which the relay holds a read. */
  readonly maximumWaitSeconds: number;
}

interface Dispatcher extends DispatchSettings {
  readonly context: RelayContext;
}

/** One request and the facts that its answer and its event need. */
interface Exchange {
  readonly request: RelayRequest;
  /** `null` if the header is invalid. */
  readonly requestId: string | null | undefined;
  /** Headers of every answer: the echoed request id, and CORS. */
  readonly headers: readonly HeaderField[];
  operation?: OperationName;
  /** Address of the mailbox, as soon as the relay knows it. */
  address?: Address;
}

const COLLECTION_METHODS = 'POST, OPTIONS';

// biome-ignore lint/suspicious/noExplicitAny: each operation has its own type of body; `runOnMailbox` connects the two.
type AnyMailboxOperation = MailboxOperation<any>;

const MAILBOX_OPERATIONS: Readonly<Record<string, AnyMailboxOperation>> = {
  POST: readSecureContent,
  PUT: updateMailbox,
  PATCH: relinquishMailbox,
  DELETE: deleteMailbox,
};

const MAILBOX_METHODS = ['GET', 'HEAD', ...Object.keys(MAILBOX_OPERATIONS), 'OPTIONS'].join(', ');

/**
 * Most header fields of a request that the relay holds. A thousand small fields take 20 times the memory of the rest of
 * the request.
 */
const MAXIMUM_FIELDS_HELD = 100;

/**
 * Creates the handler of all requests below the mount. The handler never rejects: it answers failures with a problem.
 */
export function createDispatch(context: RelayContext, settings: DispatchSettings): RequestHandler {
  const dispatcher = { ...settings, context };
  return (request) => dispatch(request, dispatcher);
}

async function dispatch(request: RelayRequest, dispatcher: Dispatcher): Promise<RelayResponse> {
  const started = performance.now();
  const requestId = parseRequestId(request);
  const headers = [...echoRequestId(requestId), ...dispatcher.cors(request)];
  const exchange: Exchange = { request, requestId, headers };
  let response: RelayResponse;
  let code: RelayErrorCode | undefined;
  try {
    response = await answer(exchange, dispatcher);
  } catch (error) {
    const failure = answerError(error, exchange, dispatcher);
    response = failure.response;
    code = failure.code;
  }
  request.disconnect.stop();
  const { context } = dispatcher;
  reportCompletion(exchange, response.status, code, performance.now() - started, context);
  // The relay is about to stop: the next request of this client should reach another process.
  return context.waiters.draining ? { ...response, close: true } : response;
}

/**
 * The order of checks is docs/protocol.md §5: path, method, TLS, headers, body, authentication, and then the operation.
 */
async function answer(exchange: Exchange, dispatcher: Dispatcher): Promise<RelayResponse> {
  const { request, headers } = exchange;
  const route = parseRoute(request.path);
  if (route.kind === 'nothing') throw new RelayError(route.code);
  const allow = route.kind === 'collection' ? COLLECTION_METHODS : MAILBOX_METHODS;
  if (request.method === 'OPTIONS') return answerOptions(allow, exchange, dispatcher);
  if (route.kind === 'collection') {
    if (request.method !== 'POST') throw methodNotAllowed(allow);
    return createSuccessResponse(await runCreate(exchange, dispatcher), headers);
  }
  if (request.method === 'GET' || request.method === 'HEAD') {
    // A person learns that the link was altered. Messengers get the preview of the mailbox.
    if (isAlteredQuery(request.query()) && prefersHtml(request.header('Accept'))) {
      throw new RelayError('mailbox_not_found');
    }
    const { display, url } = await runPreview(route.identifier, exchange, dispatcher);
    return createPreviewResponse(dispatcher.renderPreview(display, url, request.header('Accept-Language')), headers);
  }
  const operation = Object.hasOwn(MAILBOX_OPERATIONS, request.method) ? MAILBOX_OPERATIONS[request.method] : undefined;
  if (operation === undefined) throw methodNotAllowed(allow);
  return createSuccessResponse(await runOnMailbox(operation, route.identifier, exchange, dispatcher), headers);
}

function answerOptions(allow: string, { request, requestId }: Exchange, { cors }: Dispatcher): RelayResponse {
  return createOptionsResponse(allow, [...echoRequestId(requestId), ...cors(request, allow)]);
}

async function runCreate(exchange: Exchange, dispatcher: Dispatcher): Promise<Outcome> {
  const { request } = exchange;
  const { context, guard } = dispatcher;
  const { name } = createMailbox;
  exchange.operation = name;
  assertSecure(request, dispatcher);
  const requestId = checkRequestId(exchange, context.requestIdRequired);
  const claim = parseDeviceClaim(request);
  const body = createMailbox.parse(await readJsonBody(request, 'required', dispatcher.bodyBytes), context);
  const { data } = body.payload;
  const principal = await guard.authenticate(name, request, data);
  const authorize = guard.createAuthorizer(name, request, principal, data);
  const command = { claim, requestId, body, budget: startBudget(context.storeBudgetMs), authorize };
  const outcome = await createMailbox.run(command, context);
  exchange.address = outcome.address;
  return outcome;
}

async function runPreview(identifier: string, exchange: Exchange, dispatcher: Dispatcher): Promise<Preview> {
  const { request } = exchange;
  const { context, guard } = dispatcher;
  const { name } = readDisplayInformation;
  const address = context.toAddress(identifier);
  exchange.operation = name;
  exchange.address = address;
  assertSecure(request, dispatcher);
  checkRequestId(exchange, false);
  await guard.authenticate(name, request);
  return readDisplayInformation.run({ address, budget: startBudget(context.storeBudgetMs) }, context);
}

async function runOnMailbox<Body extends { readonly payload?: Payload } | undefined>(
  operation: MailboxOperation<Body>,
  identifier: string,
  exchange: Exchange,
  dispatcher: Dispatcher,
): Promise<Outcome> {
  const { request } = exchange;
  const { context, guard } = dispatcher;
  const { name } = operation;
  const address = context.toAddress(identifier);
  exchange.operation = name;
  exchange.address = address;
  assertSecure(request, dispatcher);
  const requestId = checkRequestId(exchange, operation.needsRequestId && context.requestIdRequired);
  const claim = parseDeviceClaim(request);
  const body = operation.parse(await readOperationBody(operation, request, dispatcher.bodyBytes), context);
  // Before the store is read: a request that fails authentication learns nothing about any mailbox.
  const data = body?.payload?.data;
  const principal = await guard.authenticate(name, request, data);
  const authorize = guard.createAuthorizer(name, request, principal, data);
  const knownVersion = request.header(KNOWN_VERSION);
  const wait = operation.mayWait ? parseWaitRequest(request, knownVersion, dispatcher.maximumWaitSeconds) : undefined;
  const budget = startBudget(context.storeBudgetMs);
  return operation.run({ address, claim, requestId, knownVersion, body, wait, budget, authorize }, context);
}

function methodNotAllowed(allow: string): RelayError {
  return new RelayError('method_not_allowed', { headers: [['Allow', allow]] });
}

/** The request id, if it was sent. Throws `request_id_invalid` or `request_id_missing`. */
function checkRequestId({ request, requestId }: Exchange, isRequired: boolean): string | undefined {
  if (requestId === null) throw new RelayError('request_id_invalid');
  if (requestId === undefined && isRequired) {
    throw headerMissing('request_id_missing', REQUEST_ID, (name) => request.header(name) !== undefined);
  }
  return requestId;
}

function readOperationBody(
  { takesBody }: AnyMailboxOperation,
  request: RelayRequest,
  limit: number,
): Promise<unknown> | undefined {
  if (takesBody === 'required') return readJsonBody(request, takesBody, limit);
  if (!request.mayHaveBody) return undefined;
  return takesBody === 'optional' ? readJsonBody(request, takesBody, limit) : discardBody(request, limit);
}

/** Reads an ignored body, so that the connection can serve the next request. */
async function discardBody(request: RelayRequest, limit: number): Promise<void> {
  try {
    await request.readBody(limit);
  } catch (error) {
    if (!isRelayError(error) || error.code !== 'body_already_read') throw error;
  }
}

/** `Prefer: wait` counts only together with Mailbox-Known-Version (docs/protocol.md §8). */
function parseWaitRequest(
  request: RelayRequest,
  knownVersion: string | undefined,
  maximumSeconds: number,
): WaitRequest | undefined {
  const preferred = parsePreferredWait(request);
  if (preferred === undefined || knownVersion === undefined) return undefined;
  return {
    seconds: Math.min(preferred, maximumSeconds),
    knownVersion,
    signal: request.disconnect.signal,
    connection: request.connection,
    isHoldable: request.fieldCount() <= MAXIMUM_FIELDS_HELD,
  };
}

function answerError(
  error: unknown,
  { request, headers }: Exchange,
  { context, errorPages }: Dispatcher,
): { response: RelayResponse; code: RelayErrorCode } {
  if (isRelayError(error)) {
    const response = tryCreateErrorResponse(error, errorPages(request, error.status), headers);
    if (response !== undefined) return { response, code: error.code };
  }
  // A bug. Its message may contain secrets, so neither the client nor the host's error handler receives the error.
  context.events.emit('relay.failed', { cause: describeCause(error) });
  const internal = new RelayError('internal_error', { cause: error });
  return { response: createProblemResponse(internal, headers), code: internal.code };
}

/** The answer to a RelayError; `undefined` if its members or headers, which may come from a hook, cannot be sent. */
function tryCreateErrorResponse(
  error: RelayError,
  page: ErrorPage,
  headers: readonly HeaderField[],
): RelayResponse | undefined {
  try {
    const response = createErrorResponse(error, page, headers);
    for (const [name, value] of response.headers) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    return response;
  } catch {
    return undefined;
  }
}

function reportCompletion(
  { operation, address }: Exchange,
  status: number,
  code: RelayErrorCode | undefined,
  ms: number,
  { events, hashMailbox }: RelayContext,
): void {
  if (!events.hasListeners('request.completed')) return;
  events.emit('request.completed', {
    ...(operation === undefined ? {} : { operation }),
    status,
    ...(code === undefined ? {} : { code }),
    ms,
    ...(address === undefined ? {} : { mailbox: hashMailbox(address) }),
  });
}

/** The request id is echoed byte for byte, on errors too. An invalid request id is not echoed (docs/protocol.md §3). */
function echoRequestId(requestId: string | null | undefined): readonly HeaderField[] {
  return typeof requestId === 'string' ? [[REQUEST_ID, requestId]] : [];
}
