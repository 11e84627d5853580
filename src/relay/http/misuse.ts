import type { ServerResponse } from 'node:http';
import { RelayError } from '../errors.js';
import { createProblemResponse } from './response.js';

/** The kinds of hosts that call a handler, by the arguments of the call. */
type Caller = 'koa' | 'express' | 'node' | 'fastify' | 'hono' | 'fetch' | 'none';

/** For each caller: its name, and the right form. `relay` is the expression whose handlers the host uses. */
const FORMS: Readonly<Record<Caller, (relay: string) => readonly [name: string, form: string]>> = {
  koa: (relay) => ['Koa', `app.use(${relay}.koa())`],
  express: (relay) => ['Express and Connect', `app.use(${relay}.node())`],
  node: (relay) => ['node:http', `createServer(${relay}.node())`],
  fastify: (relay) => [
    'Fastify',
    `const handle = ${relay}.node(); ` +
      "app.addHook('onRequest', (request, reply, done) => handle(request.raw, reply.raw, () => done()))",
  ],
  hono: (relay) => ['Hono', `app.all('/relay/*', (c) => ${relay}.fetch(c.req.raw, c))`],
  fetch: (relay) => ['hosts of the fetch API', `${relay}.fetch, without a call`],
  none: (relay) => [
    'any host',
    `${relay}.koa() for Koa, ${relay}.node() for Express and node:http, ${relay}.fetch for hosts of the fetch API`,
  ],
};

/** Reports a message to the operator. */
export type ReportMisuse = (message: string) => void;

/** {@link refuseCall} for one expression. The result stands for any result: the host ignores it. */
export type RefuseCall = (...args: readonly unknown[]) => never;

/**
 * Refuses the call of a handler by a host that the handler does not serve, or of a method in place of a handler. The
 * host gets a TypeError with the right form, in the way of its own errors: `next(error)`, a throw, or an answer of 500
 * if the host could only crash. It returns `undefined` if it does not throw.
 *
 * @param called - The expression that the host called, such as `relay.node()`.
 * @param relay - The expression of the handlers: `relay`, or `relay.wellKnown()`.
 */
export function refuseCall(called: string, relay: string, args: readonly unknown[], report: ReportMisuse): undefined {
  const caller = identifyCaller(args);
  const [name, form] = FORMS[caller](relay);
  return tell(`${called} is no handler for ${name}: use ${form}`, caller, args, report);
}

/**
 * Wraps a method for operators, such as `relay.ping`: a host that takes it for a handler is told, as by
 * {@link refuseCall}. All other calls, such as by `process.on('SIGTERM', relay.close)`, go to the method.
 *
 * @param called - The expression, such as `relay.ping`.
 */
export function refuseHosts<Method extends (...args: never[]) => unknown>(
  called: string,
  method: Method,
  report: ReportMisuse,
): Method {
  const guarded = (...args: never[]): unknown => {
    const caller = identifyCaller(args);
    if (caller === 'none') return method(...args);
    const [name] = FORMS[caller]('relay');
    return tell(`${called} is no handler for ${name}: call ${called}() in a handler of your own`, caller, args, report);
  };
  return guarded as Method;
}

/** Gives the message to the operator, and to the host in the way of the host's own errors. */
function tell(message: string, caller: Caller, args: readonly unknown[], report: ReportMisuse): undefined {
  report(message);
  const error = new TypeError(message);
  const [, response, next] = args;
  // Express 4 and Fastify ignore a rejection, and Fastify ignores a throw in a hook.
  if (isFunction(next)) next(error);
  else if (caller === 'node') answerMisuse(response as ServerResponse, message);
  else throw error;
}

/** True for the arguments of node:http, Express and Connect. */
export function isNodeCall(request: unknown, response: unknown): boolean {
  if (!isObject(response) || !isFunction(response.setHeader) || !isFunction(response.end)) return false;
  // Fastify's request has a URL and headers, but is no stream.
  return isObject(request) && (isFunction(request.on) || !isObject(request.raw));
}

/** True for a context of Koa. */
export function isKoaCall(context: unknown): boolean {
  return isObject(context) && isFunction(context.append) && isObject(context.res) && isFunction(context.res.setHeader);
}

/** True for a Request of the fetch API, of any implementation. */
export function isFetchCall(request: unknown): boolean {
  return (
    isObject(request) &&
    typeof request.url === 'string' &&
    isObject(request.headers) &&
    isFunction(request.headers.get) &&
    typeof request.method === 'string'
  );
}

function identifyCaller(args: readonly unknown[]): Caller {
  const [first, second, third] = args;
  if (isKoaCall(first)) return 'koa';
  if (isNodeCall(first, second)) return isFunction(third) ? 'express' : 'node';
  if (isFetchCall(first)) return 'fetch';
  if (!isObject(first)) return 'none';
  // The context of Hono, or its request.
  if (isFetchCall(first.raw) || (isObject(first.req) && isFetchCall(first.req.raw))) return 'hono';
  // A request of Fastify, or its app in a plugin.
  if (isObject(first.raw) || (isFunction(first.addHook) && isFunction(first.register))) return 'fastify';
  return 'none';
}

/** The message contains nothing of the request. The developer of the host sees this answer first. */
function answerMisuse(response: ServerResponse, message: string): void {
  const { status, headers, body } = createProblemResponse(new RelayError('internal_error', { detail: message }), []);
  response.statusCode = status;
  for (const [name, value] of headers) response.setHeader(name, value);
  response.end(body);
}

type Members = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Members {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}

function isFunction(value: unknown): value is (...args: readonly unknown[]) => unknown {
  return typeof value === 'function';
}
