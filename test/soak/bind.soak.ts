import { expect, it } from 'vitest';
import { createSettings } from '../support/process/backends.js';
import { startFleet } from '../support/process/fleet.js';
import { bindRace } from '../support/race/bind-race.js';
import { createClient } from '../support/race/fleet-client.js';
import { parseArguments } from './arguments.js';
import { formatSeconds } from './figures.js';
import { buildInTests } from './processes.js';

const { mailboxes, claims } = parseArguments([], { mailboxes: 10_000, claims: 8 }).sizes;
/** Mailboxes that are read at the same time. */
const CONCURRENCY = 16;
const program = buildInTests();

it('exactly one of the claims that read a mailbox at once is bound, on the memory store', async () => {
  const fleet = await startFleet(program(), createSettings(), 1);
  const client = createClient(fleet);
  const began = performance.now();
  const figures = await bindRace(client, { mailboxes, contenders: claims, concurrency: CONCURRENCY });
  client.close();
  await fleet.close();
  const { bound, refused, wrong, doubles, unbound, leaks } = figures;
  console.log(
    `${mailboxes} mailboxes, ${claims} claims each reading at once, ${formatSeconds(began)}\n` +
      `200: ${bound}   401: ${refused}   other: ${wrong}\n` +
      `mailboxes without exactly one receiver: ${doubles + unbound}   error responses with content: ${leaks}`,
  );
  expect(figures).toMatchObject({ bound: mailboxes, doubles: 0, unbound: 0, leaks: 0, wrong: 0 });
});
