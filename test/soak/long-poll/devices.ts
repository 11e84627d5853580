import { Agent } from 'node:http';
import { type Child, startChild } from '../../support/process/child.js';
import { createBody, somePayload } from '../../support/protocol/bodies.js';
import { type BoundPair, createBoundPair } from '../../support/protocol/device.js';
import { runConcurrently } from '../../support/protocol/flow.js';
import type { DeviceCommands, DeviceSettings } from './devices-process.js';

/**
 * An agent for thousands of connections. The kernel probes idle connections every 10 min: with a probe per second it
 * loses so many probes on loopback that it closes some of ten thousand connections.
 */
export const createAgent = (): Agent => new Agent({ keepAlive: true, keepAliveMsecs: 600_000, maxFreeSockets: 20_000 });

/** Creates mailboxes with bound receivers at `base`. */
export async function createPairs(
  base: string,
  count: number,
  { characters = 64, agent }: { characters?: number; agent: Agent },
): Promise<BoundPair[]> {
  const pairs: BoundPair[] = [];
  await runConcurrently(count, 16, async (index) => {
    pairs[index] = await createBoundPair(base, createBody({ payload: somePayload(characters) }), agent);
  });
  return pairs;
}

/** A time in ms that all processes of the machine share. */
export const nowShared = (): number => performance.timeOrigin + performance.now();

/** Devices in a child process. */
export type DeviceChild = Child<object, DeviceCommands>;

export const startDevices = (program: string, settings: DeviceSettings): Promise<DeviceChild> =>
  startChild(program, settings);
