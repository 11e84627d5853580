import type { IncomingMessage, ServerResponse } from 'node:http';

/** Request and response of Node, as the node server of Hono passes them to the app. */
export interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** The bindings in the `env` of a fetch call: `env` itself, or the member `env` of Hono's context. */
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
