import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';

/** Time in ms after which an idle connection is closed, before a firewall on the path drops it. */
export const IDLE_TIMEOUT_MS = 60_000;

/** Idle connections to all hosts together. Devices choose the hosts of Web Push, so a limit per host is not enough. */
const MAXIMUM_IDLE_CONNECTIONS = 64;

/** An https agent with a limit for idle connections. */
export class BoundedAgent extends Agent {
  constructor(options: AgentOptions = {}) {
    super({ ...options, keepAlive: true, timeout: IDLE_TIMEOUT_MS });
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const idle = Object.values(this.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
    // @types/node declares no result.
    const kept: unknown = idle < MAXIMUM_IDLE_CONNECTIONS && super.keepSocketAlive(socket);
    return kept === true;
  }
}
