import { validateHeaderName, validateHeaderValue } from 'node:http';
import { KNOWN_VERSION, REQUEST_ID } from '../../protocol/header-names.js';
import type { Guard } from '../auth/guard.js';
import { isRelayError, RelayError } from '../errors.js';
import { describeCause, type OperationName } from '../events.js';
import type { Operation, Outcome, RelayContext, WaitRequest } from '../operations/context.js';
import { createMailbox } from '../operations/create.js';
import { deleteMailbox } from '../operations/delete.js';
import { readDisplayInformation } from '../operations/preview.js';
import { readSecureContent } from '../operations/read.js';
import { relinquishMailbox } from '../operations/relinquish.js';
import { updateMailbox } from '../operations/update.js';
import type { ErrorPage, ErrorPages } from '../preview/error-page.js';
import type { PreviewRenderer } from '../preview/preview-page.js';
import type { RelayRequest } from '../request.js';
import type { Address } from '../store/codec.js';
import { startBudget } from '../store/guarded-store.js';
import { readJsonBody } from './body.js';
import type { Cors } from './cors.js';
import { parseDeviceClaim, parseRequestId } from './headers.js';
import { parseRoute } from './path.js';
import { parsePreferredWait } from './prefer.js';
import { errorResponse, optionsResponse, previewResponse, problemResponse, successResponse } from './response.js';
import { headerPairs, type RelayResponse, type RequestHandler } from './types.js';

/** What dispatching needs besides the operations' own context. */
export interface DispatchSettings {
  readonly tlsRequired: boolean;
  readonly bodyBytes: number;
  readonly cors: Cors;
  readonly guard: Guard;
  readonly renderPreview: PreviewRenderer;
  readonly refusalForms: ErrorPages;
  /** Most seconds that a read is held. */
  readonly maximumWaitSeconds: number;
}

// biome-ignore lint/suspicious/noExplicitAny: each operation has its own kind of body; `perform` keeps them together.
type AnyOperation = Operation<any>;

/** What the two kinds of paths take. The drafts' endpoint names are in each operation's own file. */
const METHODS: Readonly<Record<'collection' | 'mailbox', Readonly<Record<string, AnyOperation>>>> = {
  collection: { POST: createMailbox },
  mailbox: {
    GET: readDisplayInformation,
    HEAD: readDisplayInformation,
    POST: readSecureContent,
    PUT: updateMailbox,
    PATCH: relinquishMailbox,
    DELETE: deleteMailbox,
  },
};

const ALLOW = {
  collection: [...Object.keys(METHODS.collection), 'OPTIONS'].join(', '),
  mailbox: [...Object.keys(METHODS.mailbox), 'OPTIONS'].join(', '),
};

/** What is known of a request at the end of it, for its event. */
interface RequestInfo {
  /** `null` for one that is invalid. */
  readonly requestId: string | null | undefined;
  operation?: OperationName;
  address?: Address;
}

/**
 * Makes the one place through which every request goes, whichever door it came in by. It never rejects: what fails is
 * answered, as a problem.
 */
export function createDispatch(context: RelayContext, settings: DispatchSettings): RequestHandler {
  /** The order of checks is the protocol's: path, method, TLS, headers, body, hooks, then the operation. */
  async function answer(request: RelayRequest, trace: RequestInfo, extra: readonly string[]): Promise<RelayResponse> {
    const route = parseRoute(request.path);
    if (route.kind === 'nothing') throw new RelayError(route.code);
    const allow = ALLOW[route.kind];
    if (request.method === 'OPTIONS') {
      return optionsResponse(allow, [...requestIdHeader(trace.requestId), ...settings.cors(request, allow)]);
    }
    const methods = METHODS[route.kind];
    const operation = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined;
    if (operation === undefined) throw new RelayError('method_not_allowed', { headers: [['Allow', allow]] });
    trace.operation = operation.name;
    if (route.kind === 'mailbox') trace.address = context.address(route.identifier);
    const outcome = await perform(operation, request, trace);
    if (outcome.preview === undefined) return successResponse(outcome, extra);
    const { display, url } = outcome.preview;
    return previewResponse(settings.renderPreview(display, url, request.header('Accept-Language')), extra);
  }

  async function perform<Body>(
    operation: Operation<Body>,
    request: RelayRequest,
    trace: RequestInfo,
  ): Promise<Outcome> {
    if (settings.tlsRequired && !request.isSecure()) throw new RelayError('tls_required', { detail: TLS_HINT });
    const { requestId } = trace;
    if (requestId === null) throw new RelayError('request_id_invalid');
    if (requestId === undefined && operation.needsRequestId && context.requestIdRequired) {
      throw new RelayError('request_id_missing');
    }
    const claim = operation.needsClaim ? parseDeviceClaim(request) : '';
    const hasBody = request.mayHaveBody || operation.takesBody === 'required';
    const body = operation.parse(hasBody ? await bodyFor(operation, request) : undefined, context);
    // Before the store is asked: who is not let in learns nothing of any mailbox.
    const asked = settings.guard.authenticate(operation.name, request);
    const principal = asked === undefined ? undefined : await asked;
    const knownVersion = request.header(KNOWN_VERSION);
    const command = {
      address: trace.address ?? NO_ADDRESS,
      claim,
      requestId,
      knownVersion,
      body,
      wait: operation.mayWait ? parseWaitRequest(request, knownVersion) : undefined,
      budget: startBudget(context.storeBudgetMs),
      authorize: settings.guard.authorizer(operation.name, request, principal),
    };
    const outcome = await operation.run(command, context);
    trace.address = outcome.address;
    return outcome;
  }

  /** A wish to wait counts only together with what is waited for (PROTOCOL: waiting). */
  function parseWaitRequest(request: RelayRequest, knownVersion: string | undefined): WaitRequest | undefined {
    const wished = parsePreferredWait(request);
    if (wished === undefined || knownVersion === undefined) return undefined;
    const { whenGone, connection } = request;
    const isHoldable = request.fieldCount() <= MOST_FIELDS_HELD;
    const seconds = Math.min(wished, settings.maximumWaitSeconds);
    return { seconds, knownVersion, whenGone, connection, isHoldable };
  }

  async function bodyFor(operation: AnyOperation, request: RelayRequest): Promise<unknown> {
    if (operation.takesBody !== 'ignored') return readJsonBody(request, operation.takesBody, settings.bodyBytes);
    if (operation.needsClaim) await discardBody(request, settings.bodyBytes);
    return undefined;
  }

  function refusal(
    error: unknown,
    request: RelayRequest,
    extra: readonly string[],
  ): { response: RelayResponse; error: RelayError } {
    if (isRelayError(error)) {
      const response = buildErrorResponse(error, settings.refusalForms(request, error.status), extra);
      if (response !== undefined) return { response, error };
    }
    // A bug. Its message may hold anything, so neither the client nor the host's error handler sees it.
    context.events.emit('relay.failed', { cause: describeCause(error) });
    const internal = new RelayError('internal_error', { cause: error });
    return { response: problemResponse(internal, extra), error: internal };
  }

  return async (request) => {
    const started = performance.now();
    const trace: RequestInfo = { requestId: parseRequestId(request) };
    const extra = [...requestIdHeader(trace.requestId), ...settings.cors(request)];
    let response: RelayResponse;
    let code: RelayError['code'] | undefined;
    try {
      response = await answer(request, trace, extra);
    } catch (thrown) {
      const refused = refusal(thrown, request, extra);
      response = refused.response;
      code = refused.error.code;
    }
    if (context.events.hasListeners('request.completed')) {
      context.events.emit('request.completed', {
        ...(trace.operation === undefined ? {} : { operation: trace.operation }),
        status: response.status,
        ...(code === undefined ? {} : { code }),
        ms: performance.now() - started,
        ...(trace.address === undefined ? {} : { mailbox: context.hashMailbox(trace.address) }),
      });
    }
    // About to stop: the client's next request is for another process.
    return context.waiters.draining ? { ...response, close: true } : response;
  };
}

/** The answer to a refusal; `undefined` for one whose members or headers, which may be a hook's, cannot be sent. */
function buildErrorResponse(error: RelayError, form: ErrorPage, extra: readonly string[]): RelayResponse | undefined {
  try {
    const response = errorResponse(error, form, extra);
    for (const [name, value] of headerPairs(response)) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    return response;
  } catch {
    return undefined;
  }
}

/** Header fields of a request that is held. A thousand small ones cost 20 times the memory of the rest of it. */
const MOST_FIELDS_HELD = 100;

/** A create names no mailbox yet. */
const NO_ADDRESS: Address = { identifier: '', key: '' };

const TLS_HINT = 'Behind a proxy that ends TLS and sets X-Forwarded-Proto, set the option trustProxy.';

/** The request id goes back byte for byte, on errors too; an invalid one does not go back at all. */
function requestIdHeader(requestId: string | null | undefined): readonly string[] {
  return typeof requestId === 'string' ? [REQUEST_ID, requestId] : [];
}

/** Reads what nobody asked for, so that the connection can go on; what the host had read is no matter. */
async function discardBody(request: RelayRequest, limit: number): Promise<void> {
  try {
    await request.readBody(limit);
  } catch (error) {
    if (!isRelayError(error) || error.code !== 'body_already_read') throw error;
  }
}
