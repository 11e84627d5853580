import type { IncomingMessage, ServerResponse } from 'node:http';

/** Node's own request and response, as Hono's node server hands them to its app. */
export interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** The bindings in what a host passes beside a request: they are it, or are its `env`, as in a context of Hono. */
export function findNodeBindings(env: unknown): NodeBindings | undefined {
  if (isBindings(env)) return env;
  const inner = isObject(env) && 'env' in env ? env.env : undefined;
  return isBindings(inner) ? inner : undefined;
}

function isBindings(value: unknown): value is NodeBindings {
  if (!isObject(value) || !('incoming' in value) || !('outgoing' in value)) return false;
  const { incoming, outgoing } = value;
  return isObject(incoming) && 'rawHeaders' in incoming && isObject(outgoing) && 'writableEnded' in outgoing;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
