import { describe, expect, it } from 'vitest';
import { createSettings, type OpenBackend, STORE_KINDS, type WriteMode } from '../support/process/backends.js';
import { startFleet } from '../support/process/fleet.js';
import { createClient } from '../support/race/fleet-client.js';
import { isConsistent } from '../support/race/history.js';
import { killLoad } from '../support/race/kill-load.js';
import { parseArguments } from './arguments.js';
import { formatSeconds } from './figures.js';
import { buildInTests, toBackend, withBackend } from './processes.js';

/*
 * Relay processes on one store are killed with SIGKILL under load, one after another, and started again. Devices create,
 * bind, write and delete mailboxes, and retry under the same request id at another process. Then every acknowledged
 * write must be there, and every mailbox must work. A process that acknowledges before it writes must fail the checks.
 */

const { parts: stores, sizes } = parseArguments(STORE_KINDS, { processes: 4, kills: 20, concurrency: 24 });
const CONTRAST = { processes: 1, kills: Math.min(3, sizes.kills), concurrency: Math.min(8, sizes.concurrency) };
const program = buildInTests();

/** True if nothing was lost and every mailbox works. */
async function kill(backend: OpenBackend, writeMode: WriteMode, size: typeof sizes): Promise<boolean> {
  const began = performance.now();
  const fleet = await startFleet(program(), createSettings({ backend: toBackend(backend), writeMode }), size.processes);
  const client = createClient(fleet);
  try {
    const { kills, cutOff, mailboxes, deleted, misbound, stuck, reasons, ...history } = await killLoad(client, size);
    const { requests, retries, unanswered, unavailable, longestMs } = client.figures;
    console.log(
      `  ${kills} kills, ${cutOff} requests cut off; ${formatSeconds(began)}\n` +
        `  ${requests} requests, ${unanswered} unanswered, ${unavailable} × 503, ${retries} retries; longest call ` +
        `${longestMs.toFixed(0)} ms\n` +
        `  ${mailboxes} mailboxes, ${deleted} deleted under load: ${stuck} stuck, ${misbound} without exactly one ` +
        `receiver${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}\n` +
        `  ${history.acknowledged} acknowledged writes: ${history.lost} lost, ${history.duplicated} doubled, ` +
        `${history.invented} invented, ${history.disordered} out of order; reads: ${history.diverged} diverged, ` +
        `${history.stale} stale`,
    );
    return kills === size.kills && stuck === 0 && misbound === 0 && isConsistent(history);
  } finally {
    client.close();
    await fleet.close();
  }
}

describe.each(stores)('%s', (kind) => {
  it('killed processes lose no acknowledged write and leave no stuck mailbox', () =>
    withBackend(kind, async (backend) => {
      console.log(`${kind} (${backend.origin}): ${sizes.processes} processes, ${sizes.concurrency} mailboxes at once`);
      expect(await kill(backend, 'compare-and-set', sizes)).toBe(true);
    }));

  it('a process that acknowledges before it writes fails the checks', () =>
    withBackend(kind, async (backend) => {
      console.log(`${kind}: one process that acknowledges before it writes`);
      expect(await kill(backend, 'acknowledge-first', CONTRAST)).toBe(false);
    }));
});
