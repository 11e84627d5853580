import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';

/** Idle connections are dropped after this time in ms, before a firewall on the way forgets them. */
export const IDLE_TIMEOUT_MS = 60_000;

/** Idle connections that are kept, to all hosts together: strangers may choose among many hosts. */
const MAXIMUM_IDLE_CONNECTIONS = 64;

/** An agent for https that keeps so many idle connections, for so long. */
export class BoundedAgent extends Agent {
  constructor(options: AgentOptions = {}) {
    super({ ...options, keepAlive: true, timeout: IDLE_TIMEOUT_MS });
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const idle = Object.values(this.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
    // The declaration of Node's types has no result.
    const kept: unknown = idle < MAXIMUM_IDLE_CONNECTIONS && super.keepSocketAlive(socket);
    return kept === true;
  }
}
