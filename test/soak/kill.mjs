/**
 * `npm run soak -- kill [redis|postgres|sqlite …] [--processes 4] [--kills 20] [--lanes 24]`: relay processes on one store
 * are killed with -9 in mid-load, one after the other, and started again, while devices open, bind, write and delete
 * mailboxes and retry under the same request id at another process. Then every acknowledged write is looked for, and
 * every mailbox read, updated and deleted by its devices. The same checks are then put to one process that
 * acknowledges before it writes, and has to fail them. Servers: TEST_REDIS_URL and TEST_POSTGRES_URL, else started
 * here. Ends by itself; exit 0 only if nothing was lost and nothing stuck on any store.
 */
import { argumentsOf, loadParts, proveAll, seconds } from './race/proof.mjs';

const CONTRAST = { processes: 1, kills: 3, lanes: 8 };

const { parts, program, remove } = await loadParts('prove-kill');
const { createClient, isSound, killLoad, openBackend, settingsFor, startFleet } = parts;

/**
 * Whether all held.
 * @param {object} backend
 * @param {'soundly' | 'hastily'} how
 * @param {{ processes: number, kills: number, lanes: number }} sizes
 */
async function kill(backend, how, sizes) {
  const began = performance.now();
  const fleet = await startFleet(program, settingsFor(backend, how), sizes.processes);
  const client = createClient(fleet);
  try {
    const { kills, cutOff, mailboxes, deleted, misbound, stuck, reasons, ...history } = await killLoad(client, sizes);
    const { requests, retries, unanswered, unavailable, longestMs } = client.figures;
    console.log(
      `    ${kills} kills, ${cutOff} requests under way then; ${seconds(began)}\n` +
        `    ${requests} requests, ${unanswered} unanswered, ${unavailable} answered 503, ${retries} retries; longest call ` +
        `${longestMs.toFixed(0)} ms\n` +
        `    ${mailboxes} mailboxes, ${deleted} deleted meanwhile: ${stuck} stuck, ${misbound} without exactly one ` +
        `receiver${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}\n` +
        `    ${history.acknowledged} acknowledged writes: ${history.lost} lost, ${history.duplicated} doubled, ` +
        `${history.invented} invented, ${history.disordered} out of order; reads: ${history.diverged} diverged, ` +
        `${history.stale} stale`,
    );
    return kills === sizes.kills && stuck === 0 && misbound === 0 && isSound(history);
  } finally {
    client.close();
    await fleet.close();
  }
}

/** @param {string} kind @param {{ processes: number, kills: number, lanes: number }} sizes */
async function prove(kind, sizes) {
  const backend = await openBackend(kind);
  try {
    console.log(`${kind} (${backend.origin}): ${sizes.processes} processes, ${sizes.lanes} mailboxes at once`);
    const held = await kill(backend, 'soundly', sizes);
    console.log('  for contrast, one process that acknowledges before it writes:');
    const found = !(await kill(backend, 'hastily', CONTRAST));
    if (!found) console.log('  The checks did not find what is wrong with the hasty store.');
    return held && found;
  } finally {
    await backend.close();
  }
}

try {
  const { stores, sizes } = argumentsOf(parts.STORE_KINDS, { processes: 4, kills: 20, lanes: 24 });
  await proveAll(stores, 5, (store) => prove(store, sizes));
} finally {
  await remove();
}
