import { type MailboxStore, REVISION_CHARACTERS, type StoredValue } from '../../src/relay/store/contract.js';

/* Copy this file, and replace every use of `backend`. It runs as it is, on a Map that stands for a server's table. */

/** A row: one mailbox, whole. All of its state is in one value under one key, so that one change changes all of it. */
interface Row {
  readonly value: string;
  /** Unix time in ms. Absolute: a relative one grows by each delay on the way, and by each retry. */
  readonly expiresAt: number;
}

/** What the template's backend is: rows by key. Yours is a client, a pool, an open file. */
export type TemplateBackend = Map<string, Row>;

/** The template's further options. */
export interface TemplateStoreOptions {
  /** The clock of the backend, Unix time in ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/**
 * A mailbox store to start from, for authors of adapters: it obeys the contract, and its comments say what each line
 * has to do on a real backend, why, and what usually goes wrong. Prove yours with `storeSuite` of
 * `credential-relay/testing`, on a real server, opened from several processes, with a `breakBackend` that stops it.
 *
 * CONSTRUCTION is synchronous, and reaches for nothing: a relay boots while its backend is down, rejects calls, and
 * works once the backend does. What can never work (an option out of range, a missing package) is a TypeError or Error
 * here. No text of an error may repeat a URL: it may hold a password.
 *
 * @param backend the connection that the host has already; accept a URL as well, and remember which of the two it was
 */
export function templateStore(backend: TemplateBackend, options: TemplateStoreOptions = {}): MailboxStore {
  // CLOCK. One clock judges all deadlines: the backend's (`clock_timestamp()`, Redis TIME), not each process's own.
  // With two clocks, one instance takes over a mailbox that another still serves. Where the backend cannot tell the
  // time inside a statement, pass it in, and report the skew in `ping`.
  const clock = options.clock ?? Date.now;

  // LIVE. An entry AT its deadline is gone: `>`, never `>=`. Every statement says so itself; it never relies on a sweep
  // or on the backend's own expiry having been there already: both are late.
  const isLive = (row: Row | undefined, now: number): row is Row => row !== undefined && row.expiresAt > now;

  return {
    // CAPABILITIES. 'distributed' only if both changes below are atomic among all processes that can reach the backend:
    // the relay warns its operator about 'process'. `durable` if an acknowledged write outlives the process that made
    // it. `storesObjects` is for memory only: leave it out, and every value that you get is text.
    capabilities: { atomic: 'process', nativeExpiry: false, durable: false },

    // GET. One round trip, and it changes nothing: to delete what has expired while reading kills the new entry that
    // somebody creates between your read and your delete (that race was lost in 395 of 400 attempts).
    // `undefined` is a statement about a backend that answered. When it does not answer, REJECT: a 404 for a mailbox
    // that is there makes a device give up its key. Beware of clients that turn errors into `undefined` or `false`.
    async get(key) {
      const row = backend.get(key); // SELECT value, expires_at … WHERE key = $1 AND expires_at > now
      if (!isLive(row, clock())) return undefined;
      return { value: row.value, revision: revisionIn(row.value), expiresAt: row.expiresAt };
    },

    // REVISION: what `get` tells of it, without the value, which may be 100 kB: long polls ask for nothing else. Leave it
    // out where that saves nothing. Like `get` it rejects in an outage, and knows no entry past its deadline.
    //   SELECT revision FROM … WHERE key = $1 AND expires_at > now; GETRANGE key 0 15
    async revision(key) {
      const row = backend.get(key);
      return isLive(row, clock()) ? revisionIn(row.value) : undefined;
    },

    // CREATE: put if absent, in ONE statement, where an expired leftover counts as absent. Not a read and then a write:
    // of two that read "nothing there" at once both would write, and two senders would hold one mailbox.
    //   INSERT … ON CONFLICT (key) DO UPDATE SET … WHERE table.expires_at <= now RETURNING 1   (a row: true)
    //   SET key value NX PXAT expiresAt, in a script that has checked the deadline
    // The answer has to come from the statement that wrote. A deadline that has passed is an error, not a success: the
    // entry would be gone before the sender has its link. Check it where the clock is, and keep nothing then. Many
    // backends take a bad time to live (0, NaN, negative, a fraction) for "forever": demand a safe integer first.
    async create(key, value, expiresAt) {
      const text = demandText(value);
      demandDeadline(expiresAt);
      // From here to `set` there is no `await`, which is what makes this atomic, in one process and on a Map only.
      const now = clock();
      if (expiresAt <= now) throw new RangeError('The deadline of a new entry has passed.');
      if (isLive(backend.get(key), now)) return false;
      backend.set(key, { value: text, expiresAt });
      return true;
    },

    // FULL. Where the backend has no room, reject with a StoreFullError, or an error whose `code` is 'store_full': the relay
    // answers 503 `store_full`, and tells its operator. Never drop a live entry to make room: its devices would lose a key.
    // A replace that does not grow (a deletion, for one) should work all the same.

    // REPLACE: compare and set, in ONE statement. Exactly one of any number of callers that name one revision gets
    // 'ok': that is the receiver who is bound, the update that is not lost. The revision is the first 16 characters of
    // the stored text, so compare that prefix, exactly (no collation, no case folding, no trimming); comparing the whole
    // value costs a third of the throughput, and needs no less care.
    //   UPDATE … SET value = $1 WHERE key = $2 AND expires_at > now AND substr(value, 1, 16) = $3 RETURNING 1
    //   a Lua script: GET, compare, SET … KEEPTTL
    // The deadline STAYS unless one is given: plain SET in Redis forgets it, and "time to live again" lengthens it. On
    // 0 rows, ask once more to tell 'conflict' from 'missing'. That may see a later state; both answers are true of it.
    // NEVER RETRY A WRITE by yourself after a time-out: it may have been made, and your second attempt would then answer
    // 'conflict' to its own success. Reject; the relay reads again and finds out. Switch off retries of the client.
    async replace(key, revision, value, expiresAt) {
      const text = demandText(value);
      if (expiresAt !== undefined) demandDeadline(expiresAt);
      const row = backend.get(key); // Again no `await` from here to `set`.
      if (!isLive(row, clock())) return 'missing';
      if (revisionIn(row.value) !== revision) return 'conflict';
      backend.set(key, { value: text, expiresAt: expiresAt ?? row.expiresAt });
      return 'ok';
    },

    // SWEEP. Leave it out where the backend expires by itself, and say `nativeExpiry: true`. Else erase up to `limit`
    // expired entries and tell how many; the relay calls again while you erase as many as it asked for. It has to cost
    // what the expired entries cost, so index the deadline (this loop does not: fine for a template, not for a million
    // rows). The delete itself checks the deadline again, as the key may have a new entry by then. Of many processes
    // that sweep at once each erases its own (FOR UPDATE SKIP LOCKED) or one works (an advisory lock).
    async sweep(limit) {
      const now = clock();
      let erased = 0;
      for (const [key, row] of backend) {
        if (erased === limit) break;
        if (isLive(row, now)) continue;
        backend.delete(key);
        erased += 1;
      }
      return erased;
    },

    // PING asks the backend itself, through the connection that the calls use, for its time: backend minus this
    // machine, less half the round trip. It rejects when the others would.
    async ping() {
      return { clockSkewMs: clock() - Date.now() };
    },

    // CLOSE ends what you opened, not what the host handed to you, and stands being called twice. Calls that are under
    // way settle. No timer, socket or listener of yours may keep the process alive afterwards.
    async close() {},

    // EVERY CALL settles within two seconds, where the relay gives up on it: set the client's connect and statement
    // time-outs below that, and switch off queues that hold calls while the connection is down. An 'error' event of a
    // pool or socket that nobody listens to ends the process: listen, even if only to ignore it; the calls will tell.
    // Errors that you reject with carry a `code`: it is what the relay's events show of them.
  };
}

function revisionIn(text: string): string {
  return text.slice(0, REVISION_CHARACTERS);
}

/** Objects are for stores with `storesObjects`. What your backend would change (U+0000, say), refuse here. */
function demandText(value: StoredValue): string {
  if (typeof value === 'string') return value;
  throw new TypeError('This store keeps text only.');
}

function demandDeadline(expiresAt: number): void {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError('A deadline is a safe integer of milliseconds.');
}
