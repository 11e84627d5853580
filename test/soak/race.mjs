/**
 * `npm run soak -- race [redis|postgres|sqlite …] [--processes 4] [--mailboxes 500] [--contenders 50] [--creates 200]
 * [--shared 50] [--writes 20] [--contrast 50]`: relay processes on one store, with the same keys, asked over HTTP on
 * loopback. Contenders at every process read each mailbox at once; creates are sent to all processes at once; the two
 * devices of shared mailboxes write at once, while some answers are lost. The same checks are then put to a plain
 * get-then-set store, which they have to fail. Servers: TEST_REDIS_URL and TEST_POSTGRES_URL, else started here. Ends
 * by itself; exit 0 only if every promise held on every store.
 */
import { argumentsOf, loadParts, proveAll, seconds } from './race/proof.mjs';

/** Of so many answers to writers one is lost. */
const ONE_LOST_OF = 5;

const { parts, program, remove } = await loadParts('prove-race');
const { bindRace, createClient, createRace, isSound, openBackend, settingsFor, startFleet, updateRace } = parts;

/**
 * The three races on a fresh fleet.
 * @param {object} backend
 * @param {'soundly' | 'plainly'} how
 * @param {{ processes: number, mailboxes: number, contenders: number, creates: number, shared: number, writes: number }} size
 */
async function race(backend, how, size) {
  const fleet = await startFleet(program, settingsFor(backend, how), size.processes);
  const steady = createClient(fleet);
  const lossy = createClient(fleet, { dropped: 1 / ONE_LOST_OF });
  try {
    let began = performance.now();
    const binds = await bindRace(steady, size);
    console.log(
      `    binding: ${binds.reads} reads of ${size.mailboxes} mailboxes: ${binds.bound} bound, ${binds.refused} refused, ` +
        `${binds.doubles} double, ${binds.unbound} without a receiver, ${binds.leaks} leaks, ${binds.wrong} wrong; ` +
        `won at ${binds.wonAt.join('/')}; ${await fleet.lostRaces()} compare-and-sets lost; ` +
        `${steady.figures.retries} retries; ${seconds(began)}`,
    );
    began = performance.now();
    const creates = await createRace(steady, size.creates);
    console.log(
      `    creates: ${creates.requests} requests for ${size.creates} mailboxes: ${creates.opened} opened, ` +
        `${creates.found} found, ${creates.wrong} wrong; ${seconds(began)}`,
    );
    began = performance.now();
    const updates = await updateRace(lossy, { mailboxes: size.shared, writes: size.writes });
    console.log(
      `    updates: ${updates.acknowledged} acknowledged in ${size.shared} mailboxes: ${updates.lost} lost, ` +
        `${updates.duplicated} doubled, ${updates.invented} invented, ${updates.disordered} out of order; reads: ` +
        `${updates.diverged} diverged, ${updates.stale} stale; ${updates.wrong} wrong; ${updates.overtaken} overtaken; ` +
        `${lossy.figures.unanswered} answers lost of ${lossy.figures.requests}; ${seconds(began)}`,
    );
    const { acknowledged, lost, duplicated, invented, disordered, diverged, stale } = updates;
    return {
      binding: binds.bound === size.mailboxes && binds.doubles + binds.unbound + binds.leaks + binds.wrong === 0,
      creates: creates.opened <= size.creates && creates.wrong === 0,
      updates:
        updates.wrong === 0 && isSound({ acknowledged, lost, duplicated, invented, disordered, diverged, stale }),
    };
  } finally {
    steady.close();
    lossy.close();
    await fleet.close();
  }
}

/**
 * Whether the check for doubled effects finds those of clients that retry under a new request id.
 * @param {object} backend
 * @param {{ processes: number, contrast: number, writes: number }} size
 */
async function findsDoubles(backend, { processes, contrast, writes }) {
  const fleet = await startFleet(program, settingsFor(backend), processes);
  const careless = createClient(fleet, { dropped: 1 / ONE_LOST_OF, careless: true });
  try {
    const { acknowledged, duplicated } = await updateRace(careless, {
      mailboxes: contrast,
      writes: Math.ceil(writes / 4),
    });
    console.log(`    careless updates: ${acknowledged} acknowledged, ${duplicated} doubled`);
    return duplicated > 0;
  } finally {
    careless.close();
    await fleet.close();
  }
}

/** @param {string} kind @param {Record<string, number>} sizes */
async function prove(kind, { contrast, ...size }) {
  const backend = await openBackend(kind);
  try {
    const { processes, contenders } = size;
    console.log(`${kind} (${backend.origin}): ${processes} processes, ${contenders} contenders at each`);
    const held = await race(backend, 'soundly', size);
    console.log(`  for contrast, plain get-then-set on ${contrast} mailboxes:`);
    const small = {
      ...size,
      mailboxes: contrast,
      creates: contrast,
      shared: contrast,
      writes: Math.ceil(size.writes / 4),
    };
    const plain = await race(backend, 'plainly', small);
    console.log('  for contrast, devices that retry under a new request id:');
    const doubles = await findsDoubles(backend, { ...size, contrast });
    const found = Object.values(plain).every((sound) => !sound) && doubles;
    if (!found) console.log('  The checks did not find all that is wrong in the contrasts.');
    return Object.values(held).every(Boolean) && found;
  } finally {
    await backend.close();
  }
}

try {
  const { stores, sizes } = argumentsOf(parts.STORE_KINDS, {
    processes: 4,
    mailboxes: 500,
    contenders: 50,
    creates: 200,
    shared: 50,
    writes: 20,
    contrast: 50,
  });
  await proveAll(stores, 5, (store) => prove(store, sizes));
} finally {
  await remove();
}
