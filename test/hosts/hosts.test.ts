/**
 * The relay in every supported host, at "/" and at "/relay", with unread bodies and with bodies that the host has
 * parsed.
 */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { bodies } from '../support/hosts/bodies.js';
import { PLACES, type Place, type RunningHost, startHost } from '../support/hosts/hosts.js';
import { pages } from '../support/hosts/pages.js';
import { requests } from '../support/hosts/requests.js';
import { transfers } from '../support/hosts/transfer.js';

const SPELLED = { unread: 'body unread', parsed: 'body parsed by the host' } as const;

for (const place of PLACES) {
  for (const handling of ['unread', 'parsed'] as const) {
    if (place.host.bodies.includes(handling)) suite(place, handling);
  }
}

function suite(place: Place, handling: 'unread' | 'parsed'): void {
  describe(`${place.name}, ${SPELLED[handling]}:`, () => {
    let running: RunningHost;
    const host = (): RunningHost => running;

    beforeAll(async () => {
      running = await startHost(place, handling);
    });

    afterAll(async () => {
      await running.close();
      expect(running.bugs).toEqual([]);
    });

    transfers(host);
    requests(host);
    bodies(host, handling);
    pages(host, place.host);
  });
}
