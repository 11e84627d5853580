import {
  assertDeadline,
  assertText,
  DEFAULT_PING_KEY,
  type MailboxStore,
  REVISION_CHARACTERS,
  type StoreCapabilities,
  type StoredEntry,
  type StoredValue,
  StoreError,
  type StoreHealth,
} from 'credential-relay';

/* Copy this file, and replace each use of `backend`. The file runs as it is, on a Map in place of a server's table. */

/** A row: one mailbox. The whole state is one value under one key, so that one statement changes all of it. */
interface Row {
  readonly value: string;
  /** Unix time in ms. Absolute, since network delays and retries would lengthen a relative time. */
  readonly expiresAt: number;
}

/** The backend of the template: rows by key. Your backend is a client, a pool, or an open file. */
export type TemplateBackend = Map<string, Row>;

/** Options of {@link templateStore}. */
export interface TemplateStoreOptions {
  /** Returns the Unix time of the backend in ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/**
 * Creates a mailbox store. A template for authors of adapters: it fulfils the contract, and its comments name the
 * duties of each method on a real backend, the reasons, and the usual mistakes. Test your adapter with `storeSuite` of
 * `credential-relay/testing`: on a real server, opened from several processes, with a `breakBackend` that stops the
 * server.
 *
 * CONSTRUCTION is synchronous and opens no connection: a relay starts while its backend is down, rejects calls, and
 * recovers with the backend. Throw a TypeError or an Error here for permanent faults (an option out of range, a missing
 * package). No message may repeat a URL, which may hold a password.
 *
 * @param backend - The connection of the host. Accept a URL as well, and remember whether the store opened the
 *   connection.
 */
export function templateStore(backend: TemplateBackend, options: TemplateStoreOptions = {}): MailboxStore {
  return new TemplateStore(backend, options.clock ?? Date.now);
}

class TemplateStore implements MailboxStore {
  // CAPABILITIES. 'distributed' only if `create` and `replace` are atomic among all processes with access to the
  // backend; for 'process' the relay warns its operator. `durable` if an acknowledged write survives the end of the
  // process. Leave `storesObjects` out: it is for stores in memory, and without it each value is text.
  readonly capabilities: StoreCapabilities = { atomic: 'process', nativeExpiry: false, durable: false };

  readonly #backend: TemplateBackend;

  // CLOCK. One clock decides about all deadlines: the clock of the backend (`clock_timestamp()`, Redis TIME), not those
  // of the processes. With two clocks, one process could replace a mailbox that another process still serves. If a
  // statement cannot read the backend's clock, pass the time as a parameter, and report the skew in `ping`.
  readonly #clock: () => number;

  constructor(backend: TemplateBackend, clock: () => number) {
    this.#backend = backend;
    this.#clock = clock;
  }

  // GET. One round trip, without changes: a `get` that deletes an expired row may delete the new row that another
  // process creates between the read and the delete (395 of 400 attempts lost this race). `undefined` means that the
  // backend answered. If the backend does not answer, REJECT: a 404 for an existing mailbox makes a device discard its
  // key. Some clients turn errors into `undefined` or `false`; check yours.   SELECT value, expires_at … WHERE key = $1
  // AND expires_at > now
  async get(key: string): Promise<StoredEntry | undefined> {
    const row = this.#getLive(key, this.#clock());
    return row && { value: row.value, revision: readRevision(row.value), expiresAt: row.expiresAt };
  }

  // REVISION. The revision that `get` would return, without the value, which may be 100 kB: long polls need nothing
  // else. Leave the method out if it would save nothing. Like `get` it rejects in an outage, and ignores expired
  // entries.   SELECT revision FROM … WHERE key = $1 AND expires_at > now; GETRANGE key 0 15
  async revision(key: string): Promise<string | undefined> {
    const row = this.#getLive(key, this.#clock());
    return row && readRevision(row.value);
  }

  // CREATE. Put if absent, in ONE statement; an expired row counts as absent. With a read followed by a write, two
  // concurrent callers could both read "absent" and both write, and two senders would share a mailbox.   INSERT … ON
  // CONFLICT (key) DO UPDATE SET … WHERE table.expires_at <= now RETURNING 1   (a row: true)   SET key value NX PXAT
  // expiresAt, in a script that has checked the deadline The result must come from the statement that wrote. A deadline
  // in the past is an error: the entry would have expired before the sender receives the link. Check the deadline by
  // the backend's clock, and store nothing then. Many backends treat an invalid time to live (0, NaN, negative, a
  // fraction) as "forever", so assert a safe integer first. If the backend changes some text (U+0000, for example),
  // reject such values here.
  async create(key: string, value: StoredValue, expiresAt: number): Promise<boolean> {
    assertText(value);
    assertDeadline(expiresAt);
    // No `await` from here to `set`: this makes the change atomic, but only in one process and on a Map.
    const now = this.#clock();
    if (expiresAt <= now) throw new RangeError('The deadline of a new entry has passed.');
    if (this.#getLive(key, now) !== undefined) return false;
    this.#backend.set(key, { value, expiresAt });
    return true;
  }

  // FULL. If the backend has no space, reject with a StoreFullError, or with an error whose `code` is 'store_full': the
  // relay responds with 503 `store_full` and notifies its operator. Never drop a live entry to make room: its devices
  // would lose a key. A replace by a value that is not longer (such as a deletion) should still succeed.

  // REPLACE. Compare and set, in ONE statement. Of any number of callers with the same revision exactly one gets 'ok':
  // so only one receiver is bound, and no update is lost. The revision is the first 16 characters of the stored text.
  // Compare this prefix exactly (no collation, case folding or trimming); a comparison of the whole value costs a third
  // of the throughput and needs the same care.   UPDATE … SET value = $1 WHERE key = $2 AND expires_at > now AND
  // substr(value, 1, 16) = $3 RETURNING 1   a Lua script: GET, compare, SET … KEEPTTL The deadline STAYS if `expiresAt`
  // is undefined: a plain SET in Redis removes the deadline, and a renewed time to live lengthens it. After 0 rows,
  // read again to distinguish 'conflict' from 'missing'; a later state is fine for this. NEVER RETRY A WRITE after a
  // time-out: the write may have succeeded, and the retry would then return 'conflict' to the successful caller.
  // Reject; the relay reads the entry again. Switch off the retries of the client.
  async replace(
    key: string,
    revision: string,
    value: StoredValue,
    expiresAt?: number,
  ): Promise<'ok' | 'conflict' | 'missing'> {
    assertText(value);
    if (expiresAt !== undefined) assertDeadline(expiresAt);
    const row = this.#getLive(key, this.#clock()); // No `await` from here to `set`, as in `create`.
    if (row === undefined) return 'missing';
    if (readRevision(row.value) !== revision) return 'conflict';
    this.#backend.set(key, { value, expiresAt: expiresAt ?? row.expiresAt });
    return 'ok';
  }

  // SWEEP. Leave the method out if the backend expires entries itself, and set `nativeExpiry: true`. Otherwise erase up
  // to `limit` expired entries and return their number; the relay calls again as long as the number equals the limit.
  // The cost must depend on the expired entries only, so index the deadline (this loop visits all rows, which is
  // acceptable for a template). The delete itself checks the deadline again, as the key may have a new entry. Of
  // several processes that sweep at once, each erases different rows (FOR UPDATE SKIP LOCKED), or only one works (an
  // advisory lock).
  async sweep(limit: number): Promise<number> {
    const now = this.#clock();
    let erased = 0;
    for (const [key, row] of this.#backend) {
      if (erased === limit) break;
      if (isLive(row, now)) continue;
      this.#backend.delete(key);
      erased += 1;
    }
    return erased;
  }

  // PING asks the backend for its time, over the connection of the other calls: the time of the backend minus the time
  // of this machine, less half of the round trip. It REJECTS IF THE OTHER CALLS WOULD: a backend may answer and refuse
  // the work (no right to the key or the table, a replica, a full memory). So try the statements of `create`,
  // `replace` and `get`, on `key`, which lies in the namespace of the relay. Several processes do so at once: add a
  // random ending to the key, or roll the transaction back. Leave no entry behind. Reject with a StoreError, whose
  // message names the cause and the remedy.
  async ping(key: string = DEFAULT_PING_KEY): Promise<StoreHealth> {
    const now = this.#clock();
    const own = `${key}-${Math.random()}`;
    this.#backend.set(own, { value: '0'.repeat(REVISION_CHARACTERS), expiresAt: now + 1000 });
    const isStored = this.#getLive(own, now) !== undefined;
    this.#backend.delete(own);
    if (!isStored) throw new StoreError('not_stored', 'The Map keeps no entry; pass another Map.');
    return { clockSkewMs: now - Date.now() };
  }

  // CLOSE closes the connections that the store opened, but not those of the host. A second call does no harm. Pending
  // calls settle. Afterwards no timer, socket or listener of the store may keep the process alive.
  async close(): Promise<void> {}

  // EACH CALL settles within 2 s, after which the relay stops waiting: set shorter time-outs for connecting and for
  // statements, and switch off queues that hold calls while the connection is down. An 'error' event of a pool or
  // socket without a listener ends the process, so add a listener, even an empty one; the calls report the failure.
  // Reject with a StoreError: the event `store.failed` shows its code and its message. Of any other error it shows the
  // code only.

  // LIVE. An entry AT its deadline has expired: `>`, never `>=`. Each statement checks this condition, and relies
  // neither on a sweep nor on the expiry of the backend: both run later than the deadline.
  #getLive(key: string, now: number): Row | undefined {
    const row = this.#backend.get(key);
    return row !== undefined && isLive(row, now) ? row : undefined;
  }
}

function isLive(row: Row, now: number): boolean {
  return row.expiresAt > now;
}

function readRevision(text: string): string {
  return text.slice(0, REVISION_CHARACTERS);
}
