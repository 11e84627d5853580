import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createRelay, type Relay } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../../adapters/store/sqlite/index.js';
import { createBody, device, PUBLIC_URL, sharedMailbox, somePayload } from '../../../support/relay/relay.js';
import { hostDatabase, replaceByFolder, testFolder } from '../../../support/sqlite/stores.js';

const folder = testFolder();
const key = randomBytes(32);
const unavailable = { status: 503, json: { code: 'store_unavailable' } };

const relayOn = (store: ReturnType<typeof sqliteStore>): Relay =>
  createRelay({ publicUrl: PUBLIC_URL, store, keys: [key] });

describe('a relay on SQLite', () => {
  it('the relay on SQLite continues a transfer after a restart', async () => {
    const file = join(folder, 'transfer.db');
    const first = relayOn(sqliteStore(file));
    const body = createBody();
    const { sender, url } = await sharedMailbox(first, body);
    const receiver = device(first);
    expect((await receiver.read(url)).json.payload).toEqual(body.payload);
    const answer = somePayload();
    expect((await receiver.update(url, answer)).status).toBe(200);
    await first.close();

    const second = relayOn(sqliteStore(file));
    expect((await device(second).read(url)).status).toBe(401);
    const senderAfter = device(second, sender.claim);
    expect((await senderAfter.read(url)).json.payload).toEqual(answer);
    const provisioning = somePayload();
    expect((await senderAfter.update(url, provisioning)).status).toBe(200);
    const receiverAfter = device(second, receiver.claim);
    expect((await receiverAfter.read(url)).json.payload).toEqual(provisioning);
    expect((await receiverAfter.delete(url)).status).toBe(200);
    expect((await senderAfter.read(url)).status).toBe(404);
    await second.close();
  });

  it('two relays on one SQLite file bind exactly one receiver', async () => {
    const file = join(folder, 'two.db');
    const relays = [relayOn(sqliteStore(file)), relayOn(sqliteStore(file))] as const;
    const { url } = await sharedMailbox(relays[0]);
    const reads = Array.from({ length: 20 }, (_, index) => device(relays[index % 2 === 0 ? 0 : 1]).read(url));
    const statuses = (await Promise.all(reads)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 401)]);
    for (const relay of relays) await relay.close();
  });

  it('the relay answers 503 while the SQLite file is full, locked or read-only, and recovers', async () => {
    const file = join(folder, 'trouble.db');
    const database = hostDatabase(file);
    database.exec('PRAGMA journal_mode = WAL');
    const relay = relayOn(sqliteStore(database, { busyTimeoutMs: 30 }));
    const { sender, url } = await sharedMailbox(relay);
    const doomed = await sharedMailbox(relay);
    const other = hostDatabase(file);
    const troubles = [
      // With any limit a database keeps its existing pages.
      [
        () => database.exec('PRAGMA max_page_count = 1'),
        () => database.exec('PRAGMA max_page_count = 100000'),
        { code: 'store_full', retryAfter: '30' },
      ],
      [() => other.exec('BEGIN IMMEDIATE'), () => other.exec('COMMIT'), { code: 'store_unavailable', retryAfter: '1' }],
      [
        () => database.exec('PRAGMA query_only = ON'),
        () => database.exec('PRAGMA query_only = OFF'),
        { code: 'store_unavailable', retryAfter: '1' },
      ],
    ] as const;
    const big = { type: 'AEAD_AES_128_GCM', data: randomBytes(12_000).toString('base64') };
    for (const [begin, end, { code, retryAfter }] of troubles) {
      begin();
      for (const answer of [await sender.create(createBody({ payload: big })), await sender.update(url, big)]) {
        expect(answer).toMatchObject({ status: 503, json: { code } });
        expect(answer.headers.get('Retry-After')).toBe(retryAfter);
      }
      // Reads still work.
      expect((await sender.read(url)).status).toBe(200);
      if (code === 'store_full') expect((await doomed.sender.delete(doomed.url)).status).toBe(200);
      end();
      expect((await sender.update(url)).status).toBe(200);
    }
    await relay.close();
  });

  it('the relay answers 503 while the SQLite file is missing, also at the start, and recovers with the file', async () => {
    const file = join(folder, 'away.db');
    const relay = relayOn(sqliteStore(file));
    const { sender, url } = await sharedMailbox(relay);
    const bringBack = replaceByFolder(file);
    const booted = relayOn(sqliteStore(file));
    for (const each of [relay, booted]) {
      const someone = device(each, sender.claim);
      const calls = [someone.create(), someone.preview(url), someone.read(url), someone.update(url)];
      for (const answer of await Promise.all([...calls, someone.delete(url)]))
        expect(answer).toMatchObject(unavailable);
    }
    bringBack();
    for (const each of [relay, booted]) {
      expect((await device(each, sender.claim).read(url)).status).toBe(200);
      await each.close();
    }
  });
});
