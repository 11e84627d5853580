import { EventEmitter } from 'node:events';
import { type ClientRequest, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { z } from 'zod';
import { BoundedAgent } from './bounded-agent.js';
import { type ProxyRule, parseProxyUrl, readEnvironmentProxy } from './proxy-url.js';
import { openTunnel } from './tunnel.js';

/*
 * How an adapter leaves the network: directly, through a proxy, or through the host's own agent. One rule for all
 * adapters that call out: the option `agent`, else the option `proxy`, else HTTPS_PROXY and NO_PROXY.
 */

/** Options of every adapter that calls out. */
export const egressOptions = {
  agent: z
    .custom<HttpAgent>(isAgent, 'must be an Agent for https: of node:https, or such as HttpsProxyAgent')
    .optional(),
  proxy: z
    .union(
      [
        z.literal(false),
        z
          .union([z.string(), z.instanceof(URL)])
          .transform((value) => parseProxyUrl(String(value)))
          .refine((url) => url !== undefined, 'must be the http or https URL of a proxy, or false')
          .transform((url) => url as URL),
      ],
      'must be the http or https URL of a proxy, or false',
    )
    .optional(),
};

export interface Egress {
  /** The agent for an https target; `undefined` for a direct connection. */
  findAgent(target: URL): HttpAgent | undefined;
  /** True if some targets have an agent. */
  readonly isActive: boolean;
  /** Closes the idle connections through the proxy, not those of the host's agent. */
  close(): void;
}

/** Throws a TypeError that begins with `user` for both options, and for a malformed proxy in the environment. */
export function createEgress(
  user: string,
  { agent, proxy }: { readonly agent?: HttpAgent | undefined; readonly proxy?: URL | false | undefined },
  timeoutMs: number,
): Egress {
  if (agent !== undefined && proxy !== undefined) throw new TypeError(`${user}.proxy: cannot be combined with agent`);
  if (agent !== undefined) return { findAgent: () => agent, isActive: true, close: () => undefined };
  const rule: ProxyRule | undefined =
    proxy === undefined ? readEnvironmentProxy(user) : proxy ? { url: proxy, covers: () => true } : undefined;
  if (rule === undefined) return { findAgent: () => undefined, isActive: false, close: () => undefined };
  const tunnels = new TunnelAgent(rule.url, timeoutMs);
  return {
    findAgent: (target) => (target.protocol === 'https:' && rule.covers(target) ? tunnels : undefined),
    isActive: true,
    close: () => tunnels.destroy(),
  };
}

/** Agents of npm, such as HttpsProxyAgent, extend the Agent of node:http and have `connect`. */
function isAgent(value: unknown): boolean {
  return value instanceof HttpsAgent || (value instanceof HttpAgent && hasConnect(value));
}

type Connected = (error: Error | null, socket?: Duplex) => void;

/** Connects through a proxy. */
class TunnelAgent extends BoundedAgent {
  readonly #proxy: URL;
  readonly #timeoutMs: number;

  constructor(proxy: URL, timeoutMs: number) {
    super();
    this.#proxy = proxy;
    this.#timeoutMs = timeoutMs;
  }

  /** Called by Node for each new connection. */
  override createConnection(options: ConnectionOptions, done: Connected): undefined {
    const { host = '', port = 443 } = options;
    openTunnel(this.#proxy, `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, this.#timeoutMs).then(
      (socket) => done(null, connectTls({ ...options, socket })),
      (error) => done(error),
    );
  }
}

type AgentConnect = (request: ClientRequest, options: object) => Socket | Promise<Socket>;

function hasConnect(agent: HttpAgent): agent is HttpAgent & { connect: AgentConnect } {
  return typeof Reflect.get(agent, 'connect') === 'function';
}

/**
 * Opens one TLS connection with an agent, for protocols other than HTTP/1.1. Agents of npm (agent-base) have `connect`,
 * and those of Node have `createConnection`.
 */
export async function connectWithAgent(
  agent: HttpAgent,
  options: ConnectionOptions & { readonly host: string; readonly port: number },
): Promise<TLSSocket> {
  if (hasConnect(agent)) {
    const request = new EventEmitter() as ClientRequest;
    return (await agent.connect(request, { ...options, secureEndpoint: true })) as TLSSocket;
  }
  const create = (agent as unknown as { createConnection(options: object, done: Connected): Duplex | undefined })
    .createConnection;
  return new Promise((resolve, reject) => {
    const done: Connected = (error, socket) => (error ? reject(error) : resolve(socket as TLSSocket));
    const socket = create.call(agent, { ...(Reflect.get(agent, 'options') as object), ...options }, done);
    if (socket) resolve(socket as TLSSocket);
  });
}
