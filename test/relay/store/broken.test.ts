import { storeSuite } from 'credential-relay/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFixture, FAULTS, type Fault } from '../../support/store/broken.js';

/* Tests the suite: the healthy store passes, and each broken store fails its cases. */

type FaultName = keyof typeof FAULTS;

/** The cases by full name. Each case must fail for one of the broken stores below. */
const CASES: Readonly<Record<string, () => Promise<void>>> = casesFor();

/** For each broken store, the beginnings of the names of the cases that fail, and the expected messages. */
const CAUGHT: Readonly<Record<FaultName, Readonly<Record<string, RegExp>>>> = {
  'swallows errors': {
    'outage: get rejects': /has to reject, and answered undefined/,
    'outage: create rejects': /has to reject, and answered false/,
    'outage: replace rejects': /has to reject, and answered "conflict"/,
    'outage: ping rejects': /has to reject/,
    'outage: sweep rejects': /has to reject, and answered 0/,
    'outage: 50 calls': /has to reject/,
  },
  'says missing in an outage': { 'outage: replace rejects': /has to reject, and answered "missing"/ },
  'says undefined in an outage': { 'outage: get rejects': /has to reject, and answered undefined/ },
  'hangs in an outage': {
    'outage: get rejects': /has not settled after 3000 ms/,
    'outage: create rejects': /has not settled after 3000 ms/,
    'outage: replace rejects': /has not settled after 3000 ms/,
    'outage: ping rejects': /has not settled after 3000 ms/,
    'outage: calls in flight': /has not settled after 3000 ms/,
  },
  'never recovers from a call in an outage': { 'outage: get rejects': /get does not work 5000 ms after the outage/ },
  'loses what it holds in an outage': { 'outage: get rejects': /outlives an outage/ },
  'says yes to writes that the outage swallows': {
    'outage: create rejects': /has to reject, and answered true/,
    'outage: calls in flight': /acknowledged create/,
  },
  'is dead when opened in an outage': { 'outage: a store opened during it': /does not work 5000 ms after/ },
  'dies of an outage that it did not notice': { 'outage: a client that made no call': /does not work 5000 ms after/ },
  'waits in a queue while the backend fails': { 'outage: 50 calls': /3000/ },
  'leaves a rejection unhandled': { 'outage: ping rejects': /nobody could catch/ },
  'replaces by get, then set': {
    'race: of 50 replaces': /50 of 50 callers at once got ok/,
    'race: 200 increments': /deep-equal/,
  },
  'creates by get, then set': {
    'race: of 50 creates at once, from': /50 of 50 callers at once created/,
    'race: of 50 creates at once over': /50 of 50 callers at once created/,
  },
  'creates over a live entry': { 'create: gives false for a live entry': /equal/ },
  'tells a second caller ok': {
    'race: of 50 replaces': /\d+ of 50 callers at once got ok/,
    'replace: gives conflict': /equal/,
  },
  'says conflict where nothing is': {
    'replace: gives missing': /equal/,
    'deadline: an expired entry is missing for replace': /equal/,
  },
  'replaces what is not there': { 'replace: gives missing': /equal/ },
  'writes a value in two halves': { 'race: reads during replaces': /a value that was written/ },
  'reads from a cache': { 'clients: every client reads': /equal/ },
  'tells the revision that it has seen first': { 'revision(): gives every client': /another client has replaced/ },
  'tells the revision of what has expired': { 'revision(): gives undefined from the deadline on': /has expired/ },
  'tells no revision in an outage': { 'revision(): rejects in an outage': /has to reject, and answered undefined/ },
  'invents an entry': { 'get: gives undefined for an absent key': /equal/ },
  'keeps the old value on replace': { 'replace: gives ok': /equal/ },
  'forgets expiry': {
    'deadline: an entry is live before it': /lives \d+ ms past its deadline/,
    'deadline: a replace with an earlier one': /lives \d+ ms past its deadline/,
    'deadline: an expired entry counts as absent': /equal/,
    'deadline: an expired entry is missing': /equal/,
    'race: replaces against the deadline': /past the deadline/,
    'race: creates against the deadline': /0 creates succeeded/,
  },
  'cuts deadlines to seconds': { 'create: stores a value': /equal/ },
  'lets entries die early': { 'deadline: a conflict moves it neither way': /gone \d+ ms before its deadline|equal/ },
  'tells the wrong deadline': { 'create: stores a value': /equal/ },
  'extends expiry on replace': {
    'deadline: a replace without one keeps it': /equal/,
    'race: replaces against the deadline': /past the deadline/,
  },
  'drops expiry on replace': {
    'deadline: a replace without one keeps it': /equal/,
    'race: replaces against the deadline': /past the deadline/,
  },
  'ignores the deadline given to replace': {
    'deadline: a replace with an earlier one': /equal/,
    'deadline: a replace with a later one': /equal/,
  },
  'moves the deadline on a conflict': { 'deadline: a conflict moves it neither way': /deadline that holds/ },
  'counts a deadline from now in 32 bits': { 'deadline: one 40 years ahead': /equal/ },
  'takes an expired leftover for an entry on create': {
    'deadline: an expired entry counts as absent': /equal/,
    'race: of 50 creates at once over': /0 of 50/,
    'sweep: never erases a new entry': /an expired entry is no obstacle/,
  },
  'replaces an expired leftover': { 'deadline: an expired entry is missing': /equal/ },
  'accepts a past deadline': { 'deadline: create rejects one that has passed': /has to reject, and answered true/ },
  'takes a bad deadline for none': {
    'deadline: create rejects a number': /NaN has to reject, and answered true/,
    'deadline: replace rejects a number': /NaN has to reject, and answered "ok"/,
  },
  'compares the whole value': { 'revision: compare-and-set compares the revision only': /equal/ },
  'compares 15 characters': { 'revision: one that differs in any one': /character 16 differs/ },
  'compares as far as what it was asked': { 'revision: an empty': /a revision of 0 characters/ },
  'compares without case': { 'revision: case counts': /ab3-ef6_hi9-kl2_/ },
  'compares by LIKE': { 'revision: case counts': /________________/ },
  'loses unicode': {
    'values: text of all of Unicode': /create has changed the value/,
    'values: 128 KiB of UTF-8': /create has changed the value/,
  },
  'loses characters beyond the first plane': { 'values: 128 KiB of UTF-8': /😀: create has changed/ },
  'cuts values at 64 KiB': { 'values: of 16 characters to 128 KiB': /65537 characters: create has changed/ },
  'reads numbers in text': { 'values: revisions that look like': /equal/ },
  'copies objects': { 'values: an object comes back': /the same object/ },
  'folds the case of keys': { 'keys: two that differ in case': /something is under/ },
  'cuts keys at 127 characters': { 'keys: every allowed character': /something is under/ },
  'cleans keys of punctuation': { 'keys: one that begins': /something is under/ },
  'sweeps live entries': { 'sweep: leaves live entries': /a live entry was swept/ },
  'sweeps by the key, not by the entry': { 'sweep: never erases a new entry': /the new entry was swept/ },
  'sweeps beyond its limit': { 'sweep: erases no more than its limit': /of 10 expired entries/ },
  'counts what another sweep has erased': { 'sweep: two at once': /of 60 expired entries/ },
  'sweeps nothing': { 'sweep: erases expired entries and returns': /attempt by attempt: 0, 0, 0/ },
  'sweeps only what it wrote itself': { 'sweep: erases expired entries of a client': /attempt by attempt: 0, 0, 0/ },
  'does not know its clock': { 'ping: resolves': /clockSkewMs is NaN/ },
  'promises native expiry in other words': { 'capabilities: have the values': /nativeExpiry/ },
  'takes what it wrote with it': { 'close: entries outlive': /equal/ },
  'closes the connection of all': { 'close: other clients': /does not answer/ },
  'cannot be closed twice': { 'close: may be called twice': /close resolves/ },
  'lies when it is closed': { 'close: calls after it': /get after close/ },
  'hangs in close while calls are in flight': { 'close: calls in flight': /close has not settled after 3000 ms/ },
};

/** These cases mostly wait, so they start first. */
const SLOW = /^(sweeps|never|is dead|dies|hangs|does not know|keeps the old|forgets|creates by|takes what)/;
const AT_ONCE = 16;
/** The whole process receives the rejection, so this case runs alone. */
const ALONE: FaultName = 'leaves a rejection unhandled';

function casesFor(fault?: Fault): Record<string, () => Promise<void>> {
  const cases: Record<string, () => Promise<void>> = {};
  storeSuite(
    (name, run) => {
      cases[name] = run;
    },
    () => createFixture(fault),
  );
  return cases;
}

/** Runs all cases concurrently, each with its own backend. Returns the failed cases with their messages. */
async function failuresOf(fault: Fault | undefined, only: (name: string) => boolean = () => true) {
  const failures = new Map<string, string>();
  const cases = Object.entries(casesFor(fault)).filter(([name]) => only(name));
  const fail = (name: string) => (error: unknown) => void failures.set(name, String(error));
  await Promise.all(cases.map(([name, run]) => run().catch(fail(name))));
  return failures;
}

describe('storeSuite on broken stores', () => {
  const names = Object.keys(FAULTS) as FaultName[];
  const failed = new Map<FaultName, Map<string, string>>();
  const runners = process.listeners('unhandledRejection');

  beforeAll(async () => {
    const queue = names
      .filter((name) => name !== ALONE)
      .sort((one, two) => Number(SLOW.test(two)) - Number(SLOW.test(one)));
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
          failed.set(name, await failuresOf(FAULTS[name]));
        }
      }),
    );
    // The runner would attribute the unhandled rejection to this test.
    process.removeAllListeners('unhandledRejection');
    failed.set(ALONE, await failuresOf(FAULTS[ALONE], (name) => name === 'outage: ping rejects'));
  }, 60_000);

  afterAll(() => {
    for (const listener of runners) {
      if (!process.listeners('unhandledRejection').includes(listener)) process.on('unhandledRejection', listener);
    }
  });

  it('passes the healthy store', async () => {
    expect([...(await failuresOf(undefined))]).toEqual([]);
  });

  it.each(names)('fails the store that %s', (fault) => {
    const failures = [...(failed.get(fault) ?? [])];
    for (const [start, words] of Object.entries(CAUGHT[fault])) {
      const [found, ...others] = Object.keys(CASES).filter((name) => name.startsWith(start));
      expect(others, `one case begins with ${start}`).toEqual([]);
      const message = new Map(failures).get(found ?? '');
      expect(message, `failing: ${failures.map(([name]) => name).join('; ')}`).toMatch(words);
    }
  });

  it('has no case that no broken store fails', () => {
    const caught = new Set([...failed.values()].flatMap((failures) => [...failures.keys()]));
    expect(Object.keys(CASES).filter((name) => !caught.has(name))).toEqual([]);
  });
});
